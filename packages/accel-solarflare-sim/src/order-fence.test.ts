// The four ways in which a frame can overtake an earlier one of its flow (docs/adr/0008), each alone and provoked: whoever
// has the earlier frame in hand is late by a millisecond. It shows with the order fence off, and not with it on.
import { fileURLToPath } from 'node:url'
import { build, switchingTrial, twoHosts, VirtualStack } from '@netaccel/host'
import type { GuestVif, World, WorldValue } from '@netaccel/host'
import { Random } from '@netaccel/packet'
import { describe, expect, it } from 'vitest'
import { Numbered } from './testing/numbered.js'

const FOLDER = fileURLToPath(new URL('..', import.meta.url))
const MS = 1_000_000
/** Well within what either path carries: nothing stands on the way for long unless it is made to. */
const PACE = { burst: 8, gapNs: 20_000 }

/** Two hosts; the plugin serves the sending guest, or the receiving one. */
function worldFor(side: 'sender' | 'receiver'): WorldValue {
  const value = twoHosts()
  const { a, b } = value.hosts
  const without = side === 'sender' ? b : a
  const { accel: _, ...vif0 } = without.guests?.guest1.vifs.vif0 ?? { mac: '' }
  const plain = { ...without, guests: { guest1: { vifs: { vif0 } } } }
  return { ...value, hosts: side === 'sender' ? { a, b: plain } : { a: plain, b } }
}

class Run {
  readonly world: World
  readonly stack: VirtualStack
  readonly back: VirtualStack
  #seen = 0

  private constructor(world: World) {
    this.world = world
    const [from, to] = world.vifs
    const random = new Random(1)
    this.stack = new VirtualStack(from, from.engine, random)
    this.back = new VirtualStack(to, to.engine, random)
  }

  static async of(side: 'sender' | 'receiver', orderFence: boolean): Promise<Run> {
    return new Run(await build(worldFor(side), { orderFence }))
  }

  traffic(flows: number, oddOnes = 0): void {
    const flowsFrom = (from: number) =>
      Array.from({ length: flows }, (_, i) => new Numbered(7000 + i, from, oddOnes))
    this.stack.start(flowsFrom(1), PACE)
    // The other way too: a plugin sends only to an address that it has received from.
    this.back.start(flowsFrom(2), PACE)
  }

  /** Overtaken on the way from the first guest to the second since the last question. */
  get reordered(): number {
    const edges = this.world.oracle?.verdict().edges ?? []
    const all = edges.find(({ name }) => name === 'b.guest1.vif0')?.reordered ?? 0
    const since = all - this.#seen
    this.#seen = all
    return since
  }

  /** The driver domain of a host stands still when it inserts a filter. */
  stallAtInsert(host: string): void {
    const { driver } = this.world.host(host)
    const { filters } = this.world.nic(`${host}.eth0`).driver
    const insert = filters.insert.bind(filters)
    filters.insert = (key, vi) => {
      stall(driver.engine)
      return insert(key, vi)
    }
  }

  load(): Promise<void> {
    return this.world.load(FOLDER)
  }

  pause(ms: number): Promise<void> {
    return this.world.run({ for: ms * MS })
  }

  /** Silence, and everything has arrived. */
  async quiet(): Promise<void> {
    this.stack.stop()
    this.back.stop()
    await this.pause(3)
  }

  fast(way: 'tx' | 'rx'): number {
    const { vifs } = this.world.status()
    return vifs[way === 'tx' ? 0 : 1][way].fast.frames
  }

  async end(): Promise<void> {
    await this.quiet()
    await this.world.drain()
    expect(this.world.oracle?.verdict()).toMatchObject({ missing: 0, doubled: 0 })
    await this.world.close()
  }
}

/** This vCPU does nothing for a millisecond: whoever shares its processor has it. */
function stall(engine: GuestVif['engine']): void {
  // 250 ns each.
  engine.charge('notification', 4000)
}

/** The filters go `ms` after the load, and the guest is late just then: how many frames were overtaken. */
async function filterGoes(ms: number, orderFence: boolean): Promise<number> {
  const run = await Run.of('receiver', orderFence)
  run.traffic(8)
  await run.load()
  await run.pause(ms)
  expect(run.fast('rx')).toBeGreaterThan(500)
  void run.reordered
  const [, receiver] = run.world.vifs
  for (const handle of run.world.nic('b.eth0').driver.vis.handles)
    for (const filter of handle.filters) {
      const remove = filter.remove.bind(filter)
      filter.remove = () => {
        stall(receiver.engine)
        remove()
      }
    }
  await run.world.unload('sfc_netfront')
  await run.pause(5)
  const { reordered } = run
  await run.end()
  return reordered
}

/** What each overtake shows: a number of segments. */
const overtakes: Record<string, (orderFence: boolean) => Promise<number>> = {
  async '(a) out, slow to fast: the VI begins to be used while slow frames wait for the driver domain'(
    orderFence,
  ) {
    const run = await Run.of('sender', orderFence)
    // With its first filter the plugin hears from the VI of the address that it may send to.
    run.stallAtInsert('a')
    run.traffic(2)
    await run.pause(2)
    await run.load()
    await run.pause(10)
    expect(run.fast('tx')).toBeGreaterThan(500)
    const { reordered } = run
    await run.end()
    return reordered + run.reordered
  },

  async '(b) out, frame by frame: single frames are declined, and wait for the driver domain'(orderFence) {
    const run = await Run.of('sender', orderFence)
    run.traffic(8)
    await run.pause(1)
    await run.quiet()
    await run.load()
    void run.reordered
    const { engine } = run.world.host('a').driver
    for (const at of [2, 4, 6, 8]) engine.after(at * MS, () => stall(engine))
    run.traffic(8, 40)
    await run.pause(10)
    expect(run.fast('tx')).toBeGreaterThan(100)
    const { reordered } = run
    await run.end()
    return reordered + run.reordered
  },

  async '(c) in, slow to fast: a filter is inserted while slow frames stand before a driver domain that has too much to do'(
    orderFence,
  ) {
    // A driver domain that stood still would not wake the guest either, so here it is kept busy instead.
    const { verdict, reordered } = await switchingTrial({
      world: twoHosts(),
      plugin: FOLDER,
      cycles: 8,
      seed: 1,
      traffic: { burst: 256, gapNs: 20_000 },
      // What is sent stays in order: so this is what is received.
      orderFence: orderFence || 'out',
    })
    expect(verdict.oracle).toMatchObject({ missing: 0, doubled: 0 })
    return reordered
  },

  async '(d) in, fast to slow: a filter goes while frames stand in the VI, for which the guest is late'(
    orderFence,
  ) {
    // Whether a frame stands in the VI just then is a matter of the moment: one of several.
    let reordered = 0
    for (const moment of [7, 10, 11]) reordered += await filterGoes(moment, orderFence)
    return reordered
  },
}

describe.each(Object.entries(overtakes))('overtake %s', (_name, trial) => {
  it('shows without the fence', async () => {
    expect(await trial(false)).toBeGreaterThan(0)
  })

  it('does not show with it', async () => {
    expect(await trial(true)).toBe(0)
  })
})
