import type { FrontendVif } from '@netaccel/core'
import { Random } from '@netaccel/packet'
import { arrivalsOf } from '../bench/arrivals.js'
import type { Bench } from '../bench/bench.js'
import { Sender } from '../bench/frames.js'
import { flip, MappedPages } from '../bench/mapped-pages.js'
import type { Act, Kit } from '../kit/act.js'
import { needs } from '../kit/check.js'
import { around } from '../record/around.js'
import { vary } from '../record/vary.js'

/** What came of frames for one guest, some of whose events were garbled. */
export interface Reception {
  /** Events, or words of them, in which a bit was turned over before they were read. */
  readonly garbled: number
  /** Frames that stood in its buffers, and of those the ones that were neither delivered nor counted by anyone. */
  readonly arrived: number
  readonly uncounted: number
  /** Frames that were sent when the events were sound again, and of those the ones that did not arrive. */
  readonly later: number
  readonly missing: number
  /** Where the vif stood then. */
  readonly phase: string
  /** What the host's doors have said of frames that did not come back to their pool. */
  readonly lost: readonly string[]
}

export interface Garbled {
  readonly plain: Reception
  readonly garbled: Reception
}

const WHERE = 'a.guest1'
const BURST = 4
const GAP_MS = 0.05
/** One of so many words that hardware has written is garbled. */
const SOUND = 6
/** Frames until everyone has found back, and frames that are counted then. */
const RECOVERY = 48
const LATER = 16

export const garbled: Act<Garbled> = {
  name: 'garbled',
  title: 'frames for a guest that only receives, with bits turned over in the events that tell of them',
  unfit: needs('rx', 'vi'),
  async run(kit) {
    return { plain: await reception(kit, false), garbled: await reception(kit, true) }
  },
}

async function reception(kit: Kit, garbles: boolean): Promise<Reception> {
  const random = new Random(kit.seed).fork('garbled')
  const pages = new MappedPages('ro')
  const state = { on: false, garbled: 0 }
  const bench = await kit.bench({
    rig: around((_, where) =>
      where !== WHERE
        ? {}
        : {
            frontendVif: (doors) => vary<FrontendVif>(doors, pages.watch(doors)),
            queue: (inner) =>
              vary(inner, {
                poll(budget) {
                  const words = state.on ? pages.written().filter(() => random.below(SOUND) === 0) : []
                  state.garbled += words.length
                  const undo = words.map((word) => flip(word, random))
                  const answer = inner.poll(budget)
                  for (const restore of undo) restore()
                  if (state.on) pages.note()
                  return answer
                },
              }),
          },
    ),
  })
  await bench.load()
  bench.start({ flows: 4 })
  await bench.for(3)
  await bench.quiet()
  // From here on the guest sends nothing: all events are of frames that it receives.
  await send(bench, 8, 1, 1)
  const from = { n: bench.recorder.calls.length, counted: countedBy(bench) }
  pages.note()
  state.on = garbles
  await send(bench, kit.full ? 2000 : 400, BURST, GAP_MS)
  state.on = false
  const to = { n: bench.recorder.calls.length, counted: countedBy(bench) }
  await send(bench, RECOVERY, 1, GAP_MS)
  const before = receivedBy(bench)
  await send(bench, LATER, 1, GAP_MS)
  const missing = before + LATER - receivedBy(bench)
  const [{ phase }] = bench.vifs
  const scene = await bench.finish('garbled')
  const during = ({ n }: { readonly n: number }): boolean => n >= from.n && n < to.n
  const arrived = arrivalsOf(scene).filter((arrival) => arrival.host === 'a' && during(arrival)).length
  const told = scene.calls.filter(
    (call) =>
      call.place.where === WHERE && during(call) && (call.name === 'deliver' || call.name === 'dropRx'),
  ).length
  const uncounted = Math.max(0, arrived - told - (to.counted - from.counted))
  const lost = scene.events.flatMap(({ name, where, fields }) =>
    name === 'refused' && where === WHERE && 'text' in fields && 'rule' in fields && fields.rule === 'MEM-05'
      ? [fields.text]
      : [],
  )
  return { garbled: state.garbled, arrived, uncounted, later: LATER, missing, phase, lost }
}

/** Datagrams of one flow to the first guest. */
async function send(bench: Bench, count: number, burst: number, gapMs: number): Promise<void> {
  const sender = new Sender(bench, 1)
  const letter = sender.datagram(120, false)
  for (let sent = 0; sent < count; sent += burst) {
    sender.send(...Array.from({ length: burst }, () => letter))
    await bench.for(gapMs)
  }
  await bench.for(1)
}

function receivedBy({ vifs: [{ meter }] }: Bench): number {
  return meter.rx.slow.frames + meter.rx.fast.frames
}

/** All that the frontend half has counted by itself. */
function countedBy({ world, vifs: [{ path }] }: Bench): number {
  const { counters } = world.status().vifs.find((vif) => vif.path === path) ?? {}
  return Object.values(counters?.frontend ?? {}).reduce((sum, value) => sum + value, 0)
}
