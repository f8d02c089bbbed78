import { VirtualClock } from '@netaccel/xen'
import { describe, expect, it } from 'vitest'
import type { WireOptions } from '../index.js'
import { Wire } from '../index.js'
import { Host, pattern, udp, written } from '../testing/rig.js'

async function run(
  options: WireOptions,
  frames: number,
  size = 100,
): Promise<{ left: Host; right: Host; wire: Wire; clock: VirtualClock }> {
  const clock = new VirtualClock()
  const left = new Host(clock, 'left', {}, { tx: 600, txDepth: 1000 })
  const right = new Host(clock, 'right', {}, { rx: 600 })
  const wire = new Wire(options)
  wire.join(left.device, right.device)
  for (let i = 0; i < frames; i++) left.send(udp(Uint8Array.of(i >>> 8, i, ...pattern(size - 2, i))))
  await clock.run()
  return { left, right, wire, clock }
}

const numbers = (host: Host): number[] => host.received.map((frame) => (frame[42] << 8) | frame[43])

describe('the wire', () => {
  it('has its slots in the memory of the sender, which gets it back when the wire is parted', async () => {
    const clock = new VirtualClock()
    const left = new Host(clock, 'left')
    const right = new Host(clock, 'right')
    const free = [left.machine.pagesFree, right.machine.pagesFree]
    const wire = new Wire({ slots: 64 })
    wire.join(left.device, right.device)
    const pages = Math.ceil((64 * 1520) / 4096)
    expect([left.machine.pagesFree, right.machine.pagesFree]).toEqual([free[0] - pages, free[1] - pages])
    left.send(udp(pattern(100)))
    await clock.run()
    wire.part()
    expect([left.machine.pagesFree, right.machine.pagesFree]).toEqual(free)
    expect(right.received.length).toBe(1)
  })

  it('has slots of its own when the machine has too little left, and carries the same', async () => {
    const clock = new VirtualClock()
    const left = new Host(clock, 'left')
    const right = new Host(clock, 'right')
    const free = left.machine.pagesFree
    left.machine.takePages(free - 4)
    new Wire().join(left.device, right.device)
    expect(left.machine.pagesFree).toBe(4)
    left.send(udp(pattern(1000), { blank: true }))
    await clock.run()
    expect(right.received).toEqual([written(udp(pattern(1000)))])
    expect(right.checksums).toEqual(['verified'])
  })

  it('loses by seed: the same frames each time, others with another seed, and all are accounted for', async () => {
    const first = await run({ loss: 0.1, seed: 7 }, 500)
    const again = await run({ loss: 0.1, seed: 7 }, 500)
    const other = await run({ loss: 0.1, seed: 8 }, 500)
    expect(numbers(again.right)).toEqual(numbers(first.right))
    expect(numbers(other.right)).not.toEqual(numbers(first.right))
    const [lane] = first.wire.lanes
    expect(lane.drops.frames('wire_loss')).toBe(500 - first.right.received.length)
    expect(lane.drops.frames('wire_loss')).toBeGreaterThan(20)
    expect(lane.sent).toBe(lane.delivered + lane.drops.total + lane.inFlight)
    expect(numbers(first.right)).toEqual(numbers(first.right).toSorted((a, b) => a - b))
  })

  it('takes the time that rate and delay ask for', async () => {
    // 400 frames of 1,000 + 42 bytes and 24 of overhead at 1 Gb/s, then 2 ms on the way.
    const { clock, right } = await run({ gbps: 1, delayNs: 2_000_000 }, 400, 1000)
    expect(right.received.length).toBe(400)
    const least = 400 * (1042 + 24) * 8 + 2_000_000
    expect(clock.now()).toBeGreaterThanOrEqual(least)
    expect(clock.now()).toBeLessThan(least + 50_000)
  })

  it('keeps order with rate, delay and loss', async () => {
    const { right } = await run({ gbps: 10, delayNs: 50_000, loss: 0.05, seed: 1 }, 500)
    expect(numbers(right)).toEqual(numbers(right).toSorted((a, b) => a - b))
    expect(right.received.length).toBeGreaterThan(400)
  })

  it('a short frame takes the time of one of 64 bytes', async () => {
    const { clock } = await run({ gbps: 0.001, coalesceNs: 0 }, 10, 2)
    expect(clock.now()).toBeGreaterThanOrEqual(10 * 84 * 8000)
    expect(clock.now()).toBeLessThan(10 * 84 * 8000 + 100_000)
  })

  it('with flow control nothing is lost to a receiver without frames, without it what does not fit is', async () => {
    for (const flowControl of [true, false]) {
      const clock = new VirtualClock()
      const left = new Host(clock, 'left')
      const right = new Host(clock, 'right', {}, { rx: 4 })
      const kept: { release(): void }[] = []
      right.driver.onReceive = (frame) => void kept.push(frame)
      const wire = new Wire({ slots: 8, flowControl })
      wire.join(left.device, right.device)
      for (let i = 0; i < 100; i++) left.send(udp(pattern(10, i)))
      await clock.run({ for: 1_000_000 })
      for (let got = 0; got < 100; got++) {
        const frame = kept.shift()
        if (frame === undefined) break
        frame.release()
        await clock.run({ for: 20_000 })
      }
      const [lane] = wire.lanes
      expect(lane.delivered).toBe(flowControl ? 100 : 12)
      expect(lane.drops.frames('wire_no_slot')).toBe(flowControl ? 0 : 88)
      expect(lane.pauses > 0).toBe(flowControl)
    }
  })

  it('counts what was on its way when the plug was pulled', async () => {
    const clock = new VirtualClock()
    const left = new Host(clock, 'left')
    const right = new Host(clock, 'right')
    const wire = new Wire({ delayNs: 1_000_000 })
    wire.join(left.device, right.device)
    for (let i = 0; i < 50; i++) left.send(udp(pattern(10, i)))
    await clock.run({ for: 500_000 })
    expect(wire.lanes[0].inFlight).toBe(50)
    wire.setLink(false)
    expect(wire.lanes[0].drops.frames('wire_down')).toBe(50)
    await clock.run()
    expect(right.received).toEqual([])
    wire.setLink(true)
    left.send(udp(pattern(10)))
    await clock.run()
    expect(right.received.length).toBe(1)
    wire.part()
    expect(left.driver.link).toBe(false)
    expect(() => wire.join(left.device, right.device)).not.toThrow()
    expect(() => wire.join(left.device, right.device)).toThrow(/part them first/)
  })

  it.each([
    { gbps: -1 },
    { loss: 2 },
    { corrupt: -1 },
    { duplicate: 1.1 },
    { reorder: Number.NaN },
    { delayNs: -1 },
    { slots: 1 },
  ])('refuses %o', (options) => {
    expect(() => new Wire(options)).toThrow(/a wire cannot have/)
  })

  it('doubles by seed: each extra frame is counted, equal to the first and right behind it', async () => {
    const { right, wire } = await run({ duplicate: 0.1, seed: 3 }, 500)
    const [lane] = wire.lanes
    const extra = right.received.filter(
      (frame, i) => i > 0 && Buffer.compare(frame, right.received[i - 1]) === 0,
    )
    expect(extra.length).toBeGreaterThan(20)
    expect(right.received.length).toBe(500 + extra.length)
    expect([...new Set(numbers(right))]).toEqual(Array.from({ length: 500 }, (_, i) => i))
    expect(lane.noise.duplicated).toMatchObject({ frames: extra.length, groups: 0 })
    expect(lane.delivered).toBe(lane.sent + lane.noise.duplicated.frames)
    expect(lane.deliveredBytes).toBe(lane.sentBytes + lane.noise.duplicated.bytes)
  })

  it.each([{}, { gbps: 10, delayNs: 30_000 }])(
    'holds back by seed: one to three later frames pass, nothing is lost, with %o',
    async (pace) => {
      const { right, wire } = await run({ ...pace, reorder: 0.05, seed: 3 }, 500)
      const got = numbers(right)
      expect(got.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 500 }, (_, i) => i))
      const late = got.filter((number, i) => number < Math.max(...got.slice(0, i)))
      expect(late.length).toBeGreaterThan(10)
      for (const number of late) {
        const passed = got.slice(0, got.indexOf(number)).filter((other) => other > number).length
        expect(passed).toBeGreaterThanOrEqual(1)
        expect(passed).toBeLessThanOrEqual(3)
      }
      // The last one held may have had nobody behind it.
      expect(wire.lanes[0].noise.reordered.frames).toBe(late.length)
    },
  )

  it('a frame that nobody follows is not held for ever, and goes with the others when the plug is pulled', async () => {
    const { right, clock, wire, left } = await run({ reorder: 1 }, 1)
    expect(right.received.length).toBe(1)
    expect(clock.now()).toBeGreaterThanOrEqual(100_000)
    expect(clock.now()).toBeLessThan(120_000)
    const [lane] = wire.lanes
    expect(lane.noise.reordered.frames).toBe(0)
    left.send(udp(pattern(10)))
    await clock.run({ for: 50_000 })
    expect(lane.inFlight).toBe(1)
    wire.setLink(false)
    expect(lane.drops.frames('wire_down')).toBe(1)
    expect(lane.inFlight).toBe(0)
    await clock.run()
  })

  it('all harm at once: every frame is accounted for, the same ones each time', async () => {
    const options = { loss: 0.05, corrupt: 0.05, duplicate: 0.05, reorder: 0.05, gbps: 10, seed: 9 }
    const first = await run(options, 500)
    const again = await run(options, 500)
    expect(numbers(again.right)).toEqual(numbers(first.right))
    const [lane] = first.wire.lanes
    const { lost, corrupted, duplicated, reordered } = lane.noise
    for (const harm of [lost, corrupted, duplicated, reordered]) expect(harm.frames).toBeGreaterThan(5)
    expect(lane.sent + duplicated.frames).toBe(lane.delivered + lane.drops.total)
    expect(lane.drops.entries()).toMatchObject([{ reason: 'wire_loss', segments: lost.frames }])
    const bad = first.right.device.drops.frames('wire_corrupt')
    expect(bad).toBe(corrupted.frames)
    expect(first.right.received.length).toBe(lane.delivered - bad)
  })

  it('whether frames are doubled does not move which ones are lost', async () => {
    const plain = await run({ loss: 0.1, seed: 7 }, 300)
    const doubled = await run({ loss: 0.1, duplicate: 0.2, seed: 7 }, 300)
    expect([...new Set(numbers(doubled.right))]).toEqual(numbers(plain.right))
  })

  it('needs no timer when rate and delay are 0, and few with them', async () => {
    const timers = async (options: WireOptions): Promise<number> => {
      const clock = new VirtualClock()
      const left = new Host(clock, 'left', {}, { tx: 600, txDepth: 1000 })
      const right = new Host(clock, 'right', {}, { rx: 600 })
      new Wire(options).join(left.device, right.device)
      let made = 0
      for (const { engine } of [left.device, right.device]) {
        const { after } = engine
        engine.after = (ns, work) => {
          made++
          return after.call(engine, ns, work)
        }
      }
      for (let i = 0; i < 500; i++) left.send(udp(pattern(100, i)))
      await clock.run()
      expect(right.received.length).toBe(500)
      return made
    }
    expect(await timers({})).toBe(0)
    expect(await timers({ gbps: 10, delayNs: 10_000 })).toBeLessThan(50)
  })
})
