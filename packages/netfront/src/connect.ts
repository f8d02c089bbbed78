import { FrontRing, XEN_NETIF_RX_SLOT_BYTES, XEN_NETIF_TX_SLOT_BYTES } from '@netaccel/xen'
import type { Arena, CleanupStack, Domain } from '@netaccel/xen'
import { Quarantine } from './quarantine.js'
import type { QueueLink, TxRxQueue } from './queue.js'
import { RxPacketReader } from './rx-packet.js'
import { RxRing } from './rx-ring.js'
import type { TxPool } from './tx-pool.js'
import { TxRing } from './tx-ring.js'

/** What the backend must be told of one queue. */
export interface QueueKeys {
  readonly txRingRef: number
  readonly rxRingRef: number
  readonly eventChannel: number
}

export interface Connection {
  readonly link: QueueLink
  readonly keys: QueueKeys
}

/**
 * Make the rings of one queue, grant them, claim the references for its slots and allocate its event channel. Each thing
 * taken is pushed on `cleanup`, which also gives back the frames and pages that stand in the rings. Throws XenError
 * when the domain lacks pages, grants or ports.
 */
export function connectQueue(
  domain: Domain,
  queue: TxRxQueue,
  backend: number,
  pool: TxPool,
  sg: boolean,
  cleanup: CleanupStack,
): Connection {
  const { grants, events } = domain
  const txPage = ringPage(domain, backend, 'TX ring', cleanup)
  const rxPage = ringPage(domain, backend, 'RX ring', cleanup)
  const txRing = new FrontRing(txPage.arena, XEN_NETIF_TX_SLOT_BYTES)
  const rxRing = new FrontRing(rxPage.arena, XEN_NETIF_RX_SLOT_BYTES)
  const { counters, pages, work } = queue
  const quarantine = new Quarantine(grants, domain.engine)
  let tx: TxRing | null = null
  let rx: RxRing | null = null
  const txRefs = claimRefs(
    domain,
    txRing.size,
    cleanup,
    'TX references',
    (slot) => tx?.refInUse(slot) ?? false,
  )
  const rxRefs = claimRefs(
    domain,
    rxRing.size,
    cleanup,
    'RX references',
    (slot) => rx?.refInUse(slot) ?? false,
  )
  tx = new TxRing({ ring: txRing, grants, backend, refs: txRefs, pool, counters, work, sg })
  rx = new RxRing({ ring: rxRing, grants, backend, refs: rxRefs, pages, work })
  cleanup.push('frames in the TX ring', () => tx?.disconnect(quarantine))
  cleanup.push('pages in the RX ring', () => rx?.disconnect(quarantine))
  const port = events.allocUnbound(backend, () => queue.schedulePoll())
  cleanup.push('event channel', () => events.close(port))
  const notify = (): void => events.notify(port)
  const reader = new RxPacketReader(rx, queue.gather, counters)
  return {
    link: { tx, rx, reader, notifyTx: notify, notifyRx: notify },
    keys: { txRingRef: txPage.ref, rxRingRef: rxPage.ref, eventChannel: port },
  }
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

/** References for every slot of a ring, so that the frame path never asks for one. `inUse`: it is in quarantine. */
function claimRefs(
  domain: Domain,
  count: number,
  cleanup: CleanupStack,
  name: string,
  inUse: (slot: number) => boolean,
): Uint32Array {
  const refs = new Uint32Array(count)
  let claimed = 0
  cleanup.push(name, () => {
    for (let slot = 0; slot < claimed; slot++) {
      if (!inUse(slot)) domain.grants.release(refs[slot])
    }
  })
  for (; claimed < count; claimed++) refs[claimed] = domain.grants.claim()
  return refs
}
