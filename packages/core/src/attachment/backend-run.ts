import type { BackendAccelerator, Closable, PortChange, ProbedVif, RemoveReason } from '../contract/index.js'
import { NS_PER_MS, withDeadline } from '../control-clock.js'
import type { Counters } from '../counters.js'
import { AcceleratorError, isAcceleratorError } from '../errors.js'
import { FENCE_KEY } from '../fence-page.js'
import { HOOK_NUMBER } from '../hook-table.js'
import type { HookName } from '../hook-table.js'
import { Lease, LEASE_HOOK, LeaseSum } from '../lease.js'
import type { Generation } from '../registry-types.js'
import type { VifLimits } from '../scope/backend-doors.js'
import { BackendDoors } from '../scope/backend-doors.js'
import { FilterTable } from '../scope/filters.js'
import type { VifFence } from '../scope/filters.js'
import { ScopeBook, TASK_GRACE } from '../scope/scope-book.js'
import type { DoorTally } from '../scope/tally.js'
import { Quota } from '../scope/vi.js'
import type { BackendDevice, OpenedPort } from './backend-device.js'
import type { Deadlines } from './deadlines.js'
import type { AttachmentHost } from './frontend-device.js'
import { declared } from './half-description.js'
import type { HalfDescription } from './half-description.js'
import { refusalOf } from './refusal.js'
import type { DetachReport } from './report.js'

export interface BackendRunParts {
  readonly device: BackendDevice
  readonly host: AttachmentHost
  readonly port: OpenedPort
  readonly description: HalfDescription
  readonly generation: Generation<BackendAccelerator>
  readonly deadlines: Deadlines
  readonly limits: VifLimits
  readonly tally: DoorTally
  /** The plugin asked for a detach. May be called inside hooks: only note it. */
  leave(why: string): void
}

/** One attachment of one vif at the driver domain's end: from `probe` to `remove`, with any number of `start`..`stop`. */
export class BackendRun {
  readonly lease: LeaseSum
  /** What the plugin has counted for this vif since it was attached. */
  readonly counters: Counters
  readonly book: ScopeBook
  readonly filters: FilterTable
  readonly #parts: BackendRunParts
  readonly #home: Lease
  readonly #doors: BackendDoors
  readonly #fence: VifFence
  /** The frontend's fence page, between `start` and `stop`. */
  #fencePage: Closable | undefined
  readonly #giveUp = new AbortController()
  readonly #late: string[] = []
  /** The last thing that the plugin said in its log. */
  #said: string | undefined
  /** Why {@link BackendRun.probe} said 'declined', in words. */
  refusal: string | undefined
  #aborted = false
  #vif: ProbedVif | undefined
  #departed: Promise<void> = Promise.resolve()
  #endChanges: (() => void) | undefined

  constructor(parts: BackendRunParts) {
    const { device, host, generation, description, tally, port, limits } = parts
    const scope = `${description.name}/${device.name}`
    this.#parts = parts
    this.lease = generation.lease.add(new LeaseSum(scope))
    this.counters = description.join()
    this.#home = this.lease.add(new Lease(`${scope} home`))
    this.book = new ScopeBook(scope, {
      domain: device.domain,
      engine: device.engine,
      lease: this.#home,
      capabilities: description.capabilities,
      kept: host.kept,
      tally,
      log: (level, from, text, cause) => {
        this.#said = text
        host.log(level, from, text, cause)
      },
      counter: (name) => declared(this.counters, name),
      faults: host.faults(device.name),
    })
    this.#fence = device.fence(() => port.hub.port.handedOver())
    this.filters = new FilterTable(port.hub.port.filters, new Quota(limits.filters), this.#fence)
    const own = {
      port: port.doors,
      hub: port.hub,
      limits,
      bufferPages: new Quota(limits.bufferPages),
      filters: this.filters,
      queueFor: device.queueFor.bind(device),
      tap: device.tap.bind(device),
      punish: (evidence: string) => {
        tally.bump('punished')
        device.punish(evidence)
      },
      requestDetach: (reason: string) => parts.leave(reason),
    }
    this.#doors = new BackendDoors(
      this.book,
      Object.assign(Object.create(device.facts) as typeof device.facts, own),
    )
  }

  /** Steps 1 and 2 but for the keys. 'declined' leaves nothing behind. */
  async probe(): Promise<'attached' | 'declined'> {
    const { device, tally, host, port, description } = this.#parts
    try {
      if (this.#aborted) throw new AcceleratorError('ABORTED', `probing ${device.name}`)
      const vif = await this.call('probe', () => this.callProbe())
      if (vif === 'declined') {
        tally.bump('attach_declined')
        this.refusal = refusalOf('probe', undefined, this.#said)
        await this.undo(false)
        return 'declined'
      }
      this.#vif = vif
      if (this.#aborted) throw new AcceleratorError('ABORTED', `probing ${device.name}`)
    } catch (cause) {
      tally.bump('probe_failed')
      this.refusal = refusalOf('probe', cause, this.#said)
      if (!isAcceleratorError(cause, 'ABORTED')) host.log('warn', this.book.name, 'was not probed', cause)
      if (this.#vif !== undefined) await this.remove('failed')
      await this.undo(isAcceleratorError(cause, 'DEADLINE'))
      return 'declined'
    }
    if (description.capabilities.has('tx')) this.#departed = device.answerOnDeparture(true, catchUpOf(port))
    this.#endChanges = port.hub.onChange((change) => this.change(change))
    return 'attached'
  }

  /** A leave was asked for while `probe` waits: call it off. */
  abort(): void {
    if (this.#aborted) return
    this.#aborted = true
    this.book.abort.abort()
    this.#parts.device.engine.after(TASK_GRACE * NS_PER_MS, () => this.#giveUp.abort())
  }

  /** Step 7. False: the half could not start; it is stopped again. */
  async start(): Promise<boolean> {
    const { device, deadlines, host } = this.#parts
    await withDeadline(device.engine, deadlines.start, 'departure', () => this.#departed).catch(() => {
      host.log('warn', this.book.name, `what the guest had sent has not left within ${deadlines.start} ms`)
    })
    await this.openFence()
    this.filters.open()
    try {
      await this.call('start', () =>
        withDeadline(device.engine, deadlines.start, 'start', (signal) => this.#vif?.start?.(signal)),
      )
      return true
    } catch (cause) {
      host.log('warn', this.book.name, 'start failed', cause)
      await this.stop()
      return false
    }
  }

  /** Step 3 of a detach: afterwards nothing enters the VI. Never fails: at its deadline it goes on by force. */
  async stop(): Promise<void> {
    const { deadlines, port } = this.#parts
    await this.bounded('stop', deadlines.stop, (signal) => this.#vif?.stop?.(signal))
    this.filters.shut()
    this.filters.removeAll()
    await this.bounded('handedOver', deadlines.handedOver, () => port.hub.port.handedOver())
    await this.closeFence()
  }

  /** A frontend that shares no page gets its filters unfenced: the order of its own frames is all that it loses. */
  private async openFence(): Promise<void> {
    const { device, deadlines, host } = this.#parts
    const key = `${device.facts.directories.peer}/${FENCE_KEY}`
    const text = await withDeadline(device.engine, deadlines.store, 'the fence', () =>
      device.domain.store.read(key),
    ).catch(() => undefined)
    if (text === undefined || !/^\d{1,10}$/.test(text) || !this.book.open) return
    const doors = this.#doors.child('fence')
    this.#fencePage = doors
    const mapping = doors.map([Number(text)], 'rw')
    const page = typeof mapping === 'number' ? undefined : mapping.pages[0]
    if (page !== undefined) this.#fence.open(page)
    else host.log('info', this.book.name, `the frontend's fence page, grant ${text}, cannot be mapped`)
  }

  private async closeFence(): Promise<void> {
    const page = this.#fencePage
    this.#fencePage = undefined
    this.#fence.close()
    await page?.close()
  }

  /** Step 8, when this end leaves. */
  async end(reason: RemoveReason, late: readonly string[]): Promise<DetachReport> {
    const { device, description, tally, host } = this.#parts
    this.#late.push(...late)
    this.#endChanges?.()
    this.book.guard('stats', () => this.#vif?.stats?.())
    const leases = this.lease.byKind
    const lastHook = this.lastHook()
    await this.remove(this.#late.length > 0 ? 'forced' : reason)
    const forced = this.#late.length > 0
    const { tasks, failures } = await this.undo(forced)
    tally.bump(forced ? 'forced_detaches' : 'detached')
    return {
      vif: device.name,
      accelerator: description.name,
      reason,
      forced,
      late: this.#late,
      lastHook: forced ? lastHook : undefined,
      leases,
      tasks,
      failures,
      framesDropped: 0,
      kept: host.kept.mapped.filter(({ scope }) => scope.startsWith(this.book.name)),
    }
  }

  stats(): void {
    this.#home.entering(HOOK_NUMBER.stats)
    this.book.guard('stats', () => this.#vif?.stats?.())
  }

  lastHook(): HookName | undefined {
    return this.#home.mirror.lastHook
  }

  private callProbe(): Promise<ProbedVif | 'declined'> {
    const { device, deadlines, port } = this.#parts
    return withDeadline(device.engine, deadlines.probe, 'probe', () => port.half.probe(this.#doors), {
      outer: this.#giveUp.signal,
      late: (vif) => {
        if (vif !== 'declined') this.removeLate(vif)
      },
    })
  }

  private removeLate(vif: ProbedVif): void {
    const { device, host, deadlines } = this.#parts
    withDeadline(device.engine, deadlines.remove, 'remove', (signal) => vif.remove('failed', signal)).catch(
      (cause: unknown) => host.log('warn', this.book.name, 'a late remove failed', cause),
    )
  }

  private async remove(reason: RemoveReason): Promise<void> {
    const { deadlines } = this.#parts
    const vif = this.#vif
    this.#vif = undefined
    if (vif !== undefined)
      await this.bounded('remove', deadlines.remove, (signal) => vif.remove(reason, signal))
  }

  private async undo(forced: boolean): Promise<{ tasks: string[]; failures: string[] }> {
    const { device, generation, description } = this.#parts
    this.filters.shut()
    this.filters.removeAll()
    this.#fence.close()
    const report = await this.book.close(forced)
    void device.answerOnDeparture(false)
    this.lease.forfeit()
    generation.lease.remove(this.lease)
    description.leave(this.counters)
    return report
  }

  /** A hook, or a wait, that may be late or fail: then the detach goes on by force. */
  private async bounded(
    what: 'stop' | 'remove' | 'handedOver',
    ms: number,
    work: (signal: AbortSignal) => Promise<void> | void,
  ): Promise<void> {
    const { device, host } = this.#parts
    const wait = () => withDeadline(device.engine, ms, what, work)
    try {
      await (what === 'handedOver' ? wait() : this.call(what, wait))
    } catch (cause) {
      if (isAcceleratorError(cause, 'DEADLINE')) this.#late.push(`${what} took longer than ${ms} ms`)
      host.log('warn', this.book.name, `${what} failed`, cause)
    }
  }

  /** One lease while the hook is awaited; a hook that outlives its deadline holds none. */
  private async call<T>(name: 'probe' | 'start' | 'stop' | 'remove', work: () => Promise<T>): Promise<T> {
    this.#home.take(LEASE_HOOK)
    this.#home.entering(HOOK_NUMBER[name])
    try {
      return await work()
    } finally {
      this.#home.drop(LEASE_HOOK)
    }
  }

  private change(change: PortChange): void {
    this.#home.entering(HOOK_NUMBER.change)
    this.book.guard('change', () => this.#vif?.change?.(change))
  }
}

function catchUpOf({ hub: { port } }: OpenedPort): (() => void) | null {
  return port.catchUp === undefined ? null : () => port.catchUp?.()
}
