// The state machine of one vif in netback: reads `accel`, probes, offers, steers, closes.
import type { BackendAccelerator, RemoveReason } from '../contract/index.js'
import { onClock, withDeadline } from '../control-clock.js'
import type { EventHub } from '../event-hub.js'
import type { Generation, RegistryMember } from '../registry-types.js'
import type { Registry } from '../registry.js'
import type { PortHub } from '../scope/port-hub.js'
import type { VifLimits } from '../scope/backend-doors.js'
import { DoorTally } from '../scope/tally.js'
import type { BackendDevice, OpenedPort, PortDirectory } from './backend-device.js'
import { BackendRun } from './backend-run.js'
import { isApart, stepAfter } from './backend-step.js'
import { ControlLoop } from './control-loop.js'
import { reportRefusal } from './refusal.js'
import type { Deadlines } from './deadlines.js'
import { DEADLINES } from './deadlines.js'
import type { AttachmentHost } from './frontend-device.js'
import type { DescribeHalf } from './half-description.js'
import { readLimits } from './limits.js'
import { PeerPhase } from './peer-phase.js'
import { PhaseBoard } from './phase-board.js'
import type { BackendPhase, ShownPhase } from './phase.js'
import { FRONTEND_KEY } from './phase.js'
import { RegistrySeat } from './registry-seat.js'
import type { Offer } from './registry-seat.js'
import { heldAtLast } from './report.js'
import type { DetachReport } from './report.js'
import type { DoorWatch } from '../scope/door-domain.js'

/** The key that names the port; the toolstack writes it. */
export const PORT_KEY = 'accel'

export interface BackendControlOptions {
  readonly registry: Registry<BackendAccelerator>
  readonly ports: PortDirectory
  readonly host: AttachmentHost
  readonly describe: DescribeHalf
  readonly events: EventHub
  readonly deadlines?: Partial<Deadlines>
}

/** One vif's control, from its creation to its removal. See `FrontendControl` for how steps are taken. */
export class BackendControl implements RegistryMember<BackendAccelerator> {
  readonly name: string
  readonly tally: DoorTally
  readonly peer: PeerPhase
  lastReport: DetachReport | undefined
  /** Why the vif was not probed when its accelerator was there, in words; undefined once it was. */
  refusal: string | undefined
  readonly #device: BackendDevice
  readonly #options: BackendControlOptions
  readonly #deadlines: Deadlines
  readonly #loop: ControlLoop
  readonly #board: PhaseBoard<BackendPhase>
  #watch: DoorWatch | undefined
  #keyDirty = false
  #port: OpenedPort | undefined
  /** The vif left its port because the key had changed: it asks anew, also if the key names the same port again by then. */
  #moved = false
  readonly #seat = new RegistrySeat<BackendAccelerator>()
  #run: BackendRun | undefined
  /** The run has settled its `probe` and lives. */
  #probed = false
  #leave: RemoveReason | undefined
  /** The attachment of the frontend's that was steered, or answered, last. */
  #epoch = 0
  #closed = false

  constructor(device: BackendDevice, options: BackendControlOptions) {
    this.name = device.name
    this.tally = new DoorTally(device.name)
    this.tally.onRefused = (rule) => reportRefusal(options.events, this.name, this.accelerator, rule)
    this.#device = device
    this.#options = options
    this.#deadlines = { ...DEADLINES, ...options.deadlines }
    const { engine, domain, facts } = device
    const { own, peer } = facts.directories
    this.#loop = new ControlLoop(engine, () => this.step(), options.host.log, device.name)
    this.peer = new PeerPhase(engine, domain.store, peer, () => this.#loop.kick())
    this.#board = new PhaseBoard<BackendPhase>(engine, domain.store, own, 'none', this.#deadlines.store)
    this.#board.onChange = (from, to) => {
      const name = this.#port?.accelerator ?? ''
      options.events.hear.phase?.({ vif: device.name, side: 'backend', from, to, name })
    }
  }

  get phase(): BackendPhase {
    return this.#board.phase
  }

  get run(): BackendRun | undefined {
    return this.#run
  }

  /** Name of the accelerator whose port the vif names; undefined: none. */
  get accelerator(): string | undefined {
    return this.#port?.accelerator
  }

  /** Watch `accel`, and probe by it. Resolves once the vif is offered, or is known not to be: before InitWait. */
  start(): Promise<void> {
    const { domain, engine, facts } = this.#device
    return onClock(engine, async () => {
      await this.peer.start()
      this.#keyDirty = true
      this.#watch = await domain.store.watch(`${facts.directories.own}/${PORT_KEY}`, () => this.look())
      this.#loop.kick()
      await this.#loop.settled()
    })
  }

  /** A port was opened, closed or came back: read the key again. */
  look(): void {
    this.#keyDirty = true
    this.#loop.kick()
  }

  /** Whether the vif is on this port now. */
  uses(hub: PortHub): boolean {
    return this.#run !== undefined && this.#port?.hub === hub
  }

  /** Settles when the vif uses nothing of `half`. */
  async apartFrom(half: BackendAccelerator, reason: RemoveReason): Promise<void> {
    if (this.#port?.half === half) await this.detach(reason)
  }

  /** The vif is removed, or its frontend disconnected for good. */
  close(reason: RemoveReason = 'disconnected'): Promise<void> {
    this.#closed = true
    this.leave(reason)
    return onClock(this.#device.engine, async () => {
      await this.#loop.settled()
      await withDeadline(this.#device.engine, this.#deadlines.store, 'unwatch', async () => {
        await this.#watch?.unwatch()
        await this.peer.stop()
      }).catch(() => this.#options.host.log('warn', this.name, 'the store did not answer'))
    })
  }

  whenPhase(phase: BackendPhase): Promise<void> {
    return this.#board.when(phase)
  }

  attach(
    half: BackendAccelerator,
    generation: Generation<BackendAccelerator>,
  ): Promise<'attached' | 'declined'> {
    // Of another generation: this one has not said anything yet.
    this.refusal = undefined
    this.#loop.kick()
    return this.#seat.put(half, generation)
  }

  async detach(reason: RemoveReason): Promise<readonly string[]> {
    this.#seat.decline()
    if (this.#run === undefined) return []
    const before = this.lastReport
    this.leave(reason)
    await this.#seat.whenGone()
    return this.lastReport === before ? [] : heldAtLast(this.lastReport)
  }

  private leave(reason: RemoveReason): void {
    if (this.#run !== undefined) {
      this.#leave ??= reason
      if (!this.#probed) this.#run.abort()
    }
    this.#loop.kick()
  }

  private async step(): Promise<boolean> {
    // Whoever takes the vif off its list waits for the run to end, so no such wait may begin in here while one lives.
    if (this.#run !== undefined && (this.#leave !== undefined || this.#closed)) {
      await this.endRun(this.#run, this.#leave ?? 'disconnected')
      return true
    }
    if (this.#closed) {
      await this.standDown()
      return false
    }
    if (this.#keyDirty) {
      this.#keyDirty = false
      await this.readKey()
      return true
    }
    if (this.#run !== undefined) return this.follow(this.#run, this.peer.shown)
    if (!this.#seat.offered) return false
    await this.answer()
    return true
  }

  /**
   * Everything that has to be waited for comes before the offer is taken, and all that may have changed meanwhile is
   * looked at after: from the offer to the run no other code runs, so that a leave finds the one or the other.
   */
  private async answer(): Promise<void> {
    const { domain, facts } = this.#device
    const limits = await readLimits(domain.store, facts.directories.own)
    if (this.#closed || this.#keyDirty) return
    const offer = this.#seat.take()
    if (offer !== undefined) await this.beginRun(offer, limits)
  }

  private async readKey(): Promise<void> {
    const { domain, facts } = this.#device
    const text = await domain.store.read(`${facts.directories.own}/${PORT_KEY}`).catch(() => undefined)
    const port = text === undefined ? undefined : this.#options.ports.find(text)
    if (port === this.#port && !this.#moved) return
    if (this.#run !== undefined) {
      this.#keyDirty = true
      this.#moved = true
      this.leave('detached')
      return
    }
    this.#moved = false
    if (this.#port !== undefined) await this.#options.registry.withdraw(this)
    this.#port = port
    if (port !== undefined) this.#options.registry.request(port.accelerator, this)
  }

  private async standDown(): Promise<void> {
    this.#seat.decline()
    if (this.#port !== undefined) await this.#options.registry.withdraw(this)
    this.#port = undefined
  }

  /** Steps 1 and 2. */
  private async beginRun(offer: Offer<BackendAccelerator>, limits: VifLimits): Promise<void> {
    const port = this.#port
    const usable =
      port !== undefined && offer.generation.open && port.half === offer.half && this.isOpen(port)
    const outcome = usable ? await this.probe(port, offer.generation, limits) : 'declined'
    if (outcome === 'attached') {
      this.#probed = true
      this.refusal = undefined
      // A frontend that is still busy with an older offer finds its own number here, and attaches anew.
      this.#epoch = this.peer.shown.epoch
      await this.#board.show('offered', this.#epoch, { [FRONTEND_KEY]: (port as OpenedPort).accelerator })
    } else {
      this.refusal = this.#run?.refusal ?? 'the half or its port is leaving'
      this.#run = undefined
      this.#leave = undefined
    }
    offer.answer(outcome)
    if (outcome === 'declined') this.#seat.tellGone()
    await this.#loop.nextStep()
  }

  /** Neither closed nor being reset. */
  private isOpen(port: OpenedPort): boolean {
    return this.#options.ports.find(port.hub.port.name) === port
  }

  private probe(
    port: OpenedPort,
    generation: Generation<BackendAccelerator>,
    limits: VifLimits,
  ): Promise<'attached' | 'declined'> {
    const { host, describe } = this.#options
    const run = new BackendRun({
      device: this.#device,
      host,
      port,
      description: describe(port.half),
      generation,
      deadlines: this.#deadlines,
      limits,
      tally: this.tally,
      leave: (why) => {
        host.log('info', this.name, `leaves: ${why}`)
        this.leave('detached')
      },
    })
    this.#run = run
    return run.probe()
  }

  /** What the frontend shows decides; true: something was done. */
  private async follow(run: BackendRun, { phase, epoch }: ShownPhase): Promise<boolean> {
    const step = stepAfter(this.phase, phase, epoch === this.#epoch)
    if (step === 'stop') {
      await this.stopSteering(run)
      return true
    }
    // Also of one that is apart: a frontend that begins anew may count from the beginning.
    if (step !== 'none' || isApart(phase)) this.#epoch = epoch
    if (step === 'none') return false
    if (step === 'start') {
      const started = await run.start()
      await this.#board.show(started ? 'steering' : 'closing', epoch)
      if (started) this.tally.bump('attached')
    } else await this.#board.show(step, epoch)
    return true
  }

  /** Step 3 of a detach. */
  private async stopSteering(run: BackendRun): Promise<void> {
    await run.stop()
    await this.#board.show('closing', this.#epoch)
  }

  /** This end leaves: take the offer back, let the frontend go in order, then undo. */
  private async endRun(run: BackendRun, reason: RemoveReason): Promise<void> {
    this.#probed = false
    const late: string[] = []
    const { peer, drain, remove, store } = this.#deadlines
    await this.#board.show(this.phase, this.#epoch, { [FRONTEND_KEY]: undefined })
    const engaged = !isApart(this.peer.shown.phase)
    if (engaged && !(await this.frontendIs(peer, (phase) => phase === 'draining' || isApart(phase)))) {
      late.push(`the frontend did not begin to leave within ${peer} ms`)
    }
    if (this.phase === 'steering') await run.stop()
    this.#epoch = this.peer.shown.epoch
    await this.#board.show('closing', this.#epoch)
    const ms = drain + remove + store
    if (engaged && late.length === 0 && !(await this.frontendIs(ms, (phase) => isApart(phase)))) {
      late.push(`the frontend did not leave within ${ms} ms`)
    }
    this.lastReport = await run.end(reason, late)
    this.#run = undefined
    this.#leave = undefined
    await this.#board.show('none', this.#epoch)
    this.reportForced(this.lastReport)
    this.#options.registry.left(this, 'declined')
    this.#seat.tellGone()
  }

  private async frontendIs(ms: number, wanted: (phase: string | undefined) => boolean): Promise<boolean> {
    const reached = this.peer.until(({ phase }) => wanted(phase)).then(() => true)
    return withDeadline(this.#device.engine, ms, 'the frontend', () => reached).catch(() => false)
  }

  private reportForced(report: DetachReport): void {
    if (!report.forced) return
    const { late, accelerator } = report
    this.#options.events.hear.forced?.({ vif: this.name, side: 'backend', name: accelerator, holders: late })
  }
}
