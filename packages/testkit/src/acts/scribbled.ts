import type { Arena, Closable, FrontendQueue, FrontendVif, Page, VifScope, View } from '@netaccel/core'
import { Random } from '@netaccel/packet'
import type { Scene } from '../bench/scene.js'
import type { Act } from '../kit/act.js'
import { around } from '../record/around.js'
import { vary } from '../record/vary.js'

/** Bits of the words that are turned over; all 32 where there are none. */
const FLIPS = [0, 4, 12] as const
/** Events at once. */
const STORM = 16
const PAGE = 4096

/**
 * Everything that the frontend half has mapped of the other end is written to, then what it lets the other end write to: at
 * random, then words as they were with a few bits turned over. What the frames carry is not judged.
 */
export const scribbled: Act<Scene> = {
  name: 'scribbled',
  title:
    'hardware and the other end scribble over all pages that the frontend half has mapped or lets them write, with storms of events',
  async run(kit) {
    const seen: Seen = { mapped: [], shared: [], events: [] }
    const queues = new Set<FrontendQueue>()
    const bench = await kit.bench({
      rig: around(() => ({
        frontendVif: (doors) => vary<FrontendVif>(doors, watching(doors, seen)),
        queueDoors: (doors) => {
          queues.add(doors)
          return doors
        },
      })),
    })
    await bench.load()
    bench.start({ flows: 8 })
    await bench.for(2)
    const random = new Random(kit.seed).fork('scribbled')
    for (let round = 0; round < (kit.full ? 60 : 9); round += 1) {
      const undo = seen.mapped.map((page) => scribble(page, FLIPS[round % FLIPS.length], random))
      for (const queue of queues) queue.schedule()
      await bench.for(0.2)
      for (const restore of undo) restore()
      await bench.for(0.2)
    }
    // Now what the halves say to each other, with a storm of events. It may end the attachment.
    for (let round = 0; round < (kit.full ? 12 : 3); round += 1) {
      for (const page of seen.shared) scribble(page, FLIPS[round % FLIPS.length], random)
      for (const event of seen.events) for (let time = 0; time < STORM; time += 1) raise(event)
      await bench.for(0.2)
    }
    return bench.finish('scribbled')
  },
}

/** What it throws is written down with the call. */
function raise(event: () => void): void {
  try {
    event()
  } catch {
    // The host would have caught it too.
  }
}

/** What the other end, or hardware, can write to and set off. */
interface Seen {
  /** Pages of the other end. */
  readonly mapped: View[]
  /** Pages of its own that it has granted to be written. */
  readonly shared: View[]
  readonly events: (() => void)[]
}

/** Doors of a vif, or of a child of one, that note what is shared through them. */
function watching(doors: VifScope, seen: Seen): Partial<VifScope> {
  const arenas: Arena[] = []
  return {
    arena(pages) {
      const arena = doors.arena(pages)
      arenas.push(arena)
      return arena
    },
    grant(page, access, to) {
      const arena = arenas.find(({ pages }) => pages.includes(page))
      if (arena !== undefined && access === 'rw') seen.shared.push(pageOf(arena, page))
      return doors.grant(page, access, to)
    },
    listen(event, remote) {
      seen.events.push(event)
      return doors.listen(event, remote)
    },
    map(refs, access, from) {
      const mapping = doors.map(refs, access, from)
      if (typeof mapping !== 'number') seen.mapped.push(...mapping.pages)
      return mapping
    },
    child(name) {
      const child = doors.child(name)
      return vary<VifScope & Closable>(child, watching(child, seen))
    },
  }
}

function pageOf({ view, bytes, offset, pages }: Arena, page: Page): View {
  return { view, bytes, offset: offset + pages.indexOf(page) * PAGE, length: PAGE }
}

/** Writes other words, and gives what writes back those that nobody has written since: hardware goes on from there. */
function scribble({ view, offset, length }: View, flips: number, random: Random): () => void {
  const words = length >>> 2
  const before = new Uint32Array(words)
  const written = new Uint32Array(words)
  for (let at = 0; at < words; at += 1) {
    before[at] = view.getUint32(offset + 4 * at)
    written[at] = flips === 0 ? random.next32() : before[at]
    for (let bit = 0; bit < flips; bit += 1) written[at] ^= 1 << random.below(32)
    view.setUint32(offset + 4 * at, written[at])
  }
  return () => {
    for (let at = 0; at < words; at += 1)
      if (view.getUint32(offset + 4 * at) === written[at]) view.setUint32(offset + 4 * at, before[at])
  }
}
