// What a slot, a grant operation and a descriptor cost, each with its share of a burst of 32.
import { BUFFER_PAGE, bufferAddress, PHASE_BIT, phaseOf } from '@netaccel/nic-sim/constants'
import { BackRing, FrontRing, GrantCopyBatch, GrantOps, GrantTable, Machine, RingGrants } from '@netaccel/xen'
import { readTxRequest, txRequest, writeTxRequest, XEN_NETIF_TX_SLOT_BYTES } from '@netaccel/xen/netif'
import { nsEach } from './ns-each.js'

const BURST = 32
const FRONT = 1
const BACK = 0

/** A TX request written by the one end, and read by the other: two uses of a slot. */
export function slot(): number {
  const machine = new Machine({ bytes: 1 << 20 })
  const page = machine.createExtent(FRONT, 8).allocPages(1)
  FrontRing.init(page)
  const front = new FrontRing(page, XEN_NETIF_TX_SLOT_BYTES)
  const back = BackRing.attach(page, XEN_NETIF_TX_SLOT_BYTES)
  if (back === 'impossible') throw new Error('the ring cannot be attached')
  const request = txRequest()
  const { words } = page
  let seen = 0
  return nsEach(() => {
    for (let i = 0; i < BURST; i++) {
      writeTxRequest(words, front.slotOffset(front.reqProdPvt), i, 0, 0, i, 64)
      front.reqProdPvt = (front.reqProdPvt + 1) >>> 0
    }
    front.pushRequests()
    for (let ready = back.unconsumedRequests(); ready > 0; ready--) {
      readTxRequest(words, back.slotOffset(back.reqCons), request)
      seen += request.size
      back.reqCons = (back.reqCons + 1) >>> 0
    }
    back.rspProdPvt = back.reqCons
    back.pushResponses()
    front.rspCons = back.reqCons
    if (seen < 0) throw new Error('nothing was read')
    return 2 * BURST
  })
}

/** A page permitted, 64 bytes copied out of it under its grant, the grant ended: three operations. */
export function grantOp(): number {
  const machine = new Machine({ bytes: 1 << 20 })
  const own = machine.createExtent(BACK, 64)
  const guest = machine.createExtent(FRONT, 64)
  const grants = new RingGrants(new GrantTable(machine, guest), { slots: BURST, domid: BACK, access: 'ro' })
  const batch = new GrantCopyBatch(new GrantOps(machine, BACK))
  const { pages } = guest.allocPages(BURST)
  const out = own.allocPages(BURST)
  return nsEach(() => {
    for (let i = 0; i < BURST; i++) {
      grants.permit(i, pages[i])
      batch.fromGrant(grants.refs[i], FRONT, 0, out.offset + i * BUFFER_PAGE, 64)
    }
    if (batch.run() !== 0) throw new Error('a copy failed')
    batch.reset()
    for (let i = 0; i < BURST; i++) grants.queueEnd(i)
    if (grants.end() !== 0) throw new Error('a grant is still in use')
    grants.reset()
    return 3 * BURST
  })
}

/** A descriptor of a NIC ring written by the one end with its phase, and read by the other. */
export function descriptor(): number {
  const machine = new Machine({ bytes: 1 << 20 })
  const page = machine.createExtent(BACK, 8).allocPages(1)
  const { words } = page
  const capacity = 512
  let index = 0
  let seen = 0
  return nsEach(() => {
    const from = index
    for (let i = 0; i < BURST; i++, index = (index + 1) >>> 0) {
      const at = (page.offset >> 2) + ((index & (capacity - 1)) << 1)
      words[at] = bufferAddress(index & 0xff, 0)
      words[at + 1] = 64 | (phaseOf(index, capacity) === 1 ? PHASE_BIT : 0)
    }
    for (let i = 0; i < BURST; i++) {
      const at = (page.offset >> 2) + (((from + i) & (capacity - 1)) << 1)
      const second = words[at + 1]
      if (second >>> 31 === phaseOf(from + i, capacity)) seen += words[at] & 1
    }
    if (seen < 0) throw new Error('nothing was read')
    return 2 * BURST
  })
}
