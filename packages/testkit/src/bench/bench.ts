// A bench: a world with the plugin's package at hand, everything that crosses its border written down.
import { accounts, build, left, startTraffic } from '@netaccel/host'
import type {
  BuildOptions,
  Guest,
  GuestVif,
  Resources,
  Traffic,
  TrafficOptions,
  World,
  WorldValue,
} from '@netaccel/host'
import { readFolder } from '@netaccel/host'
import type { Mark } from '../record/mark.js'
import { Recorder } from '../record/recorder.js'
import type { VaryHalves } from '../plugin/source.js'
import type { Subject } from '../plugin/subject.js'
import { Hearing } from './heard.js'
import type { Scene } from './scene.js'
import { isNeighbours, NEIGHBOUR, neighbourPackage } from './neighbour.js'
import { surroundingOf } from './traits.js'
import type { Surrounding, Trait } from './traits.js'
import { ViLog } from './vi-log.js'
import { WireLog } from './wire-log.js'
import { localValue, pairValue, topologyOf } from './values.js'
import type { Topology } from './values.js'

export const MS = 1_000_000

/** How long frames may be under way when nothing is sent any more. */
const DRAIN_MS = 200
const SOON_MS = 10

/**
 * Traffic falls silent by itself after so long: no act has it on for longer. A plugin that keeps everyone waiting for its
 * deadlines would have it go on for seconds, and fill the memory with what is written down of it.
 */
const ENOUGH_MS = 400

/** What the benches of one run have in common. */
export interface BenchParts {
  readonly subject: Subject
  readonly seed: number
  /** A kind of NIC for the hosts instead of the one that the manifest names. */
  readonly hardware: string | undefined
  readonly mark: Mark | null
  /** In which surroundings; undefined: none but the act's own. */
  readonly trait?: Trait
}

export interface BenchOptions {
  /** Default: by the plugin's manifest. */
  readonly topology?: Topology
  /** Changes the world before it is built. */
  readonly value?: (value: WorldValue) => WorldValue
  /** Puts other halves between the recorder and the host: what an act does to a plugin at its border. */
  readonly rig?: VaryHalves
  readonly faultsOf?: BuildOptions['faultsOf']
  readonly versions?: BuildOptions['versions']
  /** What the halves are told. */
  readonly options?: Readonly<Record<string, unknown>>
}

export class Bench {
  readonly world: World
  readonly subject: Subject
  readonly recorder: Recorder
  readonly hearing: Hearing
  readonly wireLog: WireLog
  readonly viLog: ViLog
  readonly topology: Topology
  /** What all domains had taken before the first load. */
  readonly before: Resources
  /** Why the last load came to nothing; undefined: every vif is attached. */
  refusal: string | undefined
  private readonly options: BenchOptions
  private readonly surrounding: Surrounding
  private traffic: Traffic | null = null

  private constructor(
    world: World,
    subject: Subject,
    recorder: Recorder,
    topology: Topology,
    options: BenchOptions,
    surrounding: Surrounding,
  ) {
    this.world = world
    this.subject = subject
    this.recorder = recorder
    this.topology = topology
    this.options = options
    this.surrounding = surrounding
    this.hearing = new Hearing(world)
    this.wireLog = new WireLog(world, recorder.calls)
    this.viLog = new ViLog(world, recorder.calls)
    this.before = world.resources()
  }

  static async make(parts: BenchParts, options: BenchOptions = {}): Promise<Bench> {
    const { subject, seed, hardware, mark } = parts
    const topology = options.topology ?? topologyOf(subject)
    const plain = topology === 'pair' ? pairValue(subject, seed, hardware) : localValue(subject, seed)
    const { value = (same) => same, rig, faultsOf, versions } = options
    const surrounding = surroundingOf(parts.trait)
    const { value: surrounded = (same) => same, rig: behind } = surrounding
    let now = (): number => 0
    const recorder = new Recorder(() => now(), mark)
    const world = await build(surrounded(value(plain)), {
      readPackage: (name) => {
        if (name === NEIGHBOUR) return neighbourPackage()
        return name === subject.source.folder ? subject.package : readFolder(name)
      },
      // From the plugin outwards: what varies it, the recorder, the trait, what the act does at the border.
      wrap: (halves, facts, where) => {
        if (facts.name === NEIGHBOUR) return halves
        const varied = subject.vary?.(halves, facts, where) ?? halves
        const recorded = recorder.wrap(varied, facts, where)
        const surroundedHalves = behind?.(recorded, facts, where) ?? recorded
        return rig?.(surroundedHalves, facts, where) ?? surroundedHalves
      },
      ...(faultsOf && { faultsOf }),
      ...(versions && { versions }),
    })
    now = () => world.timeline.now()
    await surrounding.begin?.(world)
    return new Bench(world, subject, recorder, topology, options, surrounding)
  }

  get name(): string {
    return this.subject.manifest.name
  }

  /** What a vif writes into its key `accel` to be accelerated. */
  get port(): string {
    return this.topology === 'pair' ? 'eth0' : this.name
  }

  /** The guests' devices, in the order of the value. */
  get vifs(): readonly GuestVif[] {
    return this.world.vifs.filter(({ path }) => !isNeighbours(path))
  }

  get guests(): readonly Guest[] {
    return [...this.world.hosts.values()].flatMap((host) => [...host.guests.values()])
  }

  get phases(): readonly string[] {
    return this.vifs.map(({ phase }) => phase)
  }

  /** Run for so many virtual milliseconds. */
  async for(ms: number): Promise<void> {
    await this.world.run({ for: ms * MS })
  }

  /** Run until `done`, so many virtual milliseconds at most. */
  async until(done: () => boolean, ms = 10_000): Promise<boolean> {
    await this.world.run({ for: ms * MS, until: done })
    return done()
  }

  /** Load both halves. False: the plugin did not come to work, and is out again; `refusal` says why. */
  async load(hosts?: readonly string[]): Promise<boolean> {
    const options = { ...this.subject.source.options, ...this.options.options }
    try {
      await this.world.load(this.subject.source.folder, {
        ...(hosts && { hosts }),
        options,
      })
      this.refusal = undefined
    } catch (error) {
      this.refusal = error instanceof Error ? error.message : String(error)
    }
    return this.refusal === undefined
  }

  /** Load both halves on one host. Its vifs begin to attach; unlike {@link load} what does not come to work stays in. */
  async enter(name: string): Promise<void> {
    const { plugins, guests } = this.world.host(name)
    const options = { options: this.options.options ?? {} }
    const { package: plugin } = this.subject
    if (plugin.manifest.backend !== undefined)
      await this.world.drive(plugins.loader.load(plugin, 'backend', options))
    for (const guest of plugin.manifest.frontend === undefined ? [] : guests.values())
      await this.world.drive(guest.plugins.loader.load(plugin, 'frontend', options))
  }

  /** As {@link enter}, and wait until the vifs have made up their minds. */
  async bringIn(name: string): Promise<void> {
    await this.enter(name)
    const { vifs } = this.world.host(name)
    await this.until(() => vifs.every(({ phase }) => phase === 'active' || phase === 'declined'))
  }

  /** Unload one half on one host, in good order, and load it again. */
  async reload(name: string, half: 'frontend' | 'backend'): Promise<void> {
    const { plugins, guests } = this.world.host(name)
    const loaders =
      half === 'backend' ? [plugins.loader] : [...guests.values()].map((guest) => guest.plugins.loader)
    for (const loader of loaders) {
      await this.world.drive(loader.unload(this.name, half))
      await this.world.drive(loader.load(this.subject.package, half))
    }
  }

  /** What is taken now and was not at `usual`. */
  more(usual: Resources): Partial<Resources> {
    return left(usual, this.world.resources())
  }

  async unload(hosts?: readonly string[]): Promise<void> {
    await this.world.unload(this.name, { ...(hosts && { hosts }) })
  }

  /**
   * Write the key `accel` of every vif, or remove it, and wait until each has made up its mind: an attachment ends or begins, the
   * generation stays.
   */
  async wish(attached: boolean): Promise<void> {
    for (const { path } of this.vifs) await this.wishOf(path, attached)
  }

  /** The same of one vif. */
  async wishOf(path: string, attached: boolean): Promise<void> {
    await this.world.setAccel(path, attached ? this.port : undefined)
    const decided = attached ? ['active', 'declined'] : ['none']
    await this.until(() => decided.includes(this.world.vif(path).phase))
  }

  /** Quota of every vif, as the toolstack sets it; undefined: as usual. It holds from the next probe on. */
  async limit(quota: string, value: string | undefined): Promise<void> {
    for (const { netback, driver } of this.world.hosts.values()) {
      for (const { device } of netback.vifs) {
        const key = `${device.nodename}/limits/${quota}`
        // That it was never set is no fault.
        const usual = (): Promise<void> => driver.store.rm(key).catch(() => undefined)
        await this.world.drive(value === undefined ? usual() : driver.store.write(key, value))
      }
    }
  }

  /** Frames that the fast path has carried at the guests that there are, both ways. */
  get fast(): number {
    return this.vifs.reduce((sum, { meter }) => sum + meter.tx.fast.frames + meter.rx.fast.frames, 0)
  }

  /** Calls at doors whose scope had closed, over all vifs that there are, both ends. */
  get lateCalls(): number {
    let late = 0
    for (const host of this.world.hosts.values()) {
      for (const guest of host.guests.values()) {
        for (const { vif } of guest.vifs.values()) {
          late += guest.plugins.accelerators.control(vif)?.tally.lateCalls ?? 0
          const back = host.netback.vif(guest.domain.id, vif.handle)
          late += (back && host.plugins.accelerators.control(back)?.tally.lateCalls) ?? 0
        }
      }
    }
    return late
  }

  /** Traffic between the two guests, both ways, until {@link quiet}. */
  start(options: TrafficOptions = {}, one = this.vifs[0].path, two = this.vifs[1].path): void {
    const traffic = startTraffic(this.world, one, two, options)
    this.traffic = traffic
    this.world.vif(one).engine.after(ENOUGH_MS * MS, () => {
      for (const stack of traffic.stacks) stack.stop()
    })
  }

  /** The sources fall silent, and what is under way arrives. False: something still is under way. */
  async quiet(): Promise<boolean> {
    await this.traffic?.stop()
    this.traffic = null
    for (let waited = 0; waited < DRAIN_MS && this.inFlight > 0;) {
      // What is not there soon was lost, or waits for a deadline: looking costs more than time does.
      const step = waited < SOON_MS ? 1 : 10
      await this.for(step)
      waited += step
    }
    const drained = this.inFlight === 0
    await this.for(2)
    return drained
  }

  /** Wire segments under way. */
  get inFlight(): number {
    return accounts(this.world).reduce((sum, account) => sum + account.inFlight, 0)
  }

  /** Silence, unload, the time in which what could not be given back is tried again; then everything is looked at. */
  async finish(act: string): Promise<Scene> {
    const drained = await this.quiet()
    await this.unload()
    await this.for(1500)
    const scene = this.scene(act, drained)
    await this.world.close()
    return scene
  }

  /** What there is to judge, now. */
  scene(act: string, drained: boolean): Scene {
    const { world, recorder, hearing, subject, wireLog, viLog } = this
    return {
      act,
      seed: world.value.seed ?? 1,
      subject,
      calls: recorder.calls,
      events: hearing.events,
      wire: wireLog.sent,
      arrivals: viLog.arrivals,
      refusal: this.refusal,
      drained,
      verdict: world.judge(),
      left: left(this.before, world.resources()),
      lateCalls: this.lateCalls,
      strangers: recorder.strangers,
      status: world.status(),
      surroundings: this.surrounding.seen ?? [],
    }
  }
}
