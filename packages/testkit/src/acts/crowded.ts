import type { BackendVif, Closable, FilterStatus, FlowKey } from '@netaccel/core'
import type { Bench } from '../bench/bench.js'
import { Sender } from '../bench/frames.js'
import type { Scene } from '../bench/scene.js'
import type { Act } from '../kit/act.js'
import { around } from '../record/around.js'
import { vary } from '../record/vary.js'

/** One attempt to insert a filter. */
export interface Attempt {
  /** The key as text. */
  readonly key: string
  /** Virtual time, ns. */
  readonly at: number
  readonly answer: 'stands' | FilterStatus
}

export interface Crowded {
  readonly scene: Scene
  /** With room for all: one flow after the other. */
  readonly before: readonly Attempt[]
  /** While each is refused. */
  readonly refused: readonly Attempt[]
  /** Afterwards, as many flows as were refused before. */
  readonly after: readonly Attempt[]
  /** Filters of flows that carried traffic, and of those the ones that were taken away while single frames passed by. */
  readonly live: number
  readonly evicted: number
}

const PLACES = 4
const FRAMES = 4
const FRAME_MS = 100
const REST_MS = 1500
const SCANNED = 30

export const crowded: Act<Crowded> = {
  name: 'crowded',
  title: 'few filters: flows that are refused, then a scan of ports beside flows that live',
  unfit: ({ capabilities }) => (capabilities.has('filters') ? undefined : 'the plugin inserts no filters'),
  async run(kit) {
    const clerk = new Clerk(() => bench.world.timeline.now())
    const bench = await kit.bench({
      rig: (halves, facts, where) =>
        around(() => ({
          backendVif: (doors) =>
            where.startsWith('a.') ? vary<BackendVif>(doors, clerk.watch(doors)) : doors,
        }))(halves, facts, where),
    })
    await bench.load()
    const sender = new Sender(bench, 1)
    const before = await clerk.during(() => flowByFlow(bench, sender, 5000))
    clerk.refuses = true
    const refused = await clerk.during(() => flowByFlow(bench, sender, 5100))
    clerk.refuses = false
    const after = await clerk.during(() => flowByFlow(bench, sender, 5200))
    const live = Array.from({ length: PLACES }, (_, i) => 5300 + 2 * i)
    await together(bench, sender, live, false)
    clerk.beginScan(live.map((port) => port + 1))
    await together(bench, sender, live, true)
    const { standing, evicted } = clerk
    return { scene: await bench.finish('crowded'), before, refused, after, live: standing, evicted }
  },
}

async function flowByFlow(bench: Bench, sender: Sender, from: number): Promise<void> {
  for (let flow = 0; flow < PLACES; flow += 1) {
    const letter = sender.datagram(100, false, from + 2 * flow)
    for (let frame = 0; frame < FRAMES; frame += 1) {
      sender.send(letter)
      await bench.for(FRAME_MS)
    }
    await bench.for(REST_MS)
  }
}

/** All flows by turns; `scan`: between them single frames to ports that nobody asks for again. */
async function together(
  bench: Bench,
  sender: Sender,
  ports: readonly number[],
  scan: boolean,
): Promise<void> {
  for (let round = 0; round < SCANNED; round += 1) {
    for (const port of ports) sender.send(sender.datagram(100, false, port))
    if (scan) sender.send(sender.datagram(100, false, 20_000 + 2 * round))
    await bench.for(FRAME_MS)
  }
}

/** Stands at the door `insertFilter`. */
class Clerk {
  refuses = false
  evicted = 0
  /** Live flows whose filters stood when the scan began. */
  standing = 0
  private attempts: Attempt[] = []
  private readonly ports = new Map<number, number>()
  private scanned: ReadonlySet<number> = new Set()
  private readonly now: () => number

  constructor(now: () => number) {
    this.now = now
  }

  async during(work: () => Promise<void>): Promise<Attempt[]> {
    this.attempts = []
    await work()
    return this.attempts
  }

  beginScan(ports: readonly number[]): void {
    this.scanned = new Set(ports)
    this.standing = ports.filter((port) => (this.ports.get(port) ?? 0) > 0).length
  }

  watch(doors: BackendVif): Partial<BackendVif> {
    return {
      limits: { ...doors.limits, filters: PLACES },
      insertFilter: async (key, vi) => {
        const answer = this.refuses ? 'full' : await doors.insertFilter(key, vi)
        const isRefused = typeof answer === 'string'
        this.attempts.push({
          key: JSON.stringify(key),
          at: this.now(),
          answer: isRefused ? answer : 'stands',
        })
        if (isRefused) return answer
        this.count(key, 1)
        return vary(answer, {
          remove: () => {
            this.count(key, -1)
            answer.remove()
          },
        })
      },
      child: (name) => {
        const child = doors.child(name)
        return vary<BackendVif & Closable>(child, this.watch(child))
      },
    }
  }

  private count({ destinationPort = 0 }: FlowKey, by: number): void {
    this.ports.set(destinationPort, (this.ports.get(destinationPort) ?? 0) + by)
    if (by < 0 && this.scanned.has(destinationPort)) this.evicted += 1
  }
}
