import type { AcceleratedVif, FrontendAccelerator, RemoveReason, VifChange } from '../contract/index.js'
import { NS_PER_MS, withDeadline } from '../control-clock.js'
import type { Counters } from '../counters.js'
import { AcceleratorError, isAcceleratorError } from '../errors.js'
import { HOOK_NUMBER } from '../hook-table.js'
import { Lease, LEASE_HOOK, LeaseSum } from '../lease.js'
import type { Fault } from '../queue-trampolines.js'
import type { Generation } from '../registry-types.js'
import { FrontendDoors } from '../scope/frontend-doors.js'
import type { PluginPool } from '../scope/plugin-pool.js'
import { ScopeBook, TASK_GRACE } from '../scope/scope-book.js'
import type { DoorTally } from '../scope/tally.js'
import type { Deadlines } from './deadlines.js'
import type { AttachmentHost, FrontendDevice, FrontendPaths } from './frontend-device.js'
import { declared } from './half-description.js'
import type { HalfDescription } from './half-description.js'
import type { PeerPhase } from './peer-phase.js'
import { refusalOf } from './refusal.js'
import type { DetachReport } from './report.js'

/** What a run asks of the state machine above it. */
export interface RunEvents {
  /** The plugin asked for a detach, or a hook failed (`failed`). Called inside hooks: only note it. */
  leave(why: string, failed: boolean): void
  /** A hook broke its contract. */
  fault(queue: number, fault: Fault): void
}

export interface FrontendRunParts {
  readonly device: FrontendDevice
  readonly host: AttachmentHost
  readonly half: FrontendAccelerator
  readonly description: HalfDescription
  readonly generation: Generation<FrontendAccelerator>
  readonly deadlines: Deadlines
  readonly peer: PeerPhase
  readonly epoch: number
  readonly tally: DoorTally
  readonly events: RunEvents
}

/** One attachment of one vif at the guest's end: steps 4 to 8 of attaching, 2 to 7 of detaching. */
export class FrontendRun {
  readonly epoch: number
  readonly lease: LeaseSum
  /** What the plugin has counted for this vif since it was attached. */
  readonly counters: Counters
  readonly paths: FrontendPaths
  readonly book: ScopeBook
  readonly #parts: FrontendRunParts
  readonly #home: Lease
  readonly #doors: FrontendDoors
  /** Aborts the wait for `newDevice`, a grace after the plugin was asked to give up. */
  readonly #giveUp = new AbortController()
  #aborted = false
  readonly #late: string[] = []
  #vif: AcceleratedVif | undefined
  #endChanges: (() => void) | undefined
  #framesDropped = 0
  /** What was held, and the hook last entered, when it was forced: the force takes it back. */
  #atForce: Pick<DetachReport, 'leases' | 'lastHook'> | undefined
  /** The last thing that the plugin said in its log. */
  #said: string | undefined
  /** Why {@link FrontendRun.attach} said 'declined', in words. */
  refusal: string | undefined
  #fenceRef: number | undefined

  constructor(parts: FrontendRunParts) {
    const { device, host, generation, description, tally } = parts
    const scope = `${description.name}/${device.name}`
    const pools: PluginPool[] = []
    this.#parts = parts
    this.epoch = parts.epoch
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
    // Facts are read through the device, so that the plugin sees the MTU and MAC of now.
    const facts = Object.assign(Object.create(device.facts) as typeof device.facts, {
      requestDetach: (reason: string) => parts.events.leave(reason, false),
    })
    this.#doors = new FrontendDoors(this.book, facts, pools)
    this.paths = device.paths({
      name: description.name,
      capabilities: description.capabilities,
      lease: this.lease,
      pools,
      tally,
      holdNs: parts.deadlines.hold * NS_PER_MS,
      onFault: (queue, fault) => {
        tally.bump('faults')
        parts.events.fault(queue, fault)
        parts.events.leave(`${fault.hook} broke ${fault.rule}`, true)
      },
      onTimeout: (queue) => {
        tally.bump('tx_timeout')
        parts.events.leave(`queue ${queue} was busy for a second`, true)
      },
    })
  }

  /** Steps 4 to 6. 'declined' leaves nothing behind. */
  async attach(): Promise<'attached' | 'declined'> {
    const { device, tally, host } = this.#parts
    try {
      if (this.#aborted) throw new AcceleratorError('ABORTED', `attaching ${device.name}`)
      const vif = await this.newDevice()
      if (vif === 'declined') {
        tally.bump('attach_declined')
        this.refusal = refusalOf('newDevice', undefined, this.#said)
        await this.undo(false)
        return 'declined'
      }
      this.#vif = vif
      if (this.#aborted) throw new AcceleratorError('ABORTED', `attaching ${device.name}`)
      this.paths.open(vif)
      if (this.paths.fenced) this.grantFence()
    } catch (cause) {
      tally.bump('attach_failed')
      this.refusal = refusalOf('newDevice', cause, this.#said)
      if (!isAcceleratorError(cause, 'ABORTED')) host.log('warn', this.book.name, 'was not attached', cause)
      if (this.#vif !== undefined) await this.remove('failed')
      await this.undo(this.#late.length > 0)
      return 'declined'
    }
    this.paths.install()
    this.#endChanges = device.onChange((change) => this.change(change))
    return 'attached'
  }

  /** Throws for want of a page or a grant; both end with the attachment. */
  private grantFence(): void {
    const doors = this.#doors.child('fence')
    const arena = doors.arena(1)
    this.#fenceRef = doors.grant(arena.pages[0], 'rw')
    this.paths.fence(arena)
  }

  /** The grant of the fence page, or undefined. */
  get fenceRef(): number | undefined {
    return this.#fenceRef
  }

  /** A leave was asked for while `attach` waits: call it off. The plugin has a grace to settle (LC-01). */
  abort(): void {
    if (this.#aborted) return
    this.#aborted = true
    this.book.abort.abort()
    this.#parts.device.engine.after(TASK_GRACE * NS_PER_MS, () => this.#giveUp.abort())
  }

  /** Adds to the plugin's counters what its hardware has counted since the last call. */
  stats(): void {
    this.#home.entering(HOOK_NUMBER.stats)
    this.book.guard('stats', () => this.#vif?.stats?.())
  }

  /** Steps 2 to 7. `failed`: a hook broke its contract, so nothing is waited for. `shown`: tells the other end. */
  async detach(reason: RemoveReason, failed: boolean, shown: () => Promise<void>): Promise<DetachReport> {
    this.paths.shutGate()
    if (failed) this.force('a data-path hook failed')
    await shown()
    if (!failed) {
      await this.backendClosing()
      await this.drain()
    }
    const before = this.#atForce ?? this.held()
    this.#endChanges?.()
    this.paths.clear()
    this.stats()
    await this.remove(this.#late.length > 0 && !failed ? 'forced' : reason)
    const forced = this.#late.length > 0
    const { tasks, failures } = await this.undo(forced)
    if (forced) this.#parts.tally.bump('forced_detaches')
    else this.#parts.tally.bump('detached')
    return {
      vif: this.#parts.device.name,
      accelerator: this.#parts.description.name,
      reason,
      forced,
      late: this.#late,
      lastHook: forced ? before.lastHook : undefined,
      leases: before.leases,
      tasks,
      failures,
      framesDropped: this.#framesDropped,
      kept: this.#parts.host.kept.mapped.filter(({ scope }) => scope.startsWith(this.book.name)),
    }
  }

  private newDevice(): Promise<AcceleratedVif | 'declined'> {
    const { half, device, deadlines } = this.#parts
    return this.hook('newDevice', () =>
      withDeadline(device.engine, deadlines.newDevice, 'newDevice', () => half.newDevice(this.#doors), {
        outer: this.#giveUp.signal,
        late: (vif) => {
          if (vif !== 'declined') this.removeLate(vif)
        },
      }),
    )
  }

  /** The vif came after its deadline: it is removed at once, and its end is waited for by nobody. */
  private removeLate(vif: AcceleratedVif): void {
    const { device, host, deadlines } = this.#parts
    withDeadline(device.engine, deadlines.remove, 'remove', (signal) => vif.remove('failed', signal)).catch(
      (cause: unknown) => host.log('warn', this.book.name, 'a late remove failed', cause),
    )
  }

  /** Step 3: the backend says that nothing more enters the VI, or has nothing to say any more. */
  private async backendClosing(): Promise<void> {
    const { peer, device, deadlines } = this.#parts
    const closing = peer.until(
      ({ phase, epoch }) => phase === undefined || (phase === 'closing' && epoch === this.epoch),
    )
    // The backend's own steps take that long at most; after it, its frames are as lost as ours.
    const ms = deadlines.peer + deadlines.handedOver
    await withDeadline(device.engine, ms, 'closing', () => closing).catch(() => {
      this.#parts.host.log('warn', this.book.name, `the backend did not say 'closing' within ${ms} ms`)
    })
  }

  /** Step 4. */
  private async drain(): Promise<void> {
    const { device, deadlines } = this.#parts
    const drained = new Promise<void>((resolve) => this.paths.whenDrained(resolve))
    await withDeadline(device.engine, deadlines.drain, 'drain', () => drained).catch(() => {
      this.force(`not drained within ${deadlines.drain} ms, ${this.paths.lent} frames lent`)
    })
  }

  private force(why: string): void {
    this.#late.push(why)
    this.#atForce ??= this.held()
    this.book.abort.abort()
    this.#framesDropped += this.paths.force()
  }

  private held(): Pick<DetachReport, 'leases' | 'lastHook'> {
    return { leases: this.lease.byKind, lastHook: this.paths.lastHook }
  }

  /** Step 6. The abort tells a plugin that waits for the other half to let go. */
  private async remove(reason: RemoveReason): Promise<void> {
    const { device, deadlines, host } = this.#parts
    const vif = this.#vif
    this.#vif = undefined
    if (vif === undefined) return
    try {
      await this.hook('remove', () =>
        withDeadline(device.engine, deadlines.remove, 'remove', (signal) => vif.remove(reason, signal)),
      )
    } catch (cause) {
      if (isAcceleratorError(cause, 'DEADLINE'))
        this.#late.push(`remove took longer than ${deadlines.remove} ms`)
      else host.log('error', this.book.name, 'remove failed', cause)
    }
  }

  /** Step 7. */
  private async undo(forced: boolean): Promise<{ tasks: string[]; failures: string[] }> {
    const report = await this.book.close(forced)
    this.lease.forfeit()
    this.#parts.generation.lease.remove(this.lease)
    this.#parts.description.leave(this.counters)
    return report
  }

  /** One lease while the hook is awaited; a hook that outlives its deadline holds none. */
  private async hook<T>(name: 'newDevice' | 'remove', work: () => Promise<T>): Promise<T> {
    this.#home.take(LEASE_HOOK)
    this.#home.entering(HOOK_NUMBER[name])
    try {
      return await work()
    } finally {
      this.#home.drop(LEASE_HOOK)
    }
  }

  private change(change: VifChange): void {
    this.#home.entering(HOOK_NUMBER.change)
    this.book.guard('change', () => this.#vif?.change?.(change))
  }
}
