// The state machine of one vif in netfront: reads `accel-frontend`, asks the registry, attaches and detaches.
import type { FrontendAccelerator, RemoveReason } from '../contract/index.js'
import { NS_PER_MS, onClock, withDeadline } from '../control-clock.js'
import type { EventHub } from '../event-hub.js'
import { FENCE_KEY } from '../fence-page.js'
import type { Generation, RegistryMember } from '../registry-types.js'
import type { Registry } from '../registry.js'
import { DoorTally } from '../scope/tally.js'
import type { Deadlines } from './deadlines.js'
import { DEADLINES } from './deadlines.js'
import type { AttachmentHost, FrontendDevice, FrontendPaths } from './frontend-device.js'
import { afterPeer, DISCONNECTED, SUSPENDED, unsteered, WITHDRAWN } from './frontend-leave.js'
import type { Leave } from './frontend-leave.js'
import { FrontendRun } from './frontend-run.js'
import { ControlLoop } from './control-loop.js'
import { reportRefusal } from './refusal.js'
import type { DescribeHalf } from './half-description.js'
import type { FrontendPhase, ShownPhase } from './phase.js'
import { FRONTEND_KEY, readPhase } from './phase.js'
import { PeerPhase } from './peer-phase.js'
import { PhaseBoard } from './phase-board.js'
import { RegistrySeat } from './registry-seat.js'
import type { Offer } from './registry-seat.js'
import { heldAtLast } from './report.js'
import type { DetachReport } from './report.js'
import type { DoorWatch } from '../scope/door-domain.js'

/** Names that a plugin can have, and `accel-frontend` can hold; anything else a backend writes there is no name. */
const PLUGIN_NAME = /^[a-z][a-z0-9_-]{0,63}$/

export interface FrontendControlOptions {
  readonly registry: Registry<FrontendAccelerator>
  readonly host: AttachmentHost
  readonly describe: DescribeHalf
  readonly events: EventHub
  readonly deadlines?: Partial<Deadlines>
}

/**
 * One vif's control, from its connection to the backend to its disconnection. Everything that happens to the vif only
 * sets a wish and kicks the loop, which takes one step at a time; so nothing of it runs inside a hook, a watch or a
 * burst, and no two steps overlap.
 */
export class FrontendControl implements RegistryMember<FrontendAccelerator> {
  readonly name: string
  readonly tally: DoorTally
  readonly peer: PeerPhase
  /** The last attachment's end. */
  lastReport: DetachReport | undefined
  /** Why the vif does not use the accelerator that it was last offered, in words; undefined while it does. */
  refusal: string | undefined
  readonly #device: FrontendDevice
  readonly #options: FrontendControlOptions
  readonly #deadlines: Deadlines
  readonly #loop: ControlLoop
  readonly #board: PhaseBoard<FrontendPhase>
  #epoch = 0
  #watch: DoorWatch | undefined
  #keyDirty = false
  #requested: string | undefined
  readonly #seat = new RegistrySeat<FrontendAccelerator>()
  #run: FrontendRun | undefined
  /** The run has settled its `attach` and lives. */
  #attached = false
  #leave: Leave | undefined
  /** The end of the wait for the backend to steer. */
  #steering: { cancel(): void } | undefined
  #again = false
  #suspended = false
  #closed = false
  #started: Promise<void> = Promise.resolve()
  #closing: Promise<void> | undefined
  readonly #quarantine: FrontendPaths[] = []

  constructor(device: FrontendDevice, options: FrontendControlOptions) {
    this.name = device.name
    this.tally = new DoorTally(device.name)
    this.tally.onRefused = (rule) => reportRefusal(options.events, this.name, this.#requested, rule)
    this.#device = device
    this.#options = options
    this.#deadlines = { ...DEADLINES, ...options.deadlines }
    const { engine, domain, facts } = device
    const { own, peer } = facts.directories
    this.peer = new PeerPhase(engine, domain.store, peer, (shown) => this.peerChanged(shown))
    this.#loop = new ControlLoop(engine, () => this.step(), options.host.log, device.name)
    this.#board = new PhaseBoard<FrontendPhase>(engine, domain.store, own, 'none', this.#deadlines.store)
    this.#board.onChange = (from, to) => {
      const name = this.#requested ?? ''
      options.events.hear.phase?.({ vif: device.name, side: 'frontend', from, to, name })
    }
  }

  get phase(): FrontendPhase {
    return this.#board.phase
  }

  /** The attachment in being, for status: its leases, its doors' holdings. */
  get run(): FrontendRun | undefined {
    return this.#run
  }

  /** Watch the backend's keys. Both watches fire at once, which is how the first name is read. */
  start(): Promise<void> {
    const { domain, engine, facts } = this.#device
    this.#started = onClock(engine, async () => {
      this.#epoch = (await readPhase(domain.store, facts.directories.own)).epoch
      await this.peer.start()
      const key = `${facts.directories.peer}/${FRONTEND_KEY}`
      this.#watch = await domain.store.watch(key, () => {
        this.#keyDirty = true
        this.#loop.kick()
      })
    })
    return this.#started
  }

  /** The vif is removed, or its backend closes or broke the protocol: detach, forget the wish, and end. */
  close(): Promise<void> {
    this.#closing ??= this.end()
    return this.#closing
  }

  private end(): Promise<void> {
    this.#closed = true
    this.leave(DISCONNECTED)
    return onClock(this.#device.engine, async () => {
      await this.#loop.settled()
      await withDeadline(this.#device.engine, this.#deadlines.store, 'unwatch', async () => {
        await this.#started
        await this.#watch?.unwatch()
        await this.peer.stop()
      }).catch(() => this.#options.host.log('warn', this.name, 'the store did not answer'))
      this.quietAll()
    })
  }

  /** Detach, and stay on the accelerator's list but declined, until {@link FrontendControl.cancelSuspend}. */
  suspend(): Promise<void> {
    this.#suspended = true
    this.leave(SUSPENDED)
    return onClock(this.#device.engine, () => this.#loop.settled())
  }

  /** The suspend was cancelled and the vif is still connected: attach anew. */
  cancelSuspend(): void {
    this.#suspended = false
    this.#again = true
    this.#keyDirty = true
    this.#loop.kick()
  }

  /** Resolves when the vif is in this phase. */
  whenPhase(phase: FrontendPhase): Promise<void> {
    return this.#board.when(phase)
  }

  /** For the registry: a half is loaded that the vif has asked for. */
  attach(
    half: FrontendAccelerator,
    generation: Generation<FrontendAccelerator>,
  ): Promise<'attached' | 'declined'> {
    this.#loop.kick()
    return this.#seat.put(half, generation)
  }

  /** For the registry: the half is leaving. Settles when the vif uses nothing of it any more. */
  async detach(reason: RemoveReason): Promise<readonly string[]> {
    this.#seat.decline()
    if (this.#run === undefined) return []
    const before = this.lastReport
    this.leave({ reason, why: `the half leaves: ${reason}`, failed: false, again: false })
    await this.#seat.whenGone()
    return this.lastReport === before ? [] : heldAtLast(this.lastReport)
  }

  /** The first wish to leave gives the reason. An attachment that is not finished is called off. */
  private leave(leave: Leave): void {
    if (this.#run !== undefined) {
      this.#leave ??= leave
      if (!this.#attached) this.#run.abort()
    }
    this.#loop.kick()
  }

  /** One step; true: look again. */
  private async step(): Promise<boolean> {
    if (this.#run !== undefined && this.#leave !== undefined) {
      await this.endRun(this.#run, this.#leave)
      return true
    }
    if (this.#closed || this.#suspended) {
      await this.standDown()
      return false
    }
    if (this.#keyDirty) {
      this.#keyDirty = false
      await this.readKey()
      return true
    }
    const offer = this.#run === undefined ? this.#seat.take() : undefined
    if (offer === undefined) return false
    await this.beginRun(offer)
    return true
  }

  /** The key says whom the vif wishes for. A name that is the same as before changes nothing. */
  private async readKey(): Promise<void> {
    const { domain, facts } = this.#device
    const text = await domain.store.read(`${facts.directories.peer}/${FRONTEND_KEY}`).catch(() => undefined)
    const name = text !== undefined && PLUGIN_NAME.test(text) ? text : undefined
    if (name === this.#requested && !this.#again) return
    if (this.#run !== undefined) {
      if (name === this.#requested) return
      // First leave the old one, then read again.
      this.#keyDirty = true
      this.leave(WITHDRAWN)
      return
    }
    this.#again = false
    if (this.#requested !== undefined && this.#requested !== name) await this.#options.registry.withdraw(this)
    this.#requested = name
    await this.show(name === undefined ? 'none' : 'requested')
    if (name !== undefined) this.#options.registry.request(name, this)
  }

  private async standDown(): Promise<void> {
    this.#seat.decline()
    if (!this.#closed) return this.show('suspended')
    if (this.#requested !== undefined) await this.#options.registry.withdraw(this)
    this.#requested = undefined
    await this.show('none')
  }

  /** Steps 3 to 6 of attaching. */
  private async beginRun(offer: Offer<FrontendAccelerator>): Promise<void> {
    const outcome = offer.generation.open ? await this.attachRun(offer) : 'declined'
    if (outcome === 'attached') {
      this.#attached = true
      this.refusal = undefined
      this.awaitSteering()
      await this.show('receiving')
    } else {
      const called = this.#leave
      this.refusal = called?.why ?? this.#run?.refusal ?? 'the half is leaving'
      this.#run = undefined
      this.#leave = undefined
      this.#keyDirty ||= called?.again === true
      this.#again ||= called?.again === true
      await this.show(called === undefined ? 'declined' : 'requested')
    }
    offer.answer(outcome)
    if (outcome === 'declined') this.#seat.tellGone()
    // The registry notes the outcome before anything else happens to the vif.
    await this.#loop.nextStep()
    this.peerChanged(this.peer.shown)
  }

  private async attachRun({
    half,
    generation,
  }: Offer<FrontendAccelerator>): Promise<'attached' | 'declined'> {
    const { host, describe } = this.#options
    const run = new FrontendRun({
      device: this.#device,
      host,
      half,
      description: describe(half),
      generation,
      deadlines: this.#deadlines,
      peer: this.peer,
      epoch: ++this.#epoch,
      tally: this.tally,
      events: {
        leave: (why, failed) => {
          host.log(failed ? 'error' : 'info', this.name, `leaves: ${why}`)
          this.leave({ reason: failed ? 'failed' : 'detached', why, failed, again: false })
        },
        fault: (queue, { hook, rule, cause }) =>
          this.#options.events.hear.fault?.({
            vif: this.name,
            queue,
            name: generation.name,
            rule,
            hook,
            cause,
          }),
      },
    })
    this.#run = run
    await this.show('attaching')
    return run.attach()
  }

  /**
   * A backend that says nothing is not waited for for ever. Before it steers it may wait for what this vif has sent to
   * leave, and for its half to start; both have the deadline of a start.
   */
  private awaitSteering(): void {
    const { peer, start } = this.#deadlines
    const ms = peer + 2 * start
    this.#steering = this.#device.engine.after(ms * NS_PER_MS, () => {
      if (this.phase !== 'receiving') return
      const leave = unsteered(ms)
      this.#options.host.log('warn', this.name, `leaves: ${leave.why}`)
      this.leave(leave)
    })
  }

  private async endRun(run: FrontendRun, leave: Leave): Promise<void> {
    this.#attached = false
    this.#steering?.cancel()
    const report = await run.detach(leave.reason, leave.failed, () => this.show('draining'))
    this.lastReport = report
    this.refusal = leave.why
    this.#run = undefined
    this.#leave = undefined
    if (run.paths.aside > 0) this.#quarantine.push(run.paths)
    if (report.forced) {
      this.#options.events.hear.forced?.({
        vif: this.name,
        side: 'frontend',
        name: report.accelerator,
        holders: report.late,
      })
    }
    this.#options.registry.left(this, leave.again ? 'requested' : 'declined')
    const stays = leave.again || this.#seat.awaited || this.#keyDirty
    await this.show(stays ? 'requested' : 'declined')
    this.#again ||= leave.again
    this.#keyDirty ||= leave.again
    this.#seat.tellGone()
    this.peerChanged(this.peer.shown)
  }

  /** Step 8, and the backend's leaving without a word. */
  private peerChanged({ phase, epoch }: ShownPhase): void {
    if (phase !== 'steering' && phase !== 'closing') this.quietAll()
    const run = this.#run
    if (run === undefined || !this.#attached || this.#leave !== undefined) return
    const answer = afterPeer(this.phase, phase, epoch === run.epoch)
    if (answer === 'activate') this.activate(run)
    else if (answer !== undefined) this.leave(answer)
  }

  private activate(run: FrontendRun): void {
    this.#steering?.cancel()
    run.paths.openGate()
    this.tally.bump('attached')
    void this.show('active')
  }

  private show(phase: FrontendPhase): Promise<void> {
    const ref = phase === 'receiving' ? this.#run?.fenceRef : undefined
    const keeps = phase === 'active' || phase === 'draining'
    const also = keeps ? {} : { [FENCE_KEY]: ref === undefined ? undefined : String(ref) }
    return this.#board.show(phase, this.#epoch, also)
  }

  /** The backend has closed its VI, or is gone: frames taken back by force are nobody's any more. */
  private quietAll(): void {
    for (const paths of this.#quarantine.splice(0)) paths.quiet()
  }
}
