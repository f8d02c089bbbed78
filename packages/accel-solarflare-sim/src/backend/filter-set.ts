import type { Filter, FilterStatus, ScopeTimer } from '@netaccel/core'
import { PairTable } from './pair-table.js'
import type { FilterUse, Replacement } from './replacement.js'

/** Milliseconds of engine time between two looks at the filters' hits. */
export const TICK_MS = 250
/** Looks that a key which was refused sits out: more than the second that FL-03 asks for. */
const REFUSED_TICKS = 5
/** Keys that can sit out at once; while there are as many no new flow gets a filter. */
const MAX_REFUSED = 256

/** What a filter set asks of the conversation that it belongs to. */
export interface FilterDoors {
  insert(ip: number, ports: number): Promise<Filter | FilterStatus>
  task(name: string, work: () => Promise<void>): void
  /** Null once the conversation is over. */
  after(ms: number, work: () => void): Pick<ScopeTimer, 'again'> | null
  /** The conversation is over. */
  readonly over: boolean
}

/** Bumped as filters come and go; `standing` is how many there are. */
export interface FilterCounts {
  readonly inserted: { value: number }
  readonly evicted: { value: number }
  readonly aged: { value: number }
  readonly refused: { value: number }
  readonly standing: { value: number }
}

export interface FilterSetOptions {
  /** Most filters: the guest's quota. */
  readonly limit: number
  readonly replacement: Replacement
  /** Looks without a hit after which a filter is taken away; 0: never. */
  readonly idleTicks: number
}

/**
 * The receive filters of one guest. {@link seen} is called for each received frame that came the slow way though it was
 * this guest's: the first frame of a flow. It gets a filter, so the next ones come by the VI.
 *
 * A refused insertion leaves nothing behind and is not repeated within a second (FL-03); idle filters age (FL-05). The
 * timer runs only while there is something to look after.
 */
export class FilterSet {
  private readonly options: FilterSetOptions
  private readonly doors: FilterDoors
  private readonly counts: FilterCounts
  /** Key to place. */
  private readonly table: PairTable
  private readonly places: (Place | null)[]
  /** Key to the tick at which it may be tried again. */
  private readonly refused = new PairTable(MAX_REFUSED)
  private readonly refusals: Refusal[] = []
  private tick = 0
  private blockedUntil = 0
  private ticking = false
  /** One for all ticks. */
  private timer: Pick<ScopeTimer, 'again'> | null = null
  private open = false

  constructor(options: FilterSetOptions, doors: FilterDoors, counts: FilterCounts) {
    this.options = options
    this.doors = doors
    this.counts = counts
    this.table = new PairTable(options.limit)
    this.places = Array.from({ length: options.limit }, () => null)
  }

  /** Filters that stand or are being inserted. */
  get size(): number {
    return this.table.size
  }

  /** From here on new flows get filters. */
  start(): void {
    this.open = true
  }

  /** No more filters; those that stand are removed, if the host has not done so already. */
  stop(): void {
    this.open = false
    for (const place of this.places) if (place !== null) this.vacate(place)
  }

  /** A frame of this flow came the slow way. On the path of every such frame: allocates nothing for a known key. */
  seen(ip: number, ports: number): void {
    if (!this.open || this.table.get(ip, ports) >= 0 || this.tick < this.blockedUntil) return
    if (this.refused.get(ip, ports) >= 0 || this.refused.size === MAX_REFUSED) return
    const index = this.freePlace()
    if (index < 0) {
      // Everyone here is busy; asking again for each frame would be work without end.
      this.counts.refused.value++
      this.block(1)
      return
    }
    const place = new Place(this, index, ip, ports)
    this.places[index] = place
    this.table.set(ip, ports, index)
    this.keepTicking()
    this.doors.task(`filter ${ip >>> 0}:${ports & 0xffff}`, () => this.insert(place))
  }

  /** The guest says that this filter let through what is not its own. False: there is no such filter. */
  remove(ip: number, ports: number): boolean {
    const index = this.table.get(ip, ports)
    const place = index < 0 ? null : this.places[index]
    if (place === null) return false
    this.vacate(place)
    this.refuse(ip, ports)
    return true
  }

  get now(): number {
    return this.tick
  }

  private async insert(place: Place): Promise<void> {
    const { ip, ports } = place
    const answer = await this.doors.insert(ip, ports)
    if (typeof answer !== 'string') {
      // Taken back while it was on its way: by a hint, or because the set was stopped.
      if (place.left) answer.remove()
      else this.stand(place, answer)
      return
    }
    if (place.left) return
    this.vacate(place)
    if (answer === 'closed') return
    this.counts.refused.value++
    if (answer === 'duplicate' || answer === 'unsupported') this.refuse(ip, ports)
    else this.block(REFUSED_TICKS)
  }

  private stand(place: Place, filter: Filter): void {
    place.filter = filter
    place.active = this.tick
    this.counts.inserted.value++
    this.counts.standing.value++
  }

  private vacate(place: Place): void {
    place.left = true
    this.places[place.index] = null
    this.table.delete(place.ip, place.ports)
    if (place.filter === null) return
    place.filter.remove()
    place.filter = null
    this.counts.standing.value--
  }

  /** A free place, one that is made free, or -1. */
  private freePlace(): number {
    const { places, options } = this
    const free = places.indexOf(null)
    if (free >= 0) return free
    this.look()
    const standing = places.filter((place) => place !== null && place.filter !== null) as Place[]
    const victim = standing[options.replacement.victim(standing)]
    if (victim === undefined) return -1
    this.counts.evicted.value++
    this.vacate(victim)
    return victim.index
  }

  /** Which filters have matched since the last look. */
  private look(): void {
    const { places } = this
    for (let index = 0; index < places.length; index++) {
      const place = places[index]
      if (place === null || place.filter === null) continue
      const hits = place.filter.hits()
      if (hits === place.hits) continue
      place.hits = hits
      place.active = this.tick
    }
  }

  private refuse(ip: number, ports: number): void {
    if (!this.refused.set(ip, ports, 0)) return
    this.refusals.push({ ip, ports, until: this.tick + REFUSED_TICKS })
    this.keepTicking()
  }

  private block(ticks: number): void {
    this.blockedUntil = this.tick + ticks
    this.keepTicking()
  }

  private keepTicking(): void {
    if (this.ticking) return
    this.ticking = true
    if (this.timer === null) this.timer = this.doors.after(TICK_MS, () => this.ticked())
    else if (!this.doors.over) this.timer.again(TICK_MS)
  }

  private ticked(): void {
    this.ticking = false
    this.tick++
    this.look()
    this.age()
    while (this.refusals.length > 0 && this.refusals[0].until <= this.tick) {
      const { ip, ports } = this.refusals.shift() as Refusal
      this.refused.delete(ip, ports)
    }
    const idle = this.table.size === 0 && this.refusals.length === 0 && this.tick >= this.blockedUntil
    if (!idle) this.keepTicking()
  }

  private age(): void {
    const { idleTicks } = this.options
    if (idleTicks === 0) return
    const { places } = this
    for (let index = 0; index < places.length; index++) {
      const place = places[index]
      if (place === null || place.filter === null || place.idleTicks() < idleTicks) continue
      this.counts.aged.value++
      this.vacate(place)
    }
  }
}

interface Refusal {
  readonly ip: number
  readonly ports: number
  readonly until: number
}

/** One key in its place, its filter standing or on its way. */
class Place implements FilterUse {
  readonly index: number
  readonly ip: number
  readonly ports: number
  /** Null: being inserted. */
  filter: Filter | null = null
  hits = 0
  /** Tick of the last look that found new hits. */
  active = 0
  /** Given up while the insertion was on its way. */
  left = false
  private readonly set: FilterSet

  constructor(set: FilterSet, index: number, ip: number, ports: number) {
    this.set = set
    this.index = index
    this.ip = ip
    this.ports = ports
    this.active = set.now
  }

  idleTicks(): number {
    return this.set.now - this.active
  }
}
