import { heldPlugin, type LoadOptions, type PluginPackage, withIntegrity } from '@netaccel/core'
import type { Wire } from '@netaccel/nic-sim'
import type { RunOptions, Timeline } from '@netaccel/xen'
import { settle } from '@netaccel/xen'
import { accounts } from '../check/ledger.js'
import type { EdgeOracle } from '../check/oracle.js'
import { type Resources, resourcesOf } from '../check/resources.js'
import { statusOf, type WorldStatus } from '../check/status.js'
import { judge, type Verdict } from '../check/verdict.js'
import { Trace, type TraceOptions } from '../trace/trace.js'
import { watch } from '../trace/watch.js'
import type { VifValue, WorldValue } from '../value/world-value.js'
import { findGuest, findHost, findNic, findVif, findWire } from './find-part.js'
import type { Guest } from './guest.js'
import type { GuestVif } from './guest-vif.js'
import * as life from './life.js'
import type { Host } from './host.js'
import type { Nic } from './nic.js'
import type { Shelf } from './catalogue.js'
import { bringIn, unloadFrom } from './loading.js'
import { type Pace, paced } from './pace.js'
import type { ReadPackage } from './plugin-folder.js'
import { type HalfIn, halvesOn, proveAll, type WorldProof } from './proving.js'
import { reportsOf, type UnloadSummary } from './stops.js'
import { upgradeOn, type UpgradeSummary } from './upgrading.js'
import type { NamedLane, WorldLoadOptions, WorldParts, WorldUnloadOptions } from './world-parts.js'

const DRAIN_NS = 1_000_000_000
const LOOK_NS = 100_000

/** A built world: hosts that run on one timeline. Made by {@link build}. */
export class World {
  readonly value: WorldValue
  readonly timeline: Timeline
  /** Judges at the edges; null when it was built without. */
  readonly oracle: EdgeOracle | null
  readonly hosts: ReadonlyMap<string, Host>
  /** The directions of all wires, for the ledger. */
  readonly lanes: readonly NamedLane[]
  /** How {@link keepRunning} keeps up with the machine's clock. */
  readonly pace: Pace = { behindNs: 0 }
  readonly #shelf: Shelf
  readonly #readPackage: ReadPackage
  readonly #undo: () => Promise<void>
  #running = false
  #trace: Trace | null = null

  constructor(value: WorldValue, parts: WorldParts) {
    this.value = value
    this.timeline = parts.timeline
    this.oracle = parts.oracle
    this.hosts = parts.hosts
    this.lanes = parts.lanes
    this.#shelf = parts.shelf
    this.#readPackage = parts.readPackage
    this.#undo = parts.undo
  }

  /** A plugin carries frames with no VI of a NIC: between guests, or over something of its own. */
  get carriesPastNics(): boolean {
    return this.#shelf.carriesPastNics
  }

  /** @throws HostError NO_SUCH_PART */
  host(name: string): Host {
    return findHost(this.hosts, name)
  }

  /** A guest's device by its path, `a.guest1.vif0`. @throws HostError NO_SUCH_PART */
  vif(path: string): GuestVif {
    return findVif(this.vifs, path)
  }

  /** A NIC by its path, `a.eth0`. @throws HostError NO_SUCH_PART */
  nic(path: string): Nic {
    return findNic(this.hosts, path)
  }

  /**
   * A cable by its sentence, `a.eth0 -> b.eth0`, in either direction; `setLink(false)` on it takes the carrier from both
   * NICs. @throws HostError NO_SUCH_PART
   */
  wire(link: string): Wire {
    return findWire(this.lanes, link)
  }

  /** A guest by its path, `a.guest1`. @throws HostError NO_SUCH_PART */
  guest(path: string): Guest {
    return findGuest(this.hosts, path)
  }

  /** All guests' devices, in the order of the value. */
  get vifs(): readonly GuestVif[] {
    return [...this.hosts.values()].flatMap((host) => host.vifs)
  }

  /** Run the engines; see {@link RunOptions}. */
  async run(options?: RunOptions): Promise<void> {
    this.#running = true
    try {
      await this.timeline.run(options)
    } finally {
      this.#running = false
    }
  }

  /**
   * Run as {@link run} does, under the virtual clock too in step with the machine's: a second of the world takes a second,
   * or longer where the machine is too slow. Whatever is asked of the world meanwhile is done as it runs.
   */
  async keepRunning(options: RunOptions = {}): Promise<void> {
    if (!this.timeline.virtual) return this.run(options)
    this.#running = true
    try {
      await paced(this.timeline, options, this.pace)
    } finally {
      this.#running = false
    }
  }

  /**
   * Await something that happens inside the world. Runs the timeline meanwhile, unless a run is under way.
   * Rejects with XenError STALLED if under the virtual clock nothing is due and the work still waits.
   */
  async drive<T>(work: Promise<T>): Promise<T> {
    if (this.#running) return work
    this.#running = true
    try {
      return await settle(this.timeline, work)
    } finally {
      this.#running = false
    }
  }

  /**
   * Load both halves of a plugin into every host and guest, and wait until each vif that was offered it uses it. Nothing
   * happens where the same bytes are in already. What fails is taken out again; the slow path goes on.
   *
   * `plugin`: the name of an installed plugin or of its package, a folder, or a tarball. `options`: what its halves are told,
   * what their bytes must be, and the hosts it is for when not all are.
   * @throws AcceleratorError if the package does not fit; HostError NO_SUCH_PART, LOAD_FAILED, ATTACH_FAILED with each vif's cause
   */
  async load(plugin: string, { hosts, ...options }: WorldLoadOptions = {}): Promise<void> {
    const chosen = this.#chosen(hosts)
    const found = this.#read(plugin, options)
    await this.drive(bringIn(chosen, this.#shelf, found, toldOf(options)))
  }

  /**
   * Detach a plugin from every vif, then unload both halves, on all hosts or on those that are named. `plugin`: its name, or
   * that of its package. Gives how each half left, and who held what where it had to be forced.
   * @throws HostError NO_SUCH_PART
   */
  unload(plugin: string, { hosts, deadlineMs }: WorldUnloadOptions = {}): Promise<UnloadSummary> {
    const chosen = this.#chosen(hosts)
    const name = this.#shelf.nameOf(plugin)
    return this.drive(reportsOf(chosen, name, () => unloadFrom(chosen, name, deadlineMs)))
  }

  /**
   * Put another build of a plugin in the place of what is loaded, under whatever traffic runs: all vifs leave, both halves are
   * exchanged, the vifs attach. A build that does not come to work is taken out and the old bytes are loaded again
   * (`rolledBack`, `cause`). Traffic goes slow meanwhile; nothing is lost either way.
   * @throws AcceleratorError NOT_LOADED, or if the package does not fit, before anything has changed; HostError LOAD_FAILED
   * when the old build did not come back either
   */
  async upgrade(plugin: string, { hosts, ...options }: WorldLoadOptions = {}): Promise<UpgradeSummary> {
    const found = this.#read(plugin, options)
    return this.drive(upgradeOn(this.#chosen(hosts), this.#shelf, found, toldOf(options)))
  }

  /**
   * Collect garbage, and say of every generation that was unloaded whether it is gone; those that are not are named with
   * what is known to hold them.
   */
  prove(): Promise<WorldProof> {
    // Not driven: it waits for nothing of the world's, in which nothing may be due.
    return proveAll([...this.hosts.values()])
  }

  /** The package with its bytes in memory: every domain gets the same ones. */
  #read(plugin: string, { integrity }: LoadOptions): PluginPackage {
    if (typeof integrity === 'string') return heldPlugin(this.#readPackage(plugin, integrity))
    return heldPlugin(withIntegrity(this.#readPackage(plugin), integrity))
  }

  /** The name of a plugin that was loaded here, also when that of its package is given. */
  nameOf(plugin: string): string {
    return this.#shelf.nameOf(plugin)
  }

  #chosen(names: readonly string[] = [...this.hosts.keys()]): Host[] {
    return names.map((name) => this.host(name))
  }

  /**
   * Prepare a guest for being moved: its vifs leave their accelerators, for which they still wish, and its virtual CPU
   * stands. Frames for it wait in the driver domain as far as its queue goes; what it sent is carried on.
   * @throws HostError NO_SUCH_PART
   */
  suspend(guest: string): Promise<void> {
    return this.drive(this.guest(guest).suspend())
  }

  /** The move is called off: the guest runs and the vifs attach again. */
  cancelSuspend(guest: string): void {
    this.guest(guest).cancelSuspend()
  }

  /**
   * A suspended guest goes on, on the same host or on another one: its program's memory goes along, its devices connect to
   * backends there, and who held one of them is served by its successor. Settles when they carry frames. Its new path is `<host>.<guest>`.
   * @throws HostError NO_SUCH_PART, NAME_TAKEN, NOT_READY; XenError for want of memory, and then nothing has changed
   */
  resume(guest: string, host?: string): Promise<void> {
    return this.drive(life.resume(this, guest, host))
  }

  /**
   * The bytes of a suspended guest, as `xl save`: what it is, what its program has of its memory
   * ({@link Guest.programMemory}), and its own nodes in the store. The guest ends here, its devices leave in good order: what
   * stood in their rings is dropped by name. Its plugins, its stack and its virtual CPU are code, and stay behind.
   * @throws HostError NO_SUCH_PART, NOT_READY for a guest that runs
   */
  save(guest: string): Promise<Uint8Array> {
    return this.drive(life.save(this, guest))
  }

  /**
   * A saved guest comes into this world, which may be another one in another process, as `xl restore`: its pages have the same
   * numbers and bytes, its devices connect to backends here and wish for the accelerators that they wished for. Settles when
   * they carry frames. Grants and event channels are made anew, as after any resume.
   * @throws HostError BAD_VALUE for other bytes, NAME_TAKEN for its name or a MAC, NO_SUCH_PART, NOT_READY; XenError for want of
   * memory, and then nothing has changed
   */
  restore(saved: Uint8Array, host: string): Promise<void> {
    return this.drive(life.restore(this, saved, host))
  }

  /** End a guest as it stands, as `xl destroy` does. What stood in its devices is dropped, reason `guest_died`. */
  destroy(guest: string): Promise<void> {
    return this.drive(life.destroy(this, guest))
  }

  /** Plug another vif into a guest, by the path it is to have; settles when it carries frames. */
  plug(path: string, value: VifValue): Promise<void> {
    return this.drive(life.plug(this, path, value))
  }

  /** Unplug a vif in good order; settles when both its ends are gone. */
  unplug(path: string): Promise<void> {
    return this.drive(life.unplug(this, path))
  }

  /**
   * Write the key `accel` of a vif, which asks for the accelerator of that port: a NIC, or the name of a plugin without
   * hardware. Undefined removes it.
   */
  setAccel(path: string, port: string | undefined): Promise<void> {
    return this.drive(life.setAccel(this, path, port))
  }

  /** What is going on now, as plain data. */
  status(): WorldStatus {
    return statusOf(this)
  }

  /** Every generation of every domain, from the agreement on its version until it is proven gone. */
  halves(): HalfIn[] {
    return halvesOn([...this.hosts.values()])
  }

  resources(): Resources {
    return resourcesOf(this)
  }

  /** The sources are silent: wait until nothing is in flight, at most a second. False: something still is. */
  drain(): Promise<boolean> {
    return this.drive(this.#drained())
  }

  /**
   * Record every frame at every stage from here until `stop()`: who had it when, by which path. A world has one trace at a
   * time, a new one ends the one before; guests that are added later are not seen.
   */
  trace(options?: TraceOptions): Trace {
    this.#trace?.stop()
    const trace = new Trace(() => this.timeline.now(), options)
    trace.undo = watch(this, trace)
    this.#trace = trace
    return trace
  }

  /** Judge what has happened so far; drain first. `beforeUs`: see {@link judge}. */
  judge(beforeUs = 0): Verdict {
    return judge(this, beforeUs)
  }

  async #drained(): Promise<boolean> {
    const [host] = this.hosts.values()
    const end = this.timeline.now() + DRAIN_NS
    // No account says what stands in front of the cable of hardware that a plugin brings.
    const atCables = (): boolean =>
      [...this.hosts.values()].some(({ hardware }) =>
        [...hardware.values()].some(({ wire }) => wire.standing > 0),
      )
    while (accounts(this).some(({ inFlight }) => inFlight > 0) || atCables()) {
      if (this.timeline.now() > end) return false
      await new Promise<void>((resolve) => host.driver.engine.after(LOOK_NS, resolve))
    }
    return true
  }

  /** Take everything down, newest first. */
  close(): Promise<void> {
    return this.drive(this.#undo())
  }
}

/** What the domains are told; the bytes were looked at before. */
function toldOf({ options, version }: LoadOptions): LoadOptions {
  return { ...(options !== undefined && { options }), ...(version !== undefined && { version }) }
}
