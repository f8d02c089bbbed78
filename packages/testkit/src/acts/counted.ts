import type { AcceleratedVif, Frame, FrontendVif, View } from '@netaccel/core'
import type { Bench } from '../bench/bench.js'
import type { Scene } from '../bench/scene.js'
import type { Act } from '../kit/act.js'
import { around } from '../record/around.js'
import { vary } from '../record/vary.js'

/** Counters by vif, half and name: `a.guest1.vif0 frontend tx_busy`. */
export type Reading = ReadonlyMap<string, number>

/** What an attachment had counted when its hooks were cleared, and when it had left. */
export interface Leaving {
  readonly where: string
  readonly before: Reading
  readonly after: Reading
}

export interface Counted {
  readonly scene: Scene
  /** While frames flow, in order. */
  readonly flowing: readonly Reading[]
  /** Read twice while nothing happens. */
  readonly still: readonly [Reading, Reading]
  readonly leaving: readonly Leaving[]
  /** Numbers of the calls that delivered a frame for another address, which stood in the guest's buffers. */
  readonly foreign: readonly number[]
}

const HINTS_MS = 12
const IPV4 = 0x0800

/** A buffer of received frames: where each begins is known. */
interface Buffers {
  readonly arena: View
  readonly bytesEach: number
}

export const counted: Act<Counted> = {
  name: 'counted',
  title:
    'what is counted: under traffic, at rest, read twice, and when each half has left; frames for others in the buffers',
  async run(kit) {
    const spoiler = new Spoiler(() => bench.recorder.calls.length - 1)
    const leaving: Leaving[] = []
    const names = Object.keys(kit.subject.manifest.counters ?? {})
    const bench = await kit.bench({
      rig: (halves, facts, where) =>
        around(() => ({
          frontendVif: (doors) => spoiler.watch(doors),
          queueDoors: (queue, doors) =>
            vary(queue, {
              deliver(frame) {
                spoiler.look(frame, doors)
                queue.deliver(frame)
              },
            }),
          vif: (inner, doors) => vary<AcceleratedVif>(inner, noting(inner, doors, names, where, leaving)),
          queue: (inner, _, doors) =>
            vary(inner, {
              poll(budget) {
                spoiler.spoil(doors)
                return inner.poll(budget)
              },
            }),
          probed: (inner, doors) => vary(inner, noting(inner, doors, names, where, leaving)),
        }))(halves, facts, where),
    })
    await bench.load()
    bench.start({ flows: 8, gapNs: 80_000 })
    const flowing: Reading[] = []
    for (let part = 0; part < (kit.full ? 40 : 12); part += 1) {
      await bench.for(0.5)
      flowing.push(read(bench))
    }
    for (let hint = 0; hint < 2; hint += 1) {
      spoiler.due = true
      await bench.for(HINTS_MS)
    }
    flowing.push(read(bench))
    await bench.quiet()
    const still = [read(bench), read(bench)] as const
    return {
      scene: await bench.finish('counted'),
      flowing,
      still: [...still],
      leaving,
      foreign: spoiler.delivered,
    }
  },
}

function read(bench: Bench): Reading {
  return new Map(
    bench.world
      .status()
      .vifs.flatMap(({ path, counters }) =>
        (['frontend', 'backend'] as const).flatMap((half) =>
          Object.entries(counters[half]).map(([name, value]): [string, number] => [
            `${path} ${half} ${name}`,
            value,
          ]),
        ),
      ),
  )
}

/** `remove`, with the counters before and after. */
function noting(
  inner: Pick<AcceleratedVif, 'remove'>,
  doors: Pick<FrontendVif, 'counter'>,
  names: readonly string[],
  where: string,
  leaving: Leaving[],
): Pick<AcceleratedVif, 'remove'> {
  const look = (): Reading => new Map(names.map((name) => [name, doors.counter(name).value]))
  return {
    async remove(reason, signal) {
      const before = look()
      await inner.remove(reason, signal)
      leaving.push({ where, before, after: look() })
    },
  }
}

/** Once asked, turns what stands in the guest's buffers into frames for somebody else, as a filter that is too wide would. */
class Spoiler {
  due = false
  readonly delivered: number[] = []
  private readonly lastCall: () => number
  private readonly pools = new Map<FrontendVif, Buffers[]>()

  constructor(lastCall: () => number) {
    this.lastCall = lastCall
  }

  watch(doors: FrontendVif): FrontendVif {
    const pools: Buffers[] = []
    const watched = vary(doors, {
      pool(frames, bytesEach) {
        const pool = doors.pool(frames, bytesEach)
        pools.push({ arena: pool.arena, bytesEach })
        return pool
      },
    })
    this.pools.set(watched, pools)
    return watched
  }

  /** A frame for somebody else has come through: that is enough. */
  look({ view, offset }: Frame, doors: FrontendVif): void {
    if (!this.due || view.getUint32(offset + 2) !== otherThan(doors)) return
    this.due = false
    this.delivered.push(this.lastCall())
  }

  spoil(doors: FrontendVif): void {
    if (!this.due) return
    for (const { arena, bytesEach } of this.pools.get(doors) ?? [])
      for (let at = arena.offset; at + bytesEach <= arena.offset + arena.length; at += bytesEach)
        if (arena.view.getUint32(at + 2) === endOf(doors) && arena.view.getUint16(at + 12) === IPV4)
          arena.view.setUint32(at + 2, otherThan(doors))
  }
}

/** The last four bytes of the guest's address, and of one that is nobody's. */
function endOf({ mac }: FrontendVif): number {
  return Number.parseInt(mac.replaceAll(':', '').slice(4), 16)
}

function otherThan(doors: FrontendVif): number {
  return (endOf(doors) ^ 0x5500) >>> 0
}
