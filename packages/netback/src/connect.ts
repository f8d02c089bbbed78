import { BackRing, LateEoi, MappedPage } from '@netaccel/xen'
import {
  KEY_EVENT_CHANNEL,
  KEY_EVENT_CHANNEL_RX,
  KEY_EVENT_CHANNEL_TX,
  KEY_FEATURE_GSO_TCPV4,
  KEY_FEATURE_GSO_TCPV6,
  KEY_FEATURE_IPV6_CSUM_OFFLOAD,
  KEY_FEATURE_NO_CSUM_OFFLOAD,
  KEY_FEATURE_RX_NOTIFY,
  KEY_FEATURE_SG,
  KEY_MULTI_QUEUE_NUM_QUEUES,
  KEY_REQUEST_RX_COPY,
  KEY_RX_RING_REF,
  KEY_TX_RING_REF,
  XEN_NETIF_RX_SLOT_BYTES,
  XEN_NETIF_TX_SLOT_BYTES,
} from '@netaccel/xen/netif'
import type { CleanupStack, Domain, XenbusDevice } from '@netaccel/xen'
import type { BackLink, BackQueue } from './back-queue.js'
import { NetbackError } from './errors.js'
import type { GuestFeatures } from './features.js'

/** What a frontend has written of one queue. */
export interface QueueKeys {
  readonly txRingRef: number
  readonly rxRingRef: number
  /** The same port twice: both rings have one channel. */
  readonly txEventChannel: number
  readonly rxEventChannel: number
}

/** What a frontend has written, read once and checked. */
export interface FrontendKeys {
  readonly queues: readonly QueueKeys[]
  readonly features: GuestFeatures
}

const QUEUE_KEYS = [
  KEY_TX_RING_REF,
  KEY_RX_RING_REF,
  KEY_EVENT_CHANNEL,
  KEY_EVENT_CHANNEL_RX,
  KEY_EVENT_CHANNEL_TX,
] as const

const KEYS = [
  KEY_REQUEST_RX_COPY,
  KEY_FEATURE_SG,
  KEY_FEATURE_GSO_TCPV4,
  KEY_FEATURE_GSO_TCPV6,
  KEY_FEATURE_NO_CSUM_OFFLOAD,
  KEY_FEATURE_IPV6_CSUM_OFFLOAD,
  KEY_FEATURE_RX_NOTIFY,
  KEY_MULTI_QUEUE_NUM_QUEUES,
] as const

/**
 * Read a frontend's keys. Throws BAD_FRONTEND with the key that is missing or makes no sense: one that asks for no queue, or
 * for more than the `maxQueues` that it is offered, gets none.
 */
export async function readFrontend(device: XenbusDevice, maxQueues: number): Promise<FrontendKeys> {
  const path = device.otherend
  const values = await Promise.all(KEYS.map((key) => device.readOtherend(key)))
  const value = (key: (typeof KEYS)[number]): string | undefined => values[KEYS.indexOf(key)]
  const flag = (key: (typeof KEYS)[number]): boolean => /^[1-9]\d*$/.test(value(key) ?? '0')
  const count = number(path, KEY_MULTI_QUEUE_NUM_QUEUES, value(KEY_MULTI_QUEUE_NUM_QUEUES) ?? '1')
  if (count < 1 || count > maxQueues) {
    throw new NetbackError(
      'BAD_FRONTEND',
      `${path}/${KEY_MULTI_QUEUE_NUM_QUEUES} is ${count}: 1 to ${maxQueues} queues are offered here`,
    )
  }
  if (!flag(KEY_REQUEST_RX_COPY)) {
    throw new NetbackError(
      'BAD_FRONTEND',
      `${path}/${KEY_REQUEST_RX_COPY} is not 1: pages are not flipped here, set it`,
    )
  }
  return {
    queues: await readQueues(device, count),
    features: {
      sg: flag(KEY_FEATURE_SG),
      gsoTcpv4: flag(KEY_FEATURE_GSO_TCPV4),
      gsoTcpv6: flag(KEY_FEATURE_GSO_TCPV6),
      ipv4Checksum: !flag(KEY_FEATURE_NO_CSUM_OFFLOAD),
      ipv6Checksum: flag(KEY_FEATURE_IPV6_CSUM_OFFLOAD),
      rxNotify: flag(KEY_FEATURE_RX_NOTIFY),
    },
  }
}

/** The keys of a single queue stand in the device's own directory, those of several in `queue-0`, `queue-1` and so on. */
function readQueues(device: XenbusDevice, count: number): Promise<QueueKeys[]> {
  if (count === 1) return readQueue(device, '').then((keys) => [keys])
  return Promise.all(Array.from({ length: count }, (_, index) => readQueue(device, `queue-${index}/`)))
}

async function readQueue(device: XenbusDevice, under: string): Promise<QueueKeys> {
  const path = device.otherend
  const values = await Promise.all(QUEUE_KEYS.map((key) => device.readOtherend(under + key)))
  const value: QueueValue = (key) => values[QUEUE_KEYS.indexOf(key)]
  return {
    txRingRef: number(path, under + KEY_TX_RING_REF, value(KEY_TX_RING_REF)),
    rxRingRef: number(path, under + KEY_RX_RING_REF, value(KEY_RX_RING_REF)),
    ...eventChannels(path, under, value),
  }
}

type QueueValue = (key: (typeof QUEUE_KEYS)[number]) => string | undefined

/** A pair of channels if both keys are there, else the one that the rings share (Linux connect_data_rings). */
function eventChannels(
  path: string,
  under: string,
  value: QueueValue,
): Pick<QueueKeys, 'txEventChannel' | 'rxEventChannel'> {
  const [tx, rx] = [value(KEY_EVENT_CHANNEL_TX), value(KEY_EVENT_CHANNEL_RX)]
  if (tx === undefined || rx === undefined) {
    const both = number(path, under + KEY_EVENT_CHANNEL, value(KEY_EVENT_CHANNEL))
    return { txEventChannel: both, rxEventChannel: both }
  }
  return {
    txEventChannel: number(path, under + KEY_EVENT_CHANNEL_TX, tx),
    rxEventChannel: number(path, under + KEY_EVENT_CHANNEL_RX, rx),
  }
}

/** Map the rings of one queue and bind its event channels, each pushed on `cleanup`; then serve it. */
export function connectQueue(
  domain: Domain,
  queue: BackQueue,
  guest: number,
  keys: QueueKeys,
  features: GuestFeatures,
  cleanup: CleanupStack,
): void {
  const tx = mapRing(domain, guest, keys.txRingRef, XEN_NETIF_TX_SLOT_BYTES, 'TX', cleanup)
  const rx = mapRing(domain, guest, keys.rxRingRef, XEN_NETIF_RX_SLOT_BYTES, 'RX', cleanup)
  const { txEventChannel, rxEventChannel } = keys
  const split = txEventChannel !== rxEventChannel
  const bind = (remote: number, look: () => boolean): (() => void) =>
    bindChannel(domain, domain.vcpuOf(queue.index), guest, remote, look, cleanup)
  const notifyTx = bind(txEventChannel, split ? () => queue.txEvent() : () => queue.event())
  const notifyRx = split ? bind(rxEventChannel, () => queue.rxEvent()) : notifyTx
  const link: BackLink = { tx, rx, features, split, notifyTx, notifyRx }
  cleanup.push('queue', () => queue.disconnect())
  queue.connect(link)
}

/** Bind one of the guest's channels, on that virtual CPU; gives what raises it. Throws BAD_FRONTEND. */
export function bindChannel(
  domain: Domain,
  vcpu: number,
  guest: number,
  remote: number,
  look: () => boolean,
  cleanup: CleanupStack,
): () => void {
  const { events } = domain
  const eoi = new LateEoi(events, domain.cpus[vcpu], look)
  const port = events.bindInterdomain(guest, remote, eoi.handler, vcpu)
  if (port === undefined) {
    throw new NetbackError('BAD_FRONTEND', `domain ${guest} has no event channel ${remote} for this domain`)
  }
  eoi.attach(port, true)
  cleanup.push('event channel', () => {
    eoi.close()
    events.close(port)
  })
  return () => events.notify(port)
}

/** Map a ring of the guest's; pushed on `cleanup`. Throws BAD_FRONTEND. */
export function mapRing(
  domain: Domain,
  guest: number,
  ref: number,
  slotBytes: number,
  name: 'TX' | 'RX' | 'control',
  cleanup: CleanupStack,
): BackRing {
  const page = domain.grantOps.map(guest, ref, 'rw')
  if (!(page instanceof MappedPage)) {
    throw new NetbackError(
      'BAD_FRONTEND',
      `the ${name} ring of domain ${guest}, grant ${ref}, cannot be mapped: status ${page}`,
    )
  }
  cleanup.push(`${name} ring`, () => {
    domain.grantOps.unmap(page)
  })
  const ring = BackRing.attach(page, slotBytes)
  if (ring === 'impossible') {
    throw new NetbackError(
      'BAD_FRONTEND',
      `the ${name} ring of domain ${guest} holds more requests than it has slots`,
    )
  }
  return ring
}

/** A key that must be a decimal u32. Throws BAD_FRONTEND. */
export function number(path: string, key: string, value: string | undefined): number {
  if (value !== undefined && /^\d{1,10}$/.test(value) && Number(value) <= 0xffffffff) return Number(value)
  throw new NetbackError(
    'BAD_FRONTEND',
    `${path}/${key} is ${value === undefined ? 'missing' : `"${value}"`}: give a number`,
  )
}
