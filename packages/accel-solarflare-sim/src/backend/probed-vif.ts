import type { BackendVif, PortChange, ProbedVif, RemoveReason, Vi } from '@netaccel/core'
import { AccelState, parseMac, Random } from '@netaccel/core'
import { readMacWords } from '../shared/words.js'
import type { MacWords } from '../shared/words.js'
import { Conversation } from './conversation.js'
import { FilterSet, TICK_MS } from './filter-set.js'
import type { BackendOptions } from './options.js'
import type { PortGuest, WatchedPort } from './port.js'
import { LeastRecentlyUsed, RandomReplacement } from './replacement.js'

/** Filters of one guest at most, whatever its quota: the set is walked at each look, and the NIC has 8,192 for all. */
const MOST_FILTERS = 1024
/** Milliseconds that a VI may take to become quiet. */
const QUIET_MS = 500

/**
 * One vif of a guest: as long as it is probed it waits for the guest's half, converses with it, and begins anew when that
 * comes again. Between `start` and `stop` the guest's address in the port's table points here, and new flows get filters.
 */
export class Probed implements ProbedVif, PortGuest {
  private readonly vif: BackendVif
  private readonly options: BackendOptions
  private readonly port: WatchedPort
  private readonly mac: MacWords
  private readonly state: AccelState
  private conversation: Conversation | undefined
  private filters: FilterSet | undefined
  private vi: Vi | undefined
  private started = false

  /** The address was reserved in the port's table. */
  constructor(vif: BackendVif, port: WatchedPort, mac: MacWords, options: BackendOptions) {
    this.vif = vif
    this.options = options
    this.port = port
    this.mac = mac
    this.state = new AccelState({
      side: 'backend',
      scope: vif,
      work: {
        setUp: () => this.setUp(),
        stop: () => this.stopSteering(),
        release: () => this.release(),
      },
    })
  }

  /** Shows that this end is there. False: the vif's directory is gone. */
  begin(): Promise<boolean> {
    this.vif.observe({ fromGuest: (frame) => this.port.sentSlowly(frame, this) })
    return this.state.start()
  }

  start(): void {
    this.started = true
    this.steer()
  }

  stop(): void {
    this.started = false
    this.stopSteering()
  }

  change(change: PortChange): void {
    if (change.kind === 'link' || change.kind === 'mtu') this.conversation?.portChanged()
    else if (change.kind !== 'reset-done') {
      this.stopSteering()
      // The VI is no more. The guest hears of it at once, and fails what it has lent to it, instead of waiting for completions.
      this.vif.task('farewell', () => this.leave())
    }
  }

  async remove(_reason: RemoveReason, signal: AbortSignal): Promise<void> {
    this.started = false
    this.stopSteering()
    this.port.guests.release(this.mac)
    await (signal.aborted ? this.state.close(1) : this.leave())
  }

  arrived(ip: number, ports: number): void {
    this.filters?.seen(ip, ports)
  }

  isLocal(high: number, low: number): void {
    this.conversation?.isLocal(high, low)
  }

  isNear(high: number, low: number): void {
    this.conversation?.isNear(high, low)
  }

  private async leave(): Promise<void> {
    await this.state.close(this.options.farewell)
  }

  private setUp(): Promise<boolean> {
    const conversation = new Conversation(this.vif, this.options, {
      ready: (vi) => {
        this.vi = vi
        this.filters = this.newFilters(conversation)
        this.steer()
      },
      unwanted: (ip, ports) => {
        if (this.filters?.remove(ip, ports) === true) this.vif.counter('filters_unwanted').value++
      },
    })
    this.conversation = conversation
    return conversation.open()
  }

  private async release(): Promise<void> {
    const { conversation } = this
    this.stopSteering()
    this.conversation = undefined
    this.filters = undefined
    this.vi = undefined
    if (conversation === undefined) return
    const late = new AbortController()
    const timer = this.vif.after(QUIET_MS, () => late.abort())
    try {
      await conversation.close(late.signal)
    } finally {
      timer.cancel()
    }
  }

  /** Filters may be inserted once the host has started us and the guest has its VI. */
  private steer(): void {
    const { filters } = this
    if (!this.started || this.vi === undefined || filters === undefined) return
    filters.start()
    this.port.join(this.mac, this)
  }

  private stopSteering(): void {
    this.port.leave(this.mac)
    this.filters?.stop()
  }

  private newFilters(conversation: Conversation): FilterSet {
    const { vif, options } = this
    const ticks = (ms: number) => Math.ceil(ms / TICK_MS)
    const replacement =
      options.replacement === 'random'
        ? new RandomReplacement(new Random(options.seed))
        : new LeastRecentlyUsed(ticks(options.leastIdle))
    return new FilterSet(
      {
        limit: Math.min(vif.limits.filters, MOST_FILTERS),
        replacement,
        idleTicks: ticks(options.filterIdle),
      },
      {
        insert: (ip, ports) => conversation.insertFilter(ip, ports),
        task: (name, work) => vif.task(name, work),
        after: (ms, work) => (vif.signal.aborted ? null : vif.after(ms, work)),
        get over() {
          return vif.signal.aborted
        },
      },
      {
        inserted: vif.counter('filters_inserted'),
        evicted: vif.counter('filters_evicted'),
        aged: vif.counter('filters_aged'),
        refused: vif.counter('filters_refused'),
        standing: vif.counter('num_filters'),
      },
    )
  }
}

/** The words of a MAC as it stands in the store. */
export function macWords(text: string): MacWords {
  const mac = parseMac(text)
  return readMacWords(new DataView(mac.buffer, mac.byteOffset, mac.length), 0)
}
