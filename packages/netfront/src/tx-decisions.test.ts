// docs/netif.md §1.4: what netfront writes for a backend that reads the bytes itself.
import { describe, expect, it } from 'vitest'
import { RawBackend } from './testing/raw-backend.js'

const MORE = 4

function pattern(length: number): number[] {
  return Array.from({ length }, (_, i) => (i * 5 + length) & 0xff)
}

describe('§1.4 what a frontend sends', () => {
  it('§1.4.1 the first request carries the length of the packet, the others their own; each stays within its page', async () => {
    const back = await RawBackend.connected()
    expect(back.send(60, 9000)).toBe(2)
    await back.run()
    const asked = back.asked()
    expect(asked.map(({ size, flags, offset }) => [size, flags, offset % 4096])).toEqual([
      [60, 0, asked[0].offset],
      [9000, MORE, 0],
      [4096, MORE, 0],
      [808, 0, 0],
    ])
    expect(asked[0].bytes).toEqual(pattern(60))
    expect(asked.slice(1).flatMap(({ bytes }, i) => (i === 0 ? bytes.slice(0, 4096) : bytes))).toEqual(
      pattern(9000),
    )
    expect(new Set(asked.map(({ id }) => id)).size).toBe(4)
  })

  it('§1.4.2 the queue stops at 237 slots and takes frames again below', async () => {
    const back = await RawBackend.connected({ smallFrames: 300 })
    expect(back.send(...Array.from({ length: 260 }, () => 60))).toBe(237)
    const [queue] = back.vif.queues
    expect([queue.stopped, back.send(60)]).toEqual([true, 0])
    const [first] = back.asked()
    back.answer(first)
    await back.run()
    expect([queue.stopped, back.send(60, 60)]).toEqual([false, 1])
  })

  it('§1.4.3 fewer than 14 bytes left in the head page: the frame is copied to where they are', async () => {
    const back = await RawBackend.connected()
    for (const [within, bounced] of [
      [4082, 0],
      [4083, 1],
    ]) {
      const frame = back.vif.txPool.jumbo.take()
      if (frame === undefined) throw new Error('no frame')
      frame.offset += within
      frame.length = 100
      expect(back.vif.transmit([frame], 1)).toBe(1)
      await back.run()
      expect([back.asked().length, back.vif.queues[0].counters.tx_bounced]).toEqual([2 - bounced, bounced])
    }
  })

  it('§1.4.4 longer than 65,535 bytes, shorter than a header, or of several slots for a backend without scatter-gather: dropped', async () => {
    const back = await RawBackend.make()
    await back.offer({ 'feature-sg': '0' })
    await back.attach()
    const { counters } = back.vif.queues[0]
    expect(back.send(13, 65_536, 9000, 60)).toBe(4)
    await back.run()
    expect(back.asked().map(({ size }) => size)).toEqual([60])
    expect([
      counters.dropped.frames('netfront_tx_too_long'),
      counters.dropped.frames('netfront_tx_too_many_slots'),
    ]).toEqual([2, 1])
  })

  it('§1.4.5 an untrusted backend is granted copies in pages of their own, with zero behind them (XSA-403)', async () => {
    const back = await RawBackend.connected({}, { trusted: '0' })
    back.send(4000)
    await back.run()
    const [long] = back.asked()
    back.answer(long)
    await back.run()
    // Page-aligned, so that no neighbour of the frame is seen, and nothing of what stood there before.
    back.send(60, 100, 9000)
    await back.run()
    const asked = back.asked()
    expect(asked.map(({ offset, size }) => [offset, size])).toEqual([
      [0, 60],
      [0, 100],
      [0, 9000],
      [0, 4096],
      [0, 808],
    ])
    const rest = (index: number, from: number): number =>
      back
        .peek(asked[index].gref, 0, 4096)
        .slice(from)
        .reduce((sum, byte) => sum + byte, 0)
    expect([rest(0, 60), rest(1, 100), rest(4, 808)]).toEqual([0, 0, 0])
    expect(asked.slice(0, 2).map(({ bytes }) => bytes)).toEqual([pattern(60), pattern(100)])
    expect(back.vif.queues[0].counters.tx_bounced).toBe(4)
  })

  it('§1.4.5 a trusted one sees the neighbour in the page of a small frame, which is why', async () => {
    const back = await RawBackend.connected()
    back.send(60, 60)
    await back.run()
    const [one] = back.asked()
    const page = back.peek(one.gref, 0, 4096)
    expect(page.filter((byte) => byte !== 0).length).toBeGreaterThan(60)
  })

  it('§1.4.5 with the bounce frames in use the queue waits for an answer; all are given back at the end', async () => {
    const back = await RawBackend.make({ jumboFrames: 12 })
    await back.run(5)
    const before = back.guest.resources().pages
    await back.settle(back.driver.store.write(`/local/domain/${back.guest.id}/device/vif/0/trusted`, '0'))
    await back.offer()
    await back.attach()
    const [queue] = back.vif.queues
    expect([back.send(...Array.from({ length: 10 }, () => 9000)), queue.stopped]).toEqual([8, true])
    await back.run()
    const [a, b, c] = back.asked()
    back.answer(a, b, c)
    await back.run()
    expect([queue.stopped, back.send(9000, 9000)]).toEqual([false, 1])
    back.detach()
    await back.write('online', '0')
    await back.write('state', '6')
    await back.run(2000)
    // All but the frame that the grant table has grown by.
    expect(back.guest.resources().pages - before).toBe(1)
  })
})

describe('§1.4 how a frontend connects', () => {
  it('§3.7.1 a channel for each ring where the backend takes them; one for both where not, or where no second is to be had', async () => {
    const both = await RawBackend.connected()
    expect([await both.read('event-channel'), await both.read('event-channel-tx')]).toEqual([
      undefined,
      expect.stringMatching(/^\d+$/),
    ])
    both.send(60)
    await both.run()
    const before = both.vif.queues[0].slowOutstanding
    both.answer(both.asked()[0])
    await both.run()
    expect([before, both.vif.queues[0].slowOutstanding]).toEqual([1, 0])

    const old = await RawBackend.make()
    await old.offer({ 'feature-split-event-channels': null })
    expect([await old.read('event-channel'), await old.read('event-channel-tx')]).toEqual([
      expect.stringMatching(/^\d+$/),
      undefined,
    ])

    const full = await RawBackend.make()
    const { events } = full.guest
    for (let left = 1023 - events.inUse; left > 1; left--) events.allocUnbound(0, () => {})
    await full.offer()
    expect([await full.read('event-channel'), await full.read('event-channel-tx'), events.inUse]).toEqual([
      expect.stringMatching(/^\d+$/),
      undefined,
      1023,
    ])
  })

  it('§1.4.6 the stack is told to announce itself at each connection', async () => {
    const back = await RawBackend.connected()
    expect(back.announced).toBe(1)
    // The backend goes and comes back: the guest begins anew by itself.
    back.detach()
    await back.write('state', '6')
    await back.run(20)
    await back.offer()
    await back.attach()
    expect([back.vif.state, back.announced]).toEqual(['connected', 2])
  })

  it.each([
    [undefined, 1500],
    ['9000', 9000],
    ['65521', 65_521],
    ['65522', 1500],
    ['67', 1500],
    ['many', 1500],
  ])('§1.6.1 the key mtu %j makes an MTU of %d', async (mtu, wanted) => {
    const back = await RawBackend.make({}, mtu === undefined ? {} : { mtu })
    await back.run(5)
    expect(back.vif.mtu).toBe(wanted)
  })

  it('§1.6.3 any number but 0 is a yes', async () => {
    const back = await RawBackend.make()
    await back.offer({ 'feature-sg': '2', 'feature-rx-copy': '17', 'feature-split-event-channels': '00' })
    expect([back.vif.features.sg, await back.read('event-channel-tx')]).toEqual([true, undefined])
    const none = await RawBackend.make()
    await none.offer({ 'feature-rx-copy': '0' })
    expect([none.vif.state, await none.read('state')]).toEqual(['waiting', '5'])
  })

  it('§1.4.7 one that goes straight to Connected, as mini-os: flat keys, one channel, no wait; the backend joins later', async () => {
    const back = await RawBackend.make({ eager: true, sg: false })
    await back.run(5)
    expect([await back.read('state'), back.vif.state]).toEqual(['4', 'connecting'])
    expect([await back.read('feature-rx-notify'), await back.read('event-channel')]).toEqual([
      undefined,
      expect.stringMatching(/^\d+$/),
    ])
    await back.attach()
    back.send(60)
    await back.run()
    expect([back.vif.state, back.asked().length]).toEqual(['connected', 1])
  })
})
