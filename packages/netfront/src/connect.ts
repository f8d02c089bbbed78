import { FrontRing, LateEoi, RingGrants, XenError } from '@netaccel/xen'
import { XEN_NETIF_RX_SLOT_BYTES, XEN_NETIF_TX_SLOT_BYTES } from '@netaccel/xen/netif'
import type { Arena, CleanupStack, Domain, Port } from '@netaccel/xen'
import { BouncePool } from './bounce-pool.js'
import { Quarantine } from './quarantine.js'
import { takeLast } from './poll.js'
import type { QueueLink, TxRxQueue } from './queue.js'
import { RxPacketReader } from './rx-packet.js'
import { RxRing } from './rx-ring.js'
import type { TxPool } from './tx-pool.js'
import { TxRing } from './tx-ring.js'

/** What the backend must be told of one queue. */
export interface QueueKeys {
  readonly txRingRef: number
  readonly rxRingRef: number
  readonly txEventChannel: number
  /** The same as the other: both rings have one channel. */
  readonly rxEventChannel: number
}

/** What all queues of a connection have in common. */
export interface QueueTerms {
  /** The backend's domain. */
  readonly backend: number
  readonly pool: TxPool
  /** The backend takes packets of more than one slot. */
  readonly sg: boolean
  /** The backend takes a channel for each ring. */
  readonly splitEvents: boolean
  /** The backend is not trusted: it is granted copies in pages of their own. */
  readonly bounce: boolean
}

export interface Connection {
  readonly link: QueueLink
  readonly keys: QueueKeys
}

/**
 * Make the rings of one queue, grant them, claim the references for its slots and allocate its event channels. Each thing
 * taken is pushed on `cleanup`, which also gives back the frames and pages that stand in the rings. Throws XenError
 * when the domain lacks pages, grants or ports.
 */
export function connectQueue(
  domain: Domain,
  queue: TxRxQueue,
  { backend, pool, sg, splitEvents, bounce }: QueueTerms,
  cleanup: CleanupStack,
): Connection {
  const { grants, events } = domain
  const txPage = ringPage(domain, backend, 'TX ring', cleanup)
  const rxPage = ringPage(domain, backend, 'RX ring', cleanup)
  const txRing = new FrontRing(txPage.arena, XEN_NETIF_TX_SLOT_BYTES)
  const rxRing = new FrontRing(rxPage.arena, XEN_NETIF_RX_SLOT_BYTES)
  const { counters, pages, work } = queue
  const bouncePool = bounce ? new BouncePool(domain) : null
  if (bouncePool !== null) cleanup.push('bounce pages', () => bouncePool.close())
  const quarantine = new Quarantine(grants, queue.engine)
  let tx: TxRing | null = null
  let rx: RxRing | null = null
  const txGrants = new RingGrants(grants, { slots: txRing.size, domid: backend, access: 'ro' })
  cleanup.push('TX references', () => txGrants.close((slot) => tx?.refInUse(slot) ?? false))
  const rxGrants = new RingGrants(grants, { slots: rxRing.size, domid: backend, access: 'rw' })
  cleanup.push('RX references', () => rxGrants.close((slot) => rx?.refInUse(slot) ?? false))
  tx = new TxRing({ ring: txRing, grants: txGrants, pool, counters, work, sg, bounce: bouncePool })
  rx = new RxRing({ ring: rxRing, grants: rxGrants, pages, work })
  cleanup.push('frames in the TX ring', () => tx?.disconnect(quarantine, queue.fastPath))
  cleanup.push('pages in the RX ring', () => rx?.disconnect(quarantine))
  const channels = eventChannels(domain, queue, backend, splitEvents, cleanup)
  const reader = new RxPacketReader(rx, queue.gather, counters)
  const notifyTx = (): void => events.notify(channels.tx)
  const notifyRx = channels.rx === channels.tx ? notifyTx : (): void => events.notify(channels.rx)
  const link = { tx, rx, reader, notifyTx, notifyRx }
  cleanup.push('frames in the RX ring', () => takeLast(queue, link))
  return {
    link,
    keys: {
      txRingRef: txPage.ref,
      rxRingRef: rxPage.ref,
      txEventChannel: channels.tx,
      rxEventChannel: channels.rx,
    },
  }
}

/**
 * A channel for each ring, or one for both if the backend takes no more or the domain has no second port
 * (Linux setup_netfront_split, setup_netfront_single).
 */
function eventChannels(
  domain: Domain,
  queue: TxRxQueue,
  backend: number,
  split: boolean,
  cleanup: CleanupStack,
): { readonly tx: Port; readonly rx: Port } {
  const tx = allocChannel(domain, queue, backend, cleanup)
  if (!split) return { tx, rx: tx }
  try {
    return { tx, rx: allocChannel(domain, queue, backend, cleanup) }
  } catch (error) {
    if (error instanceof XenError && error.code === 'NO_PORTS') return { tx, rx: tx }
    throw error
  }
}

function allocChannel(domain: Domain, queue: TxRxQueue, backend: number, cleanup: CleanupStack): Port {
  const { events } = domain
  // Both rings are looked at whichever channel it was: they share a poll, and a look is two loads.
  const eoi = new LateEoi(events, queue.engine, () => queue.event())
  const port = events.allocUnbound(backend, eoi.handler, domain.vcpuOf(queue.index))
  eoi.attach(port, false)
  cleanup.push('event channel', () => {
    eoi.close()
    events.close(port)
  })
  return port
}

/** A ring page, initialised and granted. The backend may still map it when its grant is to end: that is then deferred. */
function ringPage(
  domain: Domain,
  backend: number,
  name: string,
  cleanup: CleanupStack,
): { arena: Arena; ref: number } {
  const arena = domain.extent.allocPages(1)
  let ref = -1
  cleanup.push(name, () => {
    if (ref < 0) domain.extent.freePages(arena)
    else domain.grants.endGrant(ref, arena)
  })
  FrontRing.init(arena)
  const [page] = arena.pages
  if (page !== undefined) ref = domain.grants.grant(backend, page, 'rw')
  return { arena, ref }
}
