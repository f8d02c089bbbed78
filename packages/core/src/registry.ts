// The registry of one domain and side: which halves are loaded, which vifs ask for them.
//
// After drivers/xen/netfront/accel.c of linux-2.6.18-xen (2010), with the deferred second install of June 2007: entries are
// kept by name, may exist before the plugin or before any vif, and survive a stop together with their vifs, which are then
// asked for again when the plugin comes back.
import { onClock, withDeadline } from './control-clock.js'
import { AcceleratorError, isAcceleratorError } from './errors.js'
import { EventHub } from './event-hub.js'
import { Lease, LEASE_HOOK, LeaseSum } from './lease.js'
import { CONTRACT_VERSIONS, checkVersion } from './version.js'
import type { RemoveReason, VersionRange } from './contract/index.js'
import type { ControlClock } from './control-clock.js'
import type {
  EntryState,
  Generation,
  LoadedResult,
  MemberState,
  RegistryMember,
  RegistryOptions,
  RegistryStatus,
  StopReport,
} from './registry-types.js'

interface MemberRecord<H> {
  readonly member: RegistryMember<H>
  state: MemberState
  /** The attach in flight. */
  attaching: Promise<void> | null
}

interface LiveGeneration<H> extends Generation<H> {
  open: boolean
}

/** A load that waits for the last lease of the generation before it. */
interface Deferred {
  start(): void
  refuse(code: 'SUPERSEDED' | 'CANCELLED'): void
}

interface Entry<H> {
  readonly name: string
  /** Oldest first; calls go newest first, as the original fills its list at the head. */
  readonly members: MemberRecord<H>[]
  generation: LiveGeneration<H> | null
  /** A load has been admitted and its set-up runs. */
  loading: boolean
  stopping: Promise<StopReport> | null
  deferred: Deferred | null
}

/** See the head of this file. `H` is the half: a `FrontendAccelerator` or a `BackendAccelerator`. */
export class Registry<H> {
  readonly side: RegistryOptions['side']
  readonly events: EventHub
  protected readonly entries = new Map<string, Entry<H>>()
  protected readonly clock: ControlClock
  protected readonly unloadDeadlineMs: number
  readonly #versions: VersionRange
  readonly #inDriverDomain: boolean
  readonly #onRequested: ((name: string) => void) | undefined
  #generations = 0

  constructor(options: RegistryOptions) {
    this.side = options.side
    this.clock = options.clock
    this.events = options.events ?? new EventHub()
    this.unloadDeadlineMs = options.unloadDeadlineMs ?? 10_000
    this.#versions = options.versions ?? CONTRACT_VERSIONS
    this.#inDriverDomain = options.inDriverDomain
    this.#onRequested = options.onRequested
  }

  /** What `loaded` would say to this version, without registering anything. */
  check(version: number): 0 | number | 'EPROTO' | 'EINVAL' {
    if (this.side === 'frontend' && this.#inDriverDomain) return 'EINVAL'
    return checkVersion(version, this.#versions)
  }

  /** The versions that this host provides to halves of this side. */
  get versions(): VersionRange {
    return this.#versions
  }

  /**
   * A half is here (`netfront_accelerator_loaded`, `netback_connect_accelerator`).
   *
   * 0: registered, and every vif that asked for it is being attached; or an older generation of this name still drains, and
   * the same happens when its last lease is gone. A positive number: the caller is newer, this is the host's version, nothing
   * is registered. 'EPROTO': the caller is too old. 'EEXIST': a generation of this name is live. 'EINVAL': a frontend half in
   * the driver domain.
   */
  loaded(version: number, name: string, half: H): LoadedResult {
    const refusal = this.check(version)
    if (refusal !== 0) return refusal
    const entry = this.entryOf(name)
    if (entry.generation === null) {
      this.begin(entry, version, half)
      return 0
    }
    if (entry.generation.open) return 'EEXIST'
    this.#defer(entry, {
      start: () => this.begin(entry, version, half),
      refuse: (code) => this.events.hear.load_refused?.({ name, side: this.side, code }),
    })
    return 0
  }

  /**
   * Asks for the right to run the set-up of a generation, which `loaded` or `abandon` then ends. Settles when the generation
   * before it is gone. Rejects with `EEXIST` while one is live or loading, `SUPERSEDED` when a newer load took its place,
   * `CANCELLED` when it was unloaded while it waited.
   */
  admit(name: string): Promise<void> {
    const entry = this.entryOf(name)
    if (entry.loading || (entry.generation?.open ?? false))
      return Promise.reject(new AcceleratorError('EEXIST', `${name} in the ${this.side} registry`))
    if (entry.generation === null) {
      entry.loading = true
      return Promise.resolve()
    }
    return new Promise((resolve, reject) => {
      this.#defer(entry, {
        start: () => {
          entry.loading = true
          resolve()
        },
        refuse: (code) => reject(new AcceleratorError(code, `load of ${name}`)),
      })
    })
  }

  /** The set-up that was admitted failed. The vifs stay on the list. */
  abandon(name: string): void {
    const entry = this.entries.get(name)
    if (entry !== undefined) entry.loading = false
  }

  /**
   * Ends the generation of this name (`netfront_accelerator_stop`): no new attachment, every vif detaches, then its leases
   * fall to zero, or the deadline passes. The entry and its vifs stay, requested. A second stop joins the first; a load that
   * waits is called off. Unknown names are no error.
   */
  stop(name: string, reason: RemoveReason): Promise<StopReport> {
    const entry = this.entries.get(name)
    entry?.deferred?.refuse('CANCELLED')
    if (entry !== undefined) entry.deferred = null
    if (entry === undefined || entry.generation === null)
      return Promise.resolve({
        name,
        generation: undefined,
        forced: false,
        holders: [],
        detached: [],
        tookNs: 0,
      })
    entry.stopping ??= this.drain(entry, entry.generation, reason)
    return entry.stopping
  }

  /**
   * A vif asks for a name; or asks again, after it was declined or left. Throws `TAKEN` when the vif is on another name's
   * list.
   */
  request(name: string, member: RegistryMember<H>): void {
    const taken = this.#find(member)
    if (taken !== undefined && taken.entry.name !== name)
      throw new AcceleratorError(
        'TAKEN',
        `${member.name} asks for ${name} and is on the list of ${taken.entry.name}`,
      )
    const entry = this.entryOf(name)
    const record: MemberRecord<H> = taken?.record ?? { member, state: 'requested', attaching: null }
    if (taken === undefined) entry.members.push(record)
    if (record.state !== 'requested' && record.state !== 'declined') return
    const generation = entry.generation
    if (generation === null) this.#onRequested?.(name)
    else if (generation.open) this.attachMember(entry, record, generation)
  }

  /** The vif wishes for nothing any more: it is detached and leaves its list. One that is on no list is no error. */
  async withdraw(member: RegistryMember<H>, reason: RemoveReason = 'detached'): Promise<void> {
    const found = this.#find(member)
    if (found === undefined) return
    const { entry, record } = found
    const generation = entry.generation
    if (generation !== null) await this.detachMember(record, generation, reason)
    const at = entry.members.indexOf(record)
    if (at >= 0) entry.members.splice(at, 1)
  }

  /** The vif has detached by its own decision (a fault, a reset, the backend closed) and stays on the list. */
  left(member: RegistryMember<H>, as: 'requested' | 'declined'): void {
    const found = this.#find(member)
    if (found === undefined) return
    if (found.record.state === 'attached') found.entry.generation?.control.drop(LEASE_HOOK)
    if (found.record.state === 'attached' || found.record.state === 'requested') found.record.state = as
  }

  /** Undefined for a name that nobody has ever loaded or asked for. */
  state(name: string): RegistryStatus | undefined {
    const entry = this.entries.get(name)
    return entry === undefined ? undefined : statusOf(entry)
  }

  /** Every name, in the order in which it was first met. */
  status(): RegistryStatus[] {
    return [...this.entries.values()].map(statusOf)
  }

  protected entryOf(name: string): Entry<H> {
    let entry = this.entries.get(name)
    if (entry === undefined) {
      entry = { name, members: [], generation: null, loading: false, stopping: null, deferred: null }
      this.entries.set(name, entry)
    }
    return entry
  }

  /** Makes the generation live and attaches every vif on the list, newest first. */
  protected begin(entry: Entry<H>, version: number, half: H): void {
    const number = ++this.#generations
    const lease = new LeaseSum(`${entry.name}#${number}`)
    const control = lease.add(new Lease(`${entry.name}#${number} control`))
    const generation: LiveGeneration<H> = {
      name: entry.name,
      number,
      version,
      half,
      lease,
      control,
      open: true,
    }
    entry.generation = generation
    entry.loading = false
    this.events.hear.half_registered?.({ name: entry.name, side: this.side, generation: number, version })
    for (const record of entry.members.toReversed()) {
      if (!generation.open) return
      this.attachMember(entry, record, generation)
    }
  }

  /**
   * Offers the vif to the generation. All that follows the wait uses `generation` and never `entry.generation`, which may
   * be another one, or none, by then (defect a of the original's first version).
   */
  protected attachMember(entry: Entry<H>, record: MemberRecord<H>, generation: LiveGeneration<H>): void {
    if (record.state !== 'requested' && record.state !== 'declined') return
    const lease = generation.control
    record.state = 'attaching'
    lease.take(LEASE_HOOK)
    record.attaching = onClock(this.clock, async () => {
      let outcome: 'attached' | 'declined' = 'declined'
      let cause: unknown
      try {
        outcome = await record.member.attach(generation.half, generation)
      } catch (error) {
        cause = error
      }
      record.attaching = null
      this.events.hear.member_attached?.({
        name: entry.name,
        side: this.side,
        member: record.member.name,
        outcome,
        cause,
      })
      if (outcome === 'attached') {
        if (record.state === 'attaching') record.state = 'attached'
        return
      }
      if (record.state === 'attaching') {
        record.state = generation.open ? 'declined' : 'requested'
        lease.drop(LEASE_HOOK)
      }
    })
  }

  /** Detaches one vif; only one that attached, or is about to, holds a lease to give back (defect b). */
  protected async detachMember(
    record: MemberRecord<H>,
    generation: LiveGeneration<H>,
    reason: RemoveReason,
  ): Promise<void> {
    const held = record.state === 'attached' || record.state === 'attaching'
    if (!held) {
      if (record.state === 'detaching') await record.member.detach(reason)
      else record.state = 'requested'
      return
    }
    const attaching = record.attaching
    record.state = 'detaching'
    await onClock(this.clock, async () => {
      try {
        await record.member.detach(reason)
        await attaching
      } catch (cause) {
        this.events.hear.detach_failed?.({
          name: generation.name,
          side: this.side,
          member: record.member.name,
          cause,
        })
      }
    })
    record.state = 'requested'
    if (generation.control.held > 0) generation.control.drop(LEASE_HOOK)
  }

  /** One stop from beginning to end. It holds nothing while it waits, so whatever a detach calls here goes through. */
  protected async drain(
    entry: Entry<H>,
    generation: LiveGeneration<H>,
    reason: RemoveReason,
  ): Promise<StopReport> {
    const from = this.clock.now()
    generation.open = false
    this.events.hear.half_draining?.({
      name: entry.name,
      side: this.side,
      generation: generation.number,
      reason,
    })
    const used = entry.members.filter((record) => record.state !== 'requested' && record.state !== 'declined')
    for (const record of entry.members) if (record.state === 'declined') record.state = 'requested'
    let holders: string[] = []
    try {
      await withDeadline(this.clock, this.unloadDeadlineMs, `unload of ${entry.name}`, async () => {
        await Promise.all(used.map((record) => this.detachMember(record, generation, reason)))
        await new Promise<void>((resolve) => generation.lease.whenZero(resolve))
      })
    } catch (error) {
      if (!isAcceleratorError(error, 'DEADLINE')) throw error
      holders = holdersOf(generation.lease, entry)
      generation.lease.forfeit()
    }
    return this.#end(entry, generation, {
      name: entry.name,
      generation: generation.number,
      forced: holders.length > 0,
      holders,
      detached: used.map((record) => record.member.name),
      tookNs: this.clock.now() - from,
    })
  }

  #end(entry: Entry<H>, generation: LiveGeneration<H>, report: StopReport): StopReport {
    if (entry.generation === generation) entry.generation = null
    for (const record of entry.members) if (record.state === 'detaching') record.state = 'requested'
    entry.stopping = null
    this.events.hear.half_stopped?.({ name: entry.name, side: this.side, report })
    const next = entry.deferred
    entry.deferred = null
    next?.start()
    return report
  }

  #defer(entry: Entry<H>, deferred: Deferred): void {
    entry.deferred?.refuse('SUPERSEDED')
    entry.deferred = deferred
    this.events.hear.load_deferred?.({ name: entry.name, side: this.side })
  }

  #find(member: RegistryMember<H>): { entry: Entry<H>; record: MemberRecord<H> } | undefined {
    for (const entry of this.entries.values()) {
      const record = entry.members.find((other) => other.member === member)
      if (record !== undefined) return { entry, record }
    }
    return undefined
  }
}

function statusOf<H>(entry: Entry<H>): RegistryStatus {
  const { generation, members } = entry
  const attached = members.some((record) => record.state === 'attached')
  const attaching = members.some((record) => record.state === 'attaching')
  return {
    name: entry.name,
    state: stateOf(entry),
    use: attached ? 'active' : attaching ? 'probed' : 'none',
    generation: generation?.number,
    version: generation?.version,
    leases: generation?.lease.held ?? 0,
    members: members.toReversed().map(({ member, state }) => ({ name: member.name, state })),
  }
}

function stateOf<H>(entry: Entry<H>): EntryState {
  if (entry.deferred !== null) return 'deferred'
  if (entry.loading) return 'loading'
  if (entry.generation === null) return 'requested'
  return entry.generation.open ? 'loaded' : 'draining'
}

function holdersOf<H>(lease: LeaseSum, entry: Entry<H>): string[] {
  const leases = lease.holders().map((holder) => {
    const kinds = Object.entries(holder.byKind).filter(([, count]) => count > 0)
    const last = holder.mirror.lastHook
    const where = last === undefined ? '' : `, last in ${last}`
    return `${holder.name}: ${kinds.map(([kind, count]) => `${count} ${kind}`).join(', ')}${where}`
  })
  const vifs = entry.members
    .filter((record) => record.state === 'detaching')
    .map((record) => `${record.member.name}: detach has not ended`)
  return [...leases, ...vifs]
}
