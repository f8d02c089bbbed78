import type { Frame } from '@netaccel/packet'
import { BackRing, FrontRing, Hypervisor, MappedPage, settle, VirtualClock } from '@netaccel/xen'
import type { Arena } from '@netaccel/xen'
import { writeTxRequest, XEN_NETIF_RX_SLOT_BYTES, XEN_NETIF_TX_SLOT_BYTES } from '@netaccel/xen/netif'
import { describe, expect, it } from 'vitest'
import { BackQueue } from './back-queue.js'
import { MulticastList } from './multicast.js'
import { RxStalls } from './rx-stall.js'

/** One queue, and a guest that writes requests by hand; `noticed` has, for each notification, the responses it tells of. */
async function world() {
  const clock = new VirtualClock()
  const xen = new Hypervisor({ timeline: clock, machine: { bytes: 12 << 20 } })
  const driver = await settle(clock, xen.createDomain({ name: 'driver', pages: 900 }))
  const guest = await settle(clock, xen.createDomain({ name: 'guest', pages: 64 }))
  const data = guest.extent.allocPages(2)
  const refs = data.pages.map((page) => guest.grants.grant(driver.id, page, 'rw'))
  const ring = (slotBytes: number): { front: FrontRing; back: BackRing } => {
    const page: Arena = guest.extent.allocPages(1)
    FrontRing.init(page)
    const mapped = driver.grantOps.map(guest.id, guest.grants.grant(driver.id, page.pages[0], 'rw'), 'rw')
    if (!(mapped instanceof MappedPage)) throw new Error(`the ring is not mapped: ${mapped}`)
    const back = BackRing.attach(mapped, slotBytes)
    if (back === 'impossible') throw new Error('a fresh ring is impossible')
    return { front: new FrontRing(page, slotBytes), back }
  }
  const tx = ring(XEN_NETIF_TX_SLOT_BYTES)
  const rx = ring(XEN_NETIF_RX_SLOT_BYTES)
  const fatal: string[] = []
  const queue: BackQueue = new BackQueue(
    {
      name: 'vif1.0',
      guest: guest.id,
      multicast: new MulticastList(),
      stalls: new RxStalls(),
      forward: (frames, count) => frames.slice(0, count).forEach((frame) => frame.release()),
      fatal: (cause) => {
        fatal.push(cause)
        queue.disconnect()
      },
    },
    0,
    driver,
  )
  const noticed: [number, number][] = []
  const notify = (): void =>
    void noticed.push([tx.front.unconsumedResponses(), rx.front.unconsumedResponses()])
  const features = { sg: true, gsoTcpv4: true, gsoTcpv6: true, ipv4Checksum: true, ipv6Checksum: true }
  queue.connect({
    tx: tx.back,
    rx: rx.back,
    features: { ...features, rxNotify: true },
    split: false,
    notifyTx: notify,
    notifyRx: notify,
  })
  await clock.run()
  return {
    noticed,
    fatal,
    run: () => clock.run({ for: 1e6 }),
    /** The guest sends one packet of 60 bytes, with flags. */
    sends: (flags = 0) => {
      const { front } = tx
      writeTxRequest(front.page.words, front.slotOffset(front.reqProdPvt), refs[0], 0, flags, 7, 60)
      front.reqProdPvt++
      front.pushRequests()
      queue.event()
    },
    /** The guest posts a page, and a frame comes for it. */
    receives: (post: boolean) => {
      const { front } = rx
      const at = front.slotOffset(front.reqProdPvt) >> 2
      front.page.words[at] = 9
      front.page.words[at + 1] = refs[1]
      if (post) front.reqProdPvt++
      front.pushRequests()
      const frame = queue.frames.take(60) as Frame
      frame.length = 60
      queue.send(frame)
    },
  }
}

describe('a queue tells its guest', () => {
  it('once of the responses of both rings, when one step has written them', async () => {
    const { noticed, receives, run, sends } = await world()
    receives(true)
    sends()
    await run()
    expect(noticed).toEqual([[1, 1]])
  })

  it('of each ring alone', async () => {
    const one = await world()
    one.sends()
    await one.run()
    expect(one.noticed).toEqual([[1, 0]])
    const other = await world()
    other.receives(true)
    await other.run()
    expect(other.noticed).toEqual([[0, 1]])
  })

  it('of its TX responses also when the frame for it finds no slot', async () => {
    const { noticed, receives, run, sends } = await world()
    receives(false)
    sends()
    await run()
    expect(noticed).toEqual([[1, 0]])
  })

  it('of what was answered before a fatal request', async () => {
    const { fatal, noticed, receives, run, sends } = await world()
    receives(true)
    sends()
    // More data, in a slot that is not there.
    sends(4)
    await run()
    expect(fatal).toEqual(['asked for more slots than there are'])
    expect(noticed).toEqual([[1, 0]])
  })
})
