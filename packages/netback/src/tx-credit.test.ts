// docs/netif.md §6.4: the rate limit of what a guest sends.
import { VirtualClock } from '@netaccel/xen'
import { describe, expect, it } from 'vitest'
import { plainBytes, RawWorld } from './testing/raw-world.js'
import { parseRate, TxCredit } from './tx-credit.js'

const MS = 1e6

describe('§6.4 the rate limit', () => {
  it.each([
    ['131072,50000', { bytes: 131_072, usec: 50_000 }],
    ['0,0', { bytes: 0, usec: 0 }],
    [undefined, null],
    ['', null],
    ['100', null],
    ['100,', null],
    [',100', null],
    ['100,50x', null],
    ['1e3,50', null],
  ])('§6.4.1 the key %j is %j; what is malformed is no limit', (text, rate) => {
    expect(parseRate(text)).toEqual(rate)
  })

  function credit(bytes: number, usec: number) {
    const clock = new VirtualClock()
    const refills: number[] = []
    const engine = clock.engine('e')
    const made = new TxCredit(engine, { bytes, usec }, () => refills.push(clock.now() / MS))
    return { clock, made, refills }
  }

  it('§6.4.2 begins with one period of credit; a packet that finds too little waits for the end of the period', async () => {
    const { clock, made, refills } = credit(200_000, 50_000)
    expect([made.take(65_000), made.take(65_000), made.take(65_000), made.take(6000)]).toEqual([
      true,
      true,
      true,
      false,
    ])
    expect([made.left, made.limited, made.take(6000)]).toEqual([5000, true, false])
    await clock.run({ for: 49.9 * MS })
    expect([made.limited, refills]).toEqual([true, []])
    await clock.run({ for: 0.2 * MS })
    // 5,000 and 200,000, of which no more than 200,000 are kept.
    expect([made.limited, refills, made.left]).toEqual([false, [50], 200_000])
  })

  it('§6.4.3 a small period may save up 128 KiB, so that the largest packet goes', async () => {
    const { clock, made } = credit(10_000, 1000)
    expect(made.take(60_000)).toBe(false)
    let at = 0
    for (; !made.take(60_000) && at < 20; at++) await clock.run({ for: 1 * MS })
    expect([at, made.left]).toEqual([5, 0])
  })

  it('§6.4.4 a packet after the end of the period is let through at once, by a refill without the timer', async () => {
    const { clock, made, refills } = credit(1000, 10_000)
    expect(made.take(1000)).toBe(true)
    await clock.run({ for: 10.5 * MS })
    expect([made.take(900), made.left, refills]).toEqual([true, 100, []])
    // The window begins at the refill, in whole milliseconds.
    expect(made.take(900)).toBe(false)
    await clock.run({ for: 9.6 * MS })
    expect(refills).toEqual([20])
  })

  it('§6.4.5 a new rate cuts what is left, and wakes what waits', async () => {
    const { clock, made, refills } = credit(100_000, 1_000_000)
    made.change({ bytes: 500, usec: 1_000_000 })
    expect([made.left, made.take(600)]).toEqual([500, false])
    made.change({ bytes: 5000, usec: 1000 })
    await clock.run({ for: 0.1 * MS })
    expect([refills, made.left]).toEqual([[0], 5500])
  })

  it('§6.4.6 a limited guest waits in its ring, nothing of it is dropped, and it is not asked to tell of requests', async () => {
    const world = await RawWorld.make()
    const { guest, vif } = await world.connected()
    const [queue] = vif.queues
    queue.setRate({ bytes: 10_000, usec: 20_000 })
    guest.fill(0, plainBytes(1500))
    const asked = guest.tx.reqEvent
    for (let i = 0; i < 40; i++) guest.write({ size: 1500, gref: guest.refs[0], id: i })
    guest.tx.publish()
    guest.kick()
    await world.run(1)
    const counts: number[] = []
    for (let i = 0; i < 8; i++) {
      counts.push(guest.answers().length)
      if (i === 0) expect([queue.rateLimited, guest.tx.reqEvent]).toEqual([true, asked])
      await world.run(20)
    }
    // 10,000 bytes a period: six packets of 1,500 and a rest, which is kept.
    expect(counts).toEqual([6, 7, 7, 6, 7, 7, 0, 0])
    expect([world.forwarded.length, queue.rateLimited]).toEqual([40, false])
    expect([...queue.counters.dropped.entries()]).toEqual([])
    // What is sent now is told of again.
    guest.send({ size: 1500, gref: guest.refs[0] })
    await world.run(1)
    expect(guest.answers().length).toBe(1)
  })

  it('§6.4.7 the bytes of a packet that finds no frame are not taken twice', async () => {
    const world = await RawWorld.make({ smallFrames: 2, jumboFrames: 1 })
    const { guest, vif } = await world.connected()
    vif.queues[0].setRate({ bytes: 10_000, usec: 1_000_000 })
    world.keep = true
    guest.fill(0, plainBytes(1500))
    for (let i = 0; i < 6; i++) guest.write({ size: 1500, gref: guest.refs[0] })
    guest.tx.publish()
    guest.kick()
    await world.run(1)
    expect(guest.answers().length).toBe(2)
    while (world.kept.length > 0) {
      world.kept.pop()?.release()
      await world.run(1)
    }
    expect(guest.answers().length).toBe(4)
  })
})
