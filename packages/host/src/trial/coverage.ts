import type { Vi } from '@netaccel/core'
import type { Host } from '../build/host.js'
import type { World } from '../build/world.js'
import { type Place, PLACES, standing } from './standing.js'

/** What a switch can meet: frames in a place, or a filter that took another's place not long before or after. */
export const MET = [...PLACES, 'eviction'] as const

export type Met = Place | 'eviction'

const LOOK_NS = 50_000
const NEAR_NS = 1_000_000

/** Watches a world from outside, on an engine of its own: what its switches meet, and how much is under way. */
export class Coverage {
  /** Gates opened and shut, over all vifs. */
  switches = 0
  readonly #world: World
  readonly #met = new Map<Met, number>()
  readonly #hosts: readonly HostWatch[]
  #looks = 0
  #underWay = 0
  #watching = true

  constructor(world: World) {
    this.#world = world
    this.#hosts = [...world.hosts.values()].map((host) => new HostWatch(host))
    for (const watch of this.#hosts) {
      for (const guest of watch.host.guests.values()) {
        // A gate opens, or is about to shut.
        guest.plugins.events.on('phase', ({ to }) => {
          if (to === 'active') this.#note(watch)
        })
        guest.plugins.events.on('half_draining', () => this.#note(watch))
      }
    }
    const engine = world.timeline.engine('coverage')
    const look = (): void => {
      this.#looks += 1
      this.#underWay += world.oracle?.underWay ?? 0
      if (this.#watching) engine.after(LOOK_NS, look)
      else world.timeline.removeEngine(engine)
    }
    engine.after(LOOK_NS, look)
  }

  /** Wire segments under way, on average over time. */
  get inFlight(): number {
    return this.#underWay / Math.max(1, this.#looks)
  }

  /** Share of the switches that met it. */
  get shares(): Readonly<Record<Met, number>> {
    const evictions = this.#hosts.reduce((sum, { nearEvictions }) => sum + nearEvictions, 0)
    const share = (met: Met): number =>
      (met === 'eviction' ? evictions : (this.#met.get(met) ?? 0)) / Math.max(1, this.switches)
    return Object.fromEntries(MET.map((met) => [met, share(met)])) as Record<Met, number>
  }

  stop(): void {
    this.#watching = false
  }

  #note(watch: HostWatch): void {
    this.switches += 1
    watch.switched(this.#world.timeline.now())
    for (const place of standing(watch.host)) this.#met.set(place, (this.#met.get(place) ?? 0) + 1)
  }
}

/** One host's evictions: a filter of a VI that was inserted after another of the same VI had gone. */
class HostWatch {
  readonly host: Host
  /** Switches with an eviction nearby, before or after. */
  nearEvictions = 0
  readonly #gone = new WeakSet<Vi>()
  #last = -Infinity
  /** Switches that wait for an eviction after them. */
  #waiting: number[] = []

  constructor(host: Host) {
    this.host = host
    for (const { driver, engine } of host.nics.values()) {
      const { filters } = driver
      const insert = filters.insert.bind(filters)
      filters.insert = (key, vi) => {
        const filter = insert(key, vi)
        if (typeof filter === 'string') return filter
        if (this.#gone.has(vi)) this.#evicted(engine.now())
        const remove = filter.remove.bind(filter)
        filter.remove = () => {
          this.#gone.add(vi)
          remove()
        }
        return filter
      }
    }
  }

  switched(now: number): void {
    if (now - this.#last <= NEAR_NS) this.nearEvictions += 1
    else this.#waiting.push(now)
  }

  #evicted(now: number): void {
    this.#last = now
    this.nearEvictions += this.#waiting.filter((at) => now - at <= NEAR_NS).length
    this.#waiting = []
  }
}
