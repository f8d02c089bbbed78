// Two guests on one bridge, with netfront, netback and the lane plugin's halves, for tests of attaching and detaching.
import { Bridge } from '@netaccel/bridge'
import { HalfDescription, Lease, openHalfScope, Registry } from '@netaccel/core'
import type {
  BackendAccelerator,
  DetachReport,
  FrontendAccelerator,
  GenerationFacts,
  HalfContext,
  HalfName,
  KeptPages,
} from '@netaccel/core'
import { Netback, NetbackAccelerators } from '@netaccel/netback'
import type { BackVif } from '@netaccel/netback'
import { Random } from '@netaccel/packet'
import type { Domain } from '@netaccel/xen'
import { Hypervisor, settle, VirtualClock } from '@netaccel/xen'
import { createVif } from '../build/toolstack.js'
import { CountingStack } from './counting-stack.js'
import { laneBackend } from './lane-backend.js'
import { laneFrontend } from './lane-frontend.js'
import { LanePort } from './lane-port.js'
import { describe, LANE_MANIFEST, PairGuest } from './pair-guest.js'
import type { PairOptions } from './pair-guest.js'

export const MS = 1_000_000

export class PairWorld {
  readonly clock = new VirtualClock()
  readonly hypervisor = new Hypervisor({ timeline: this.clock, machine: { bytes: 32 << 20 } })
  readonly port = new LanePort()
  readonly logs: string[] = []
  readonly guests: PairGuest[] = []
  readonly halves = new Map<object, HalfDescription>()
  readonly options: PairOptions
  dom0!: Domain
  netback!: Netback
  registry!: Registry<BackendAccelerator>
  accelerators!: NetbackAccelerators

  private constructor(options: PairOptions) {
    this.options = options
  }

  static async make(options: PairOptions = {}): Promise<PairWorld> {
    const world = new PairWorld(options)
    await world.run(world.build())
    return world
  }

  /** Runs the clock until `work` is done. */
  run<T>(work: Promise<T>): Promise<T> {
    return settle(this.clock, work)
  }

  async for(ms: number): Promise<void> {
    await this.clock.run({ for: ms * MS })
  }

  /** Runs until `wanted`, at most `ms` milliseconds; false: it never was. */
  async until(wanted: () => boolean, ms = 20_000): Promise<boolean> {
    const end = this.clock.now() + ms * MS
    while (!wanted() && this.clock.now() < end) await this.clock.run({ for: MS, until: wanted })
    return wanted()
  }

  private async build(): Promise<void> {
    const { hypervisor, options } = this
    this.dom0 = await hypervisor.createDomain({ name: 'Domain-0', pages: 2048 })
    const { engine } = this.dom0
    this.registry = new Registry<BackendAccelerator>({ side: 'backend', clock: engine, inDriverDomain: true })
    this.registry.events.on('plugin_log', (event) => this.log(event))
    this.accelerators = new NetbackAccelerators(this.dom0, {
      registry: this.registry,
      describe: (half) => describe(this.halves, half),
      ...(options.deadlines && { deadlines: options.deadlines }),
      ...(options.backendFaults && { faults: options.backendFaults }),
    })
    this.accelerators.addPort(this.port)
    const bridge = new Bridge(engine)
    this.netback = new Netback(this.dom0, { bridge })
    this.netback.onVif = (vif) => this.accelerators.addVif(vif)
    this.netback.onGone = (vif) => this.accelerators.removeVif(vif)
    await this.netback.start()
    if (options.loadBackendFirst === true) this.loadBackend()
    for (const index of [1, 2]) await this.addGuest(index)
  }

  private async addGuest(index: number): Promise<void> {
    const domain = await this.hypervisor.createDomain({ name: `guest${index}`, pages: 1024 })
    const guest = new PairGuest(domain, this.options)
    guest.registry.events.on('plugin_log', (event) => this.log(event))
    this.guests.push(guest)
    await guest.netfront.start()
    await createVif(this.dom0, domain, { handle: 0, mac: macOf(index), mtu: 2048, accel: 'lane' })
  }

  /** Both guests are connected and their stacks are there. */
  async connected(): Promise<void> {
    if (!(await this.until(() => this.guests.every((guest) => guest.netfront.vif(0)?.running === true)))) {
      throw new Error('the guests did not connect')
    }
    const random = new Random(this.options.seed ?? 1)
    this.guests.forEach((guest, i) => {
      guest.stack = new CountingStack(guest.vif, macOf(2 - i), random)
    })
  }

  loadBackend(): void {
    const context = this.context('backend', this.dom0, this.accelerators.kept)
    const half = laneBackend(context, this.options.backendManners)
    this.halves.set(half, new HalfDescription(LANE_MANIFEST))
    this.registry.loaded(1, 'lane', half)
  }

  loadFrontend(guest: PairGuest, manners = this.options.frontendManners): FrontendAccelerator {
    const context = this.context('frontend', guest.domain, guest.accelerators.kept)
    const half = laneFrontend(context, manners)
    guest.halves.set(half, new HalfDescription(LANE_MANIFEST))
    guest.registry.loaded(1, 'lane', half)
    return half
  }

  loadAll(): void {
    this.loadBackend()
    for (const guest of this.guests) this.loadFrontend(guest)
  }

  allIn(phase: string): boolean {
    return this.guests.every((guest) => guest.control?.phase === phase)
  }

  backVif(index: number): BackVif {
    const vif = this.netback.vif(this.guests[index]?.domain.id ?? -1, 0)
    if (vif === undefined) throw new Error(`netback has no vif of guest ${index}`)
    return vif
  }

  reports(): (DetachReport | undefined)[] {
    return this.guests.map((guest) => guest.control?.lastReport)
  }

  /** Let all traffic run out. */
  async drain(): Promise<void> {
    for (const { stack } of this.guests) stack?.stop()
    const quiet = () =>
      this.guests.every(({ stack, vif: { txPool } }) => {
        const back = txPool.small.free === txPool.small.size && txPool.jumbo.free === txPool.jumbo.size
        return stack?.idle === true && back
      })
    if (!(await this.until(quiet, 500)))
      throw new Error(
        `the traffic did not run out: ${this.guests.map((guest) => this.state(guest)).join('; ')}`,
      )
    await this.for(20)
  }

  private state({ vif, stack, control }: PairGuest): string {
    const { small, jumbo } = vif.txPool
    const away = small.size - small.free + jumbo.size - jumbo.free
    const [queue] = vif.queues
    const lent = control?.run?.paths.lent
    const slow = queue?.slowOutstanding
    return `${vif.name} ${control?.phase}, stack ${stack?.idle === true ? 'idle' : 'holds'}, ${away} away, ${slow} slow, ${lent} lent, stopped ${queue?.stopped}, ${vif.state} ${vif.brokenReason}, ${queue?.freeSlots()} free slots, room ${queue?.fastPath?.hasRoom()}, roomy ${queue?.connection?.tx.roomy}`
  }

  /** Frames that did not arrive, or not once; empty when all is well. */
  wrong(): string[] {
    const found: string[] = []
    this.guests.forEach(({ stack }, i) => {
      const other = this.guests[1 - i]?.stack
      for (let number = 0; number < (stack?.sent ?? 0); number++) {
        const times = other?.got.get(number) ?? 0
        if (times !== 1) found.push(`frame ${number} of guest ${i} came ${times} times`)
      }
    })
    return found
  }

  resources() {
    return [this.dom0, ...this.guests.map((guest) => guest.domain)].map((domain) => domain.resources())
  }

  private context(half: HalfName, domain: Domain, kept: KeptPages): HalfContext {
    const facts: GenerationFacts = {
      manifest: LANE_MANIFEST,
      name: 'lane',
      half,
      version: 1,
      hash: '',
      options: {},
      lease: new Lease('lane'),
      description: new HalfDescription(LANE_MANIFEST),
      requestUnload: () => {},
    }
    const log = (level: string, scope: string, text: string, cause?: unknown) =>
      this.log({ level, scope, text, cause })
    return openHalfScope({ domain, engine: domain.engine, kept, log }, facts).context
  }

  private log(event: { level: string; scope: string; text: string; cause?: unknown }): void {
    const cause = event.cause instanceof Error ? ` (${event.cause.message})` : ''
    this.logs.push(`${event.level} ${event.scope}: ${event.text}${cause}`)
  }
}

function macOf(index: number): string {
  return `00:16:3e:00:00:0${index}`
}
