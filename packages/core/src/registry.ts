// The registry of one domain and side: which halves are loaded, which vifs ask for them.
//
// After drivers/xen/netfront/accel.c of linux-2.6.18-xen (2010), with the deferred second install of June 2007: entries are
// kept by name, may exist before the plugin or before any vif, and survive a stop together with their vifs, which are then
// asked for again when the plugin comes back.
import { onClock, withDeadline } from './control-clock.js'
import { AcceleratorError, isAcceleratorError } from './errors.js'
import { Lease, LeaseSum } from './lease.js'
import { RegistryMembers } from './registry-members.js'
import { holdersOf, statusOf } from './registry-status.js'
import { CONTRACT_VERSIONS, checkVersion } from './version.js'
import type { RemoveReason, VersionRange } from './contract/index.js'
import type { Deferred, Dispose, Entry, LiveGeneration, MemberRecord } from './registry-entry.js'
import type {
  LoadedResult,
  RegistryMember,
  RegistryOptions,
  RegistryStatus,
  StopReport,
} from './registry-types.js'

const nothing: Dispose = () => []

/** See the head of this file. `H` is the half: a `FrontendAccelerator` or a `BackendAccelerator`. */
export class Registry<H> extends RegistryMembers<H> {
  protected readonly unloadDeadlineMs: number
  readonly #versions: VersionRange
  readonly #inDriverDomain: boolean
  readonly #onRequested: ((name: string) => void) | undefined
  #generations = 0

  constructor(options: RegistryOptions) {
    super(options)
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
   *
   * `dispose` runs when the last lease is gone, before anything that waits for the end of this generation.
   */
  loaded(version: number, name: string, half: H, dispose?: Dispose): LoadedResult {
    const refusal = this.check(version)
    if (refusal !== 0) return refusal
    const entry = this.entryOf(name)
    if (entry.generation === null) {
      this.begin(entry, version, half, dispose)
      return 0
    }
    if (entry.generation.open) return 'EEXIST'
    this.#defer(entry, {
      start: () => this.begin(entry, version, half, dispose),
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
    if (entry === undefined) return
    entry.loading = false
    this.dropUnused(entry)
  }

  /**
   * Ends the generation of this name (`netfront_accelerator_stop`): no new attachment, every vif detaches, then its leases
   * fall to zero, or the deadline passes. The vifs stay on the list, requested. A second stop joins the first; a load that
   * waits is called off. Unknown names are no error. `deadlineMs`: when it is to be forced, if not as the registry has it.
   */
  stop(name: string, reason: RemoveReason, deadlineMs = this.unloadDeadlineMs): Promise<StopReport> {
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
    entry.stopping ??= this.drain(entry, entry.generation, reason, deadlineMs)
    return entry.stopping
  }

  /**
   * A vif asks for a name; or asks again, after it was declined or left. Throws `TAKEN` when the vif is on another name's
   * list.
   */
  request(name: string, member: RegistryMember<H>): void {
    const taken = this.find(member)
    if (taken !== undefined && taken.entry.name !== name)
      throw new AcceleratorError(
        'TAKEN',
        `${member.name} asks for ${name} and is on the list of ${taken.entry.name}`,
      )
    const entry = this.entryOf(name)
    const record: MemberRecord<H> = taken?.record ?? {
      member,
      state: 'requested',
      attaching: null,
      holds: null,
    }
    if (taken === undefined) entry.members.push(record)
    if (record.state !== 'requested' && record.state !== 'declined') return
    const generation = entry.generation
    if (generation === null) this.#onRequested?.(name)
    else if (generation.open) this.attachMember(entry, record, generation)
  }

  /** The vif wishes for nothing any more: it is detached and leaves its list. One that is on no list is no error. */
  async withdraw(member: RegistryMember<H>, reason: RemoveReason = 'detached'): Promise<void> {
    const found = this.find(member)
    if (found === undefined) return
    const { entry, record } = found
    const generation = entry.generation
    if (generation !== null) await this.detachMember(record, generation, reason)
    const at = entry.members.indexOf(record)
    if (at >= 0) entry.members.splice(at, 1)
    this.dropUnused(entry)
  }

  /** The vif has detached by its own decision (a fault, a reset, the backend closed) and stays on the list. */
  left(member: RegistryMember<H>, as: 'requested' | 'declined'): void {
    const found = this.find(member)
    if (found === undefined) return
    const { record } = found
    if (record.state !== 'attached') return
    record.state = as
    this.release(record, record.holds)
  }

  /** Settles when no attach to the live generation of this name is in flight. */
  async settled(name: string): Promise<RegistryStatus | undefined> {
    const entry = this.entries.get(name)
    if (entry === undefined) return undefined
    await onClock(this.clock, () => Promise.all(entry.members.map(async (record) => record.attaching)))
    return statusOf(entry)
  }

  /** Undefined for a name that nobody has loaded or asks for. */
  state(name: string): RegistryStatus | undefined {
    const entry = this.entries.get(name)
    return entry === undefined ? undefined : statusOf(entry)
  }

  /** Every name that is loaded or asked for, in the order in which it was first met. */
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
  protected begin(entry: Entry<H>, version: number, half: H, dispose: Dispose = nothing): void {
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
      dispose,
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

  /** One stop from beginning to end. It holds nothing while it waits, so whatever a detach calls here goes through. */
  protected async drain(
    entry: Entry<H>,
    generation: LiveGeneration<H>,
    reason: RemoveReason,
    deadlineMs: number = this.unloadDeadlineMs,
  ): Promise<StopReport> {
    const from = this.clock.now()
    generation.open = false
    this.events.hear.half_draining?.({
      name: entry.name,
      side: this.side,
      generation: generation.number,
      reason,
    })
    const used = entry.members.filter((record) => record.holds === generation)
    for (const record of entry.members) if (record.state === 'declined') record.state = 'requested'
    const holders: string[] = []
    let overdue = false
    try {
      await withDeadline(this.clock, deadlineMs, `unload of ${entry.name}`, async () => {
        const held = await Promise.all(used.map((record) => this.detachMember(record, generation, reason)))
        holders.push(...held.flatMap((of) => of ?? []))
        await new Promise<void>((resolve) => generation.lease.whenZero(resolve))
      })
    } catch (error) {
      if (!isAcceleratorError(error, 'DEADLINE')) throw error
      overdue = true
      holders.push(...holdersOf(generation.lease, entry))
      for (const record of used) this.forget(record)
      generation.lease.forfeit()
    }
    const left = await this.#dispose(generation, overdue, holders)
    return this.#end(entry, generation, {
      name: entry.name,
      generation: generation.number,
      forced: overdue || holders.length > 0,
      holders: [...holders, ...left],
      detached: used.map((record) => record.member.name),
      tookNs: this.clock.now() - from,
    })
  }

  async #dispose(
    generation: LiveGeneration<H>,
    forced: boolean,
    holders: readonly string[],
  ): Promise<readonly string[]> {
    try {
      return await onClock(this.clock, () => generation.dispose(forced, holders))
    } catch (error) {
      return [`${generation.name}: its scope did not close: ${String(error)}`]
    }
  }

  #end(entry: Entry<H>, generation: LiveGeneration<H>, report: StopReport): StopReport {
    if (entry.generation === generation) entry.generation = null
    entry.stopping = null
    this.events.hear.half_stopped?.({ name: entry.name, side: this.side, report })
    const next = entry.deferred
    entry.deferred = null
    next?.start()
    this.dropUnused(entry)
    return report
  }

  #defer(entry: Entry<H>, deferred: Deferred): void {
    entry.deferred?.refuse('SUPERSEDED')
    entry.deferred = deferred
    this.events.hear.load_deferred?.({ name: entry.name, side: this.side })
  }
}
