import type { Closable, VifScope } from '@netaccel/core'
import type { Bench } from '../bench/bench.js'
import { Sender } from '../bench/frames.js'
import type { Scene } from '../bench/scene.js'
import { betweenStation, stations, Stranger } from '../bench/stations.js'
import type { Act, Kit } from '../kit/act.js'
import { needs } from '../kit/check.js'
import { around } from '../record/around.js'
import { vary } from '../record/vary.js'

/** Addresses that moved behind the bridge: what became of frames to them. */
export interface News {
  readonly scene: Scene
  /** Where the vif stood after an attach. */
  readonly phase: string
  /** Addresses that the fast path reached before they moved, and of those the ones to which frames were accepted afterwards. */
  readonly known: number
  readonly missed: number
}

export interface SlowReader {
  /** The halves hear of each other at once; and so late that everything they have to say stands in their rings. */
  readonly prompt: News
  readonly late: News
}

/** More than any ring of messages in a page has slots. */
const STATIONS = 24
/** Each event of the other half is heard so much later while attaching. */
const ATTACH_MS = 0.5
const NEWS_MS = 6000

export const slowReader: Act<SlowReader> = {
  name: 'slow-reader',
  title:
    'halves that hear late of each other: one comes to have more to say than the ring between them holds',
  unfit: needs('vi'),
  async run(kit) {
    return { prompt: await news(kit, false), late: await news(kit, true) }
  },
}

async function news(kit: Kit, isLate: boolean): Promise<News> {
  const line = new Line()
  line.lateMs = isLate ? ATTACH_MS : 0
  const doors = <S extends VifScope>(inner: S): S => vary<S>(inner, line.watch(inner) as Partial<S>)
  const bench = await kit.bench({ rig: around(() => ({ frontendVif: doors, backendVif: doors })) })
  await bench.load()
  const [{ phase }] = bench.vifs
  line.lateMs = 0
  bench.start({ flows: 4 })
  await bench.for(4)
  await bench.quiet()
  const macs = stations(STATIONS)
  const { fromIt, toIt } = betweenStation(bench)
  for (let round = 0; round < 3; round += 1)
    for (const mac of macs) {
      fromIt(mac)
      await bench.for(0.2)
    }
  const known = macs.filter((_, index) => reached(bench, () => toIt(macs[index])))
  await bench.for(1)
  const stranger = new Stranger(bench)
  const { destination } = new Sender(bench).ends
  line.holds = isLate
  for (const mac of macs) {
    stranger.speak(mac, destination)
    await bench.for(0.2)
  }
  line.release()
  await bench.for(NEWS_MS)
  const missed = known.filter((mac) => reached(bench, () => toIt(mac))).length
  return { scene: await bench.finish('slow-reader'), phase, known: known.length, missed }
}

/** The first guest's half would take what is sent by this; it may be asked only, where the order of a flow has it wait. */
function reached({ recorder: { calls } }: Bench, send: () => void): boolean {
  const from = calls.length
  send()
  return calls
    .slice(from)
    .some(
      ({ of, name, result, place }) =>
        of === 'queue' &&
        place.where === 'a.guest1' &&
        ((name === 'accepts' && result === true) || (name === 'startXmit' && result === 'accepted')),
    )
}

/** Between the halves and the events that they raise at each other. */
class Line {
  /** Each event comes so much later. */
  lateMs = 0
  /** None comes, until {@link release}. */
  holds = false
  private readonly held = new Set<() => void>()

  watch(doors: VifScope): Partial<VifScope> {
    return {
      listen: (event, remote) => doors.listen(this.heard(doors, event), remote),
      connect: (port, event, remote) => doors.connect(port, this.heard(doors, event), remote),
      child: (name) => {
        const child = doors.child(name)
        return vary<VifScope & Closable>(child, this.watch(child))
      },
    }
  }

  release(): void {
    this.holds = false
    for (const event of this.held) event()
    this.held.clear()
  }

  private heard(doors: VifScope, event: () => void): () => void {
    return () => {
      if (this.holds) this.held.add(event)
      else if (this.lateMs > 0) {
        if (!doors.signal.aborted) doors.after(this.lateMs, event)
      } else event()
    }
  }
}
