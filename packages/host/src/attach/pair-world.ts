// Two guests on one bridge, with netfront, netback and the lane plugin's halves, for tests of attaching and detaching.
import { Bridge } from '@netaccel/bridge'
import { HalfDescription, Lease, openHalfScope, Registry } from '@netaccel/core'
import type {
  AcceleratedPort,
  BackendAccelerator,
  Deadlines,
  DetachReport,
  DoorFaults,
  FrontendAccelerator,
  GenerationFacts,
  HalfContext,
  HalfName,
  KeptPages,
  Manifest,
} from '@netaccel/core'
import { Netback, NetbackAccelerators } from '@netaccel/netback'
import type { BackVif } from '@netaccel/netback'
import { Netfront, NetfrontAccelerators } from '@netaccel/netfront'
import type { Vif } from '@netaccel/netfront'
import type { Frame } from '@netaccel/packet'
import { Random } from '@netaccel/packet'
import type { Domain } from '@netaccel/xen'
import { Hypervisor, settle, VirtualClock } from '@netaccel/xen'
import { createVif } from '../build/toolstack.js'
import type { LaneManners } from './lane-plugin.js'
import { laneBackend, laneFrontend } from './lane-plugin.js'

export const LANE_MANIFEST: Manifest = {
  name: 'lane',
  apiVersion: { frontend: [1, 1], backend: [1, 1] },
  capabilities: ['tx', 'rx'],
}

export const MS = 1_000_000

/** A port of the driver domain that carries nothing: all that the lane plugin needs to be named. */
export class LanePort implements AcceleratedPort {
  readonly name = 'lane'
  readonly kind = 'test'
  readonly mac = '00:16:3e:00:00:ff'
  readonly mtu = 1500
  readonly link = true
  changed: Parameters<AcceleratedPort['onChange']>[0] = () => {}

  onChange(changed: LanePort['changed']): void {
    this.changed = changed
  }

  transmit(): 'full' {
    return 'full'
  }

  handedOver(): Promise<void> {
    return Promise.resolve()
  }
}

const HEADER = 14
/** Local experimental ethertypes: two flows, so that what the lane cannot take does not keep the rest on the ring. */
const ETHERTYPE_SHORT = 0x88b5
const ETHERTYPE_LONG = 0x88b6
const LONG = 2046

/** A guest's stack: numbers what it sends, notes what it receives. */
export class CountingStack {
  sent = 0
  readonly got = new Map<number, number>()
  readonly #vif: Vif
  readonly #to: string
  readonly #random: Random
  #held: Frame[] = []
  #running = false

  constructor(vif: Vif, to: string, random: Random) {
    this.#vif = vif
    this.#to = to
    this.#random = random
    vif.stack = { receive: (frame) => this.receive(frame), wake: () => this.push() }
  }

  /** A burst of up to `most` frames, about every `gap` ns. */
  start(most: number, gap: number): void {
    this.#running = true
    const engine = this.#vif.domain.engine
    const tick = () => {
      if (!this.#running) return
      if (this.#held.length === 0) this.make(1 + this.#random.below(most))
      engine.after(1 + this.#random.below(2 * gap), tick)
    }
    engine.after(0, tick)
  }

  stop(): void {
    this.#running = false
  }

  get idle(): boolean {
    return this.#held.length === 0
  }

  burst(count: number): void {
    this.make(count)
  }

  private make(count: number): void {
    for (let i = 0; i < count; i++) {
      // About one in five is longer than a slot of the lane, so it goes by the ring.
      const length = this.#random.below(5) === 0 ? LONG : 60 + this.#random.below(1400)
      const frame = this.#vif.txPool.take(length)
      if (frame === undefined) break
      frame.length = length
      writeMac(frame, 0, this.#to)
      writeMac(frame, 6, this.#vif.mac)
      frame.view.setUint16(frame.offset + 12, length === LONG ? ETHERTYPE_LONG : ETHERTYPE_SHORT)
      frame.view.setUint32(frame.offset + HEADER, this.sent++)
      for (let at = HEADER + 4; at < length; at++) frame.bytes[frame.offset + at] = (this.sent + at) & 255
      this.#held.push(frame)
    }
    this.push()
  }

  private push(): void {
    const taken = this.#vif.transmit(this.#held, this.#held.length)
    this.#held = this.#held.slice(taken)
  }

  private receive(frame: Frame): void {
    const type = frame.view.getUint16(frame.offset + 12)
    if (type === ETHERTYPE_SHORT || type === ETHERTYPE_LONG) {
      const number = frame.view.getUint32(frame.offset + HEADER)
      this.got.set(number, (this.got.get(number) ?? 0) + 1)
      for (let at = HEADER + 4; at < frame.length; at++) {
        if (frame.bytes[frame.offset + at] !== ((number + 1 + at) & 255))
          throw new Error(`frame ${number} came damaged`)
      }
    }
    frame.release()
  }
}

function writeMac(frame: Frame, at: number, mac: string): void {
  const bytes = mac.split(':')
  for (let i = 0; i < 6; i++) frame.bytes[frame.offset + at + i] = Number.parseInt(bytes[i] ?? '0', 16)
}

export interface PairOptions {
  readonly seed?: number
  readonly deadlines?: Partial<Deadlines>
  readonly frontendManners?: LaneManners
  readonly backendManners?: LaneManners
  readonly frontendFaults?: () => DoorFaults | null
  readonly backendFaults?: () => DoorFaults | null
  /** Load the backend half before there is a vif. */
  readonly loadBackendFirst?: boolean
}

/** One guest of the pair with all that belongs to it. */
export class PairGuest {
  readonly domain: Domain
  readonly netfront: Netfront
  readonly registry: Registry<FrontendAccelerator>
  readonly accelerators: NetfrontAccelerators
  readonly halves = new Map<object, HalfDescription>()
  stack: CountingStack | undefined

  constructor(domain: Domain, options: PairOptions) {
    this.domain = domain
    this.registry = new Registry<FrontendAccelerator>({
      side: 'frontend',
      clock: domain.engine,
      inDriverDomain: false,
    })
    this.accelerators = new NetfrontAccelerators(domain, {
      registry: this.registry,
      describe: (half) => describe(this.halves, half),
      ...(options.deadlines && { deadlines: options.deadlines }),
      ...(options.frontendFaults && { faults: options.frontendFaults }),
    })
    this.netfront = new Netfront(domain, { smallFrames: 128, jumboFrames: 4, rxPages: 320 })
    this.netfront.onVif = (vif) => {
      vif.companion = this.accelerators
    }
  }

  get vif(): Vif {
    const vif = this.netfront.vif(0)
    if (vif === undefined) throw new Error('the guest has no vif 0')
    return vif
  }

  get control() {
    return this.accelerators.control(this.vif)
  }
}

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

function describe(halves: ReadonlyMap<object, HalfDescription>, half: object): HalfDescription {
  const description = halves.get(half)
  if (description === undefined) throw new Error('nobody has loaded this half')
  return description
}

function macOf(index: number): string {
  return `00:16:3e:00:00:0${index}`
}
