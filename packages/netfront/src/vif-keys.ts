import {
  KEY_CTRL_RING_REF,
  KEY_EVENT_CHANNEL,
  KEY_EVENT_CHANNEL_CTRL,
  KEY_EVENT_CHANNEL_RX,
  KEY_EVENT_CHANNEL_TX,
  KEY_FEATURE_CTRL_RING,
  KEY_FEATURE_GSO_TCPV4,
  KEY_FEATURE_GSO_TCPV6,
  KEY_FEATURE_IPV6_CSUM_OFFLOAD,
  KEY_FEATURE_NO_CSUM_OFFLOAD,
  KEY_FEATURE_RX_COPY,
  KEY_FEATURE_RX_NOTIFY,
  KEY_FEATURE_SG,
  KEY_FEATURE_SPLIT_EVENT_CHANNELS,
  KEY_FEATURE_XDP_HEADROOM,
  KEY_MULTI_QUEUE_MAX_QUEUES,
  KEY_MULTI_QUEUE_NUM_QUEUES,
  KEY_REQUEST_RX_COPY,
  KEY_RX_RING_REF,
  KEY_TX_RING_REF,
  KEY_XDP_HEADROOM,
} from '@netaccel/xen/netif'
import type { CleanupStack, Domain, XenbusDevice } from '@netaccel/xen'
import type { QueueKeys } from './connect.js'
import type { ControlKeys } from './control/control-ring.js'
import type { HashSetting } from './control/hash-control.js'
import { NetfrontError } from './errors.js'

/** What the guest's side wants of its device. */
export interface VifWishes {
  /** What this guest takes from the backend. All default true. */
  readonly sg?: boolean
  readonly gso?: boolean
  readonly checksum?: boolean
  /** Go to Connected with the keys at once and wait for nothing, as mini-os does. Default false. */
  readonly eager?: boolean
  /** An event channel for each ring where the backend takes them. Default true, as in Linux. */
  readonly splitEvents?: boolean
  /** Bytes to be left free at the start of each received page, 0 to 2048. Default 0. */
  readonly headroom?: number
  /**
   * False: the backend is granted copies in zeroed pages of their own and nothing that the stack holds, 1.5 MiB a queue. Default
   * true; the toolstack's key `trusted` = 0 says the same.
   */
  readonly trusted?: boolean
  /** How the backend is to spread over the queues what it sends; told over a control ring, if the backend has one. */
  readonly hash?: HashSetting
  /** Buffers to send from are granted for good to a backend that takes that; it may then read them at any time. Default false. */
  readonly staticGrants?: boolean
  /** A control ring where the backend has one, also without a {@link hash}. Default false, as in Linux. */
  readonly controlRing?: boolean
}

/** What the stack may hand out: GSO and blank checksums, as the backend takes them. */
export interface VifFeatures {
  readonly sg: boolean
  readonly gso: boolean
  readonly checksum: boolean
}

export const NO_FEATURES: VifFeatures = { sg: false, gso: false, checksum: false }

/** What the backend's directory offers. */
export interface BackendOffer {
  readonly features: VifFeatures
  /** multi-queue-max-queues; undefined: the backend knows nothing of queues. */
  readonly maxQueues: number | undefined
  /** A channel for each ring (feature-split-event-channels). */
  readonly splitEvents: boolean
  /** It can leave room at the start of each page (feature-xdp-headroom). */
  readonly headroom: boolean
  /** feature-ctrl-ring */
  readonly controlRing: boolean
}

/** Read what the backend offers. Throws NetfrontError BAD_BACKEND for one that does not copy to its guests. */
export async function readBackend(device: XenbusDevice, wishes: VifWishes): Promise<BackendOffer> {
  const keys = [
    KEY_FEATURE_SG,
    KEY_FEATURE_GSO_TCPV4,
    KEY_FEATURE_GSO_TCPV6,
    KEY_FEATURE_RX_COPY,
    KEY_MULTI_QUEUE_MAX_QUEUES,
    KEY_FEATURE_SPLIT_EVENT_CHANNELS,
    KEY_FEATURE_XDP_HEADROOM,
    KEY_FEATURE_CTRL_RING,
  ]
  const read = keys.map((key) => device.readOtherend(key))
  const [sg, gso4, gso6, rxCopy, maxQueues, split, headroom, control] = await Promise.all(read)
  if (!isYes(rxCopy) && wishes.eager !== true) {
    throw new NetfrontError(
      'BAD_BACKEND',
      `the backend of ${device.nodename} does not copy to the guest (${KEY_FEATURE_RX_COPY}): only copying backends are served`,
    )
  }
  const canSg = isYes(sg) && wishes.sg !== false
  const features = {
    sg: canSg,
    gso: canSg && isYes(gso4) && isYes(gso6) && wishes.gso !== false,
    checksum: true,
  }
  return {
    features,
    maxQueues: maxQueues === undefined ? undefined : countOf(maxQueues),
    splitEvents: isYes(split),
    headroom: isYes(headroom),
    controlRing: isYes(control),
  }
}

/** A flag of the store: any number but 0 (xenbus_read_unsigned). */
function isYes(value: string | undefined): boolean {
  return /^0*[1-9]\d*$/.test(value ?? '')
}

/** A backend that offers no sensible number of queues offers one. */
function countOf(text: string): number {
  return /^[1-9]\d{0,9}$/.test(text) ? Number(text) : 1
}

/**
 * Tell the backend of the rings and of what this guest takes. All keys in one transaction: a backend sees none of them
 * or all. The rings of a single queue stand in the device's own directory, those of several in `queue-0`, `queue-1` and
 * so on; the number of queues is written for a backend that asks for it. The keys' removal is pushed on `cleanup`.
 */
export async function writeKeys(
  domain: Domain,
  device: XenbusDevice,
  wishes: VifWishes,
  queues: readonly QueueKeys[],
  multiQueue: boolean,
  control: ControlKeys | null,
  cleanup: CleanupStack,
): Promise<void> {
  const entries = entriesOf(wishes, queues, multiQueue)
  if (control !== null) {
    entries[KEY_CTRL_RING_REF] = String(control.ringRef)
    entries[KEY_EVENT_CHANNEL_CTRL] = String(control.eventChannel)
  }
  cleanup.push('keys', () => removeKeys(domain, device, topKeys(entries)))
  await domain.store.transaction(async (tx) => {
    for (const [key, value] of Object.entries(entries)) await tx.write(`${device.nodename}/${key}`, value)
  })
}

function entriesOf(
  wishes: VifWishes,
  queues: readonly QueueKeys[],
  multiQueue: boolean,
): Record<string, string> {
  const sg = wishes.sg !== false
  const entries: Record<string, string> = {}
  if (multiQueue) entries[KEY_MULTI_QUEUE_NUM_QUEUES] = String(queues.length)
  for (const [index, keys] of queues.entries()) {
    const under = queues.length === 1 ? '' : `queue-${index}/`
    for (const [key, value] of Object.entries(queueEntries(keys))) entries[under + key] = value
  }
  entries[KEY_REQUEST_RX_COPY] = '1'
  if (wishes.eager !== true) entries[KEY_FEATURE_RX_NOTIFY] = '1'
  if (sg) entries[KEY_FEATURE_SG] = '1'
  if (sg && wishes.gso !== false) entries[KEY_FEATURE_GSO_TCPV4] = entries[KEY_FEATURE_GSO_TCPV6] = '1'
  if (wishes.checksum !== false) entries[KEY_FEATURE_IPV6_CSUM_OFFLOAD] = '1'
  else entries[KEY_FEATURE_NO_CSUM_OFFLOAD] = '1'
  if (wishes.headroom !== undefined && wishes.headroom > 0)
    entries[KEY_XDP_HEADROOM] = String(wishes.headroom)
  return entries
}

function queueEntries(keys: QueueKeys): Record<string, string> {
  const rings = { [KEY_TX_RING_REF]: String(keys.txRingRef), [KEY_RX_RING_REF]: String(keys.rxRingRef) }
  const { txEventChannel: tx, rxEventChannel: rx } = keys
  if (tx === rx) return { ...rings, [KEY_EVENT_CHANNEL]: String(tx) }
  return { ...rings, [KEY_EVENT_CHANNEL_TX]: String(tx), [KEY_EVENT_CHANNEL_RX]: String(rx) }
}

/** Keys and directories of the device's own directory: a queue's goes as a whole. */
function topKeys(entries: Readonly<Record<string, string>>): readonly string[] {
  return [...new Set(Object.keys(entries).map((key) => key.split('/')[0] ?? key))]
}

async function removeKeys(domain: Domain, device: XenbusDevice, keys: readonly string[]): Promise<void> {
  await domain.store.transaction(async (tx) => {
    for (const key of keys) {
      const path = `${device.nodename}/${key}`
      if ((await tx.read(path)) !== undefined) await tx.rm(path)
    }
  })
}
