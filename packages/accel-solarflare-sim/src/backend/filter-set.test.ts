import type { Filter, FilterStatus } from '@netaccel/core'
import { Random } from '@netaccel/packet'
import { describe, expect, it } from 'vitest'
import { FilterSet } from './filter-set.js'
import { flowKey } from '../shared/filter-key.js'
import type { Replacement } from './replacement.js'
import { LeastRecentlyUsed, RandomReplacement } from './replacement.js'

const TCP = 1 << 16
const IP = 0x0a000001

/** The set with the doors that a conversation would give it: time goes by ticks, the NIC's answers are the test's. */
class Bench {
  readonly live = new Map<number, { hits: number }>()
  readonly asked: number[] = []
  readonly counts = {
    inserted: { value: 0 },
    evicted: { value: 0 },
    aged: { value: 0 },
    refused: { value: 0 },
    standing: { value: 0 },
  }
  readonly set: FilterSet
  answer: FilterStatus | undefined
  /** How often hits were asked for. */
  reads = 0
  private timers: (() => void)[] = []
  private tasks: Promise<void>[] = []

  constructor(limit = 8, replacement: Replacement = new LeastRecentlyUsed(4), idleTicks = 0) {
    this.set = new FilterSet(
      { limit, replacement, idleTicks },
      {
        insert: async (ip, ports) => this.insert(ip, ports),
        task: (_name, work) => void this.tasks.push(work()),
        after: (_ms, work) => {
          this.timers.push(work)
          return { again: () => void this.timers.push(work) }
        },
        over: false,
      },
      this.counts,
    )
    this.set.start()
  }

  /** A frame for this port by the slow way, and all that follows from it. */
  async frame(port: number): Promise<void> {
    this.set.seen(IP, TCP | port)
    await this.settle()
  }

  async settle(): Promise<void> {
    await Promise.all(this.tasks.splice(0))
  }

  tick(times = 1): void {
    for (let i = 0; i < times; i++) for (const timer of this.timers.splice(0)) timer()
  }

  get ticking(): boolean {
    return this.timers.length > 0
  }

  hit(...ports: number[]): void {
    for (const port of ports) {
      const filter = this.live.get(port)
      if (filter === undefined) throw new Error(`no filter for port ${port}`)
      filter.hits++
    }
  }

  private insert(ip: number, ports: number): Filter | FilterStatus {
    const port = ports & 0xffff
    this.asked.push(port)
    if (this.answer !== undefined) return this.answer
    const filter = { hits: 0 }
    this.live.set(port, filter)
    return {
      key: flowKey(ip, ports, undefined),
      vi: {} as Filter['vi'],
      hits: () => {
        this.reads++
        return filter.hits
      },
      remove: () => void this.live.delete(port),
    }
  }
}

const eight = [1, 2, 3, 4, 5, 6, 7, 8]

async function full(replacement?: Replacement): Promise<Bench> {
  const bench = new Bench(8, replacement)
  for (const port of eight) await bench.frame(port)
  return bench
}

describe('FilterSet', () => {
  it('scenario 20: inserts once per flow, up to the quota', async () => {
    const bench = await full()
    for (const port of eight) await bench.frame(port)
    expect(bench.asked).toEqual(eight)
    expect([bench.set.size, bench.counts.standing.value]).toEqual([8, 8])
    await bench.frame(9)
    expect([bench.live.has(9), bench.counts.refused.value]).toEqual([false, 1])
  })

  it('inserts nothing before start and after stop, and takes back what was on its way', async () => {
    const bench = new Bench()
    bench.set.seen(IP, TCP | 1)
    bench.set.stop()
    await bench.settle()
    expect([bench.live.size, bench.counts.standing.value, bench.set.size]).toEqual([0, 0, 0])
    await bench.frame(2)
    expect(bench.asked).toEqual([1])
    bench.set.start()
    await bench.frame(2)
    expect(bench.live.has(2)).toBe(true)
  })

  it('scenario 20: lru: the 9th flow takes the place of the one that has been idle the longest', async () => {
    const bench = await full()
    for (const idle of [3, 6, 1, 2, 4, 5, 7, 8]) {
      bench.tick()
      bench.hit(...eight.slice(0).filter((port) => port !== 3 && (port !== 6 || idle === 3)))
    }
    bench.tick()
    await bench.frame(9)
    expect(bench.live.has(3)).toBe(false)
    expect([bench.live.has(6), bench.live.has(9), bench.counts.evicted.value]).toEqual([true, true, 1])
    await bench.frame(10)
    expect([bench.live.has(6), bench.live.size]).toEqual([false, 8])
  })

  it('FL-05: a port scan moves no flow that carries traffic', async () => {
    const bench = await full()
    for (let port = 100; port < 1100; port++) {
      bench.hit(...eight)
      await bench.frame(port)
      if (port % 10 === 0) bench.tick()
    }
    expect([...bench.live.keys()]).toEqual(eight)
    expect(bench.counts.evicted.value).toBe(0)
  })

  it('random: any filter may go, by the seed', async () => {
    const victims = async (seed: number) => {
      const bench = await full(new RandomReplacement(new Random(seed)))
      const gone: number[] = []
      for (let port = 100; port < 140; port++) {
        const before = [...bench.live.keys()]
        await bench.frame(port)
        gone.push(...before.filter((old) => !bench.live.has(old)))
      }
      return gone
    }
    expect(await victims(1)).toEqual(await victims(1))
    expect(await victims(1)).not.toEqual(await victims(2))
    expect((await victims(1)).length).toBe(40)
  })

  it('FL-03: a refused insertion leaves nothing and is not repeated within a second', async () => {
    const bench = new Bench()
    bench.answer = 'duplicate'
    await bench.frame(1)
    expect([bench.set.size, bench.counts.standing.value, bench.counts.refused.value]).toEqual([0, 0, 1])
    bench.answer = undefined
    for (let i = 0; i < 4; i++) {
      await bench.frame(1)
      bench.tick()
    }
    expect(bench.asked).toEqual([1])
    await bench.frame(2)
    expect(bench.asked).toEqual([1, 2])
    bench.tick()
    await bench.frame(1)
    expect(bench.asked).toEqual([1, 2, 1])
    expect(bench.live.has(1)).toBe(true)
  })

  it('FL-03: a full NIC is not asked again within a second, for any flow', async () => {
    const bench = new Bench()
    bench.answer = 'full'
    for (let port = 1; port < 50; port++) await bench.frame(port)
    expect(bench.asked).toEqual([1])
    bench.tick(5)
    await bench.frame(7)
    expect(bench.asked).toEqual([1, 7])
  })

  it('bug 3: all 8 places are of use after 100 refusals', async () => {
    const bench = new Bench()
    for (let i = 0; i < 100; i++) {
      bench.answer = i % 2 === 0 ? 'full' : 'duplicate'
      await bench.frame(1000 + i)
      bench.tick(6)
    }
    bench.answer = undefined
    for (const port of eight) await bench.frame(port)
    expect(bench.live.size).toBe(8)
  })

  it('bug 2: FL-04, ST-03: a hint removes the filter it names, counts it down, and is not undone by the next frame', async () => {
    const bench = await full()
    expect([bench.set.remove(IP, TCP | 3), bench.set.remove(IP, TCP | 3), bench.set.remove(IP, 3)]).toEqual([
      true,
      false,
      false,
    ])
    expect([bench.live.has(3), bench.counts.standing.value]).toEqual([false, 7])
    await bench.frame(3)
    expect(bench.live.has(3)).toBe(false)
  })

  it('idle filters age; the timer ends when nothing is left to look after', async () => {
    const bench = new Bench(8, new LeastRecentlyUsed(4), 10)
    await bench.frame(1)
    await bench.frame(2)
    for (let i = 0; i < 10; i++) {
      bench.hit(2)
      bench.tick()
    }
    expect([bench.live.has(1), bench.live.has(2), bench.counts.aged.value]).toEqual([false, true, 1])
    bench.tick(10)
    expect([bench.live.size, bench.counts.standing.value]).toEqual([0, 0])
    bench.tick(20)
    expect(bench.ticking).toBe(false)
  })

  it('CT-02: with every place busy the hits are read once a tick, whatever knocks', async () => {
    const bench = await full()
    bench.reads = 0
    for (let port = 100; port < 1100; port++) await bench.frame(port)
    expect(bench.reads).toBe(8)
    bench.tick()
    for (let port = 100; port < 1100; port++) await bench.frame(port)
    // Once by the tick itself, once for the first that knocks after it.
    expect(bench.reads).toBe(24)
  })

  it('CT-02: a storm of new flows is bounded work', async () => {
    const bench = new Bench()
    bench.answer = 'duplicate'
    for (let port = 1; port < 5000; port++) await bench.frame(port)
    expect(bench.asked.length).toBe(256)
  })
})
