// docs/netif.md §5: a hostile backend that speaks raw bytes, by the numbers of Xen's security advisories.
import { Random } from '@netaccel/packet'
import { describe, expect, it } from 'vitest'
import { RawBackend } from './testing/raw-backend.js'

const MORE = 4
const EXTRA = 8

/** Frames and pages that are neither free nor with the stack. */
function missing(back: RawBackend): number {
  const { vif } = back
  const [queue] = vif.queues
  const { small, jumbo } = vif.txPool
  const frames = small.size - small.free + jumbo.size - jumbo.free
  return frames + (queue.pages.count - queue.pages.free) - back.received.length
}

/** The backend goes, another comes in its place and is served. */
async function recovers(back: RawBackend): Promise<boolean> {
  back.detach()
  await back.write('state', '6')
  await back.run(2000)
  const lost = missing(back)
  await back.offer()
  await back.attach()
  back.send(60)
  await back.run()
  return lost === 0 && back.vif.state === 'connected' && back.asked().length === 1
}

describe('a hostile backend', () => {
  it.each<[string, string, (back: RawBackend) => void]>([
    ['an id beyond the ring', 'response with an unknown id', (back) => back.answer({ id: 256 })],
    ['an id that is not outstanding', 'response with an unknown id', (back) => back.answer({ id: 200 })],
    [
      'an id twice',
      'response with an unknown id',
      (back) => {
        const [{ id }] = back.asked()
        back.answer({ id }, { id })
      },
    ],
    [
      'more responses than requests',
      'response overflow',
      (back) => back.answer(...Array.from({ length: 9 }, (_, id) => ({ id }))),
    ],
    [
      'a TX producer half the numbers ahead',
      'response overflow',
      (back) => {
        if (back.tx !== null) back.tx.rspProd = 0x80000000
        back.kick()
      },
    ],
    [
      'an RX producer beyond what is posted',
      'response overflow',
      (back) => {
        if (back.rx !== null) back.rx.rspProd = back.rx.reqProd + 1
        back.kick()
      },
    ],
    [
      'NULL for a slot with data',
      'response with an unknown id',
      (back) => back.answer(...back.asked().map(({ id }) => ({ id, status: 1 }))),
    ],
  ])(
    'XSA-376: %s breaks the device, loses no page, and a new backend mends it',
    async (_, reason, attack) => {
      const back = await RawBackend.connected()
      back.send(60, 60, 60)
      await back.run()
      attack(back)
      await back.run()
      expect([back.vif.state, back.vif.brokenReason, back.send(60)]).toEqual(['broken', reason, 0])
      // Nothing more of it is looked at.
      back.deliver({ status: 60 })
      await back.run()
      expect(back.received).toEqual([])
      expect(await recovers(back)).toBe(true)
    },
  )

  it('XSA-376: responses that change after they were read change nothing', async () => {
    const back = await RawBackend.connected()
    const [queue] = back.vif.queues
    back.send(60, 60)
    await back.run()
    const ids = back.asked()
    const grants = queue as unknown as { link: { tx: { parts: { grants: { end(count: number): number } } } } }
    const parts = grants.link.tx.parts.grants
    const end = parts.end.bind(parts)
    parts.end = (count) => {
      // Between the reading of the answers and what is done for them: the backend's other CPU.
      const ring = back.tx
      if (ring !== null) for (let i = 0; i < 256; i++) ring.view.setUint32(ring.at(i), 0xffff_ffff, true)
      return end(count)
    }
    back.answer(...ids)
    await back.run()
    expect([back.vif.state, queue.slowOutstanding, queue.counters.tx_errors]).toEqual(['connected', 0, 0])
  })

  it('XSA-391: an RX producer that goes back breaks the device', async () => {
    const back = await RawBackend.connected({ gatherFrames: 1 })
    const [queue] = back.vif.queues
    // No frame for scattered packets is free, so what has been seen stays unread.
    const held = queue.gather.take()
    for (let i = 0; i < 4; i++) back.deliver({ status: 60 })
    await back.run()
    expect(back.received.length).toBe(0)
    if (back.rx !== null) back.rx.rspProd = 2
    back.kick()
    await back.run()
    expect([back.vif.state, back.vif.brokenReason]).toEqual(['broken', 'response producer went back'])
    held?.release()
  })

  it('XSA-391: a storm of events for nothing is let through ever more seldom, and delays what is for something by a second at most', async () => {
    const back = await RawBackend.connected()
    const { engine } = back.guest
    const before = engine.charged('event')
    let kicks = 0
    const storm = (): void => {
      back.kick()
      if (++kicks < 20_000) back.driver.engine.after(1e5, storm)
    }
    back.driver.engine.after(0, storm)
    await back.run(1900)
    // Two channels; free: two each; then one after 1, 2, 4, … ticks of 4 ms.
    expect(engine.charged('event') - before).toBeLessThan(30)
    back.deliver({ status: 60 })
    await back.run(1000)
    expect(back.received.length).toBe(1)
  })

  it('XSA-396: a page that is still mapped when it is answered for breaks the device and is used by nobody until it is let go', async () => {
    const back = await RawBackend.connected()
    const [queue] = back.vif.queues
    const page = back.map(back.posted())
    back.deliver({ status: 60 })
    await back.run()
    expect([back.vif.brokenReason, queue.pages.withheld]).toEqual(['response while the page is in use', 1])
    back.detach()
    await back.write('state', '6')
    await back.run(3000)
    expect([queue.pages.withheld, missing(back)]).toEqual([1, 1])
    back.driver.grantOps.unmap(page)
    await back.run(2000)
    expect([queue.pages.withheld, missing(back)]).toEqual([0, 0])
  })

  it('XSA-396: a page to send from, too: its frame is not the stack’s again before the backend has let go', async () => {
    const back = await RawBackend.connected()
    back.send(60)
    await back.run()
    const [asked] = back.asked()
    const page = back.map(asked.gref, 'ro')
    back.answer(asked)
    await back.run()
    const { slowOutstanding } = back.vif.queues[0]
    expect([back.vif.brokenReason, slowOutstanding]).toEqual(['response while the page is in use', 1])
    back.detach()
    await back.write('state', '6')
    await back.run(3000)
    expect(missing(back)).toBe(1)
    back.driver.grantOps.unmap(page)
    await back.run(2000)
    expect(missing(back)).toBe(0)
  })

  it('XSA-403: ring pages and pages to receive into are zero when they are granted', async () => {
    const back = await RawBackend.make()
    // What the guest had in its memory before.
    const stale = back.guest.extent.allocPages(600)
    back.guest.extent.bytes.fill(0xee, stale.offset, stale.offset + stale.length)
    back.guest.extent.freePages(stale)
    await back.offer()
    await back.attach()
    const ring = back.rx
    if (ring === null) throw new Error('not attached')
    const zero = (bytes: ArrayLike<number>): boolean => Array.from(bytes).every((byte) => byte === 0)
    expect(zero(back.peek(Number(await back.read('tx-ring-ref')), 64, 4032))).toBe(true)
    for (let i = 0; i < ring.reqProd; i++) expect(zero(back.peek(back.posted(i), 0, 4096))).toBe(true)
  })

  it('XSA-405: the pages of bad packets come back once each, whatever was wrong with them', async () => {
    const back = await RawBackend.connected()
    const [queue] = back.vif.queues
    const random = new Random(5)
    for (let round = 0; round < 200; round++) {
      const count = 1 + random.below(4)
      const said = Array.from({ length: count }, (_, i) => ({
        status: random.below(4) === 0 ? -1 - random.below(13) : random.below(5000) - 100,
        offset: random.below(3) === 0 ? random.below(5000) : 0,
        flags: (i + 1 < count ? MORE : 0) | (random.below(4) === 0 ? EXTRA : 0),
      }))
      back.deliver(...said)
      await back.run(0.2)
      for (const { frame } of back.received.splice(0)) frame.release()
    }
    await back.run()
    expect([back.vif.state, queue.pages.withheld]).toEqual(['connected', 0])
    expect(await recovers(back)).toBe(true)
  })

  it('XSA-465: states in any order, with traffic in between, and then a good backend is served', async () => {
    const back = await RawBackend.make()
    const random = new Random(7)
    await back.run(5)
    for (let step = 0; step < 120; step++) {
      await back.write('state', String(random.below(10)))
      if (random.below(2) === 0) back.vif.transmit([], 0)
      const frame = back.vif.txPool.take(60)
      if (frame !== undefined) {
        frame.length = 60
        if (back.vif.transmit([frame], 1) === 0) frame.release()
      }
      await back.run(random.below(3))
    }
    await back.write('state', '6')
    await back.run(20)
    await back.write('state', '1')
    await back.run(20)
    await back.offer()
    await back.attach()
    back.send(60)
    await back.run()
    expect([back.vif.state, back.asked().length]).toEqual(['connected', 1])
  })
})
