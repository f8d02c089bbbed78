import type { RunOptions, Timeline } from '@netaccel/xen'
import { settle } from '@netaccel/xen'
import type { EdgeOracle } from '../check/oracle.js'
import { HostError } from '../errors.js'
import type { WorldValue } from '../value/world-value.js'
import type { GuestVif } from './guest-vif.js'
import type { Host } from './host.js'
import { attached, loadInto, readPackage, unloadFrom } from './loading.js'

/** A built world: hosts that run on one timeline. Made by {@link build}. */
export class World {
  readonly value: WorldValue
  readonly timeline: Timeline
  /** Judges at the edges; null when it was built without. */
  readonly oracle: EdgeOracle | null
  readonly hosts: ReadonlyMap<string, Host>
  readonly #undo: () => Promise<void>
  #running = false

  constructor(
    value: WorldValue,
    timeline: Timeline,
    oracle: EdgeOracle | null,
    hosts: ReadonlyMap<string, Host>,
    undo: () => Promise<void>,
  ) {
    this.value = value
    this.timeline = timeline
    this.oracle = oracle
    this.hosts = hosts
    this.#undo = undo
  }

  /** @throws HostError NO_SUCH_PART */
  host(name: string): Host {
    const host = this.hosts.get(name)
    if (host === undefined) throw missing('host', name, [...this.hosts.keys()])
    return host
  }

  /** A guest's device by its path, `a.guest1.vif0`. @throws HostError NO_SUCH_PART */
  vif(path: string): GuestVif {
    const found = this.vifs.find((vif) => vif.path === path)
    if (found === undefined)
      throw missing(
        'vif',
        path,
        this.vifs.map((vif) => vif.path),
      )
    return found
  }

  /** All guests' devices, in the order of the value. */
  get vifs(): readonly GuestVif[] {
    return [...this.hosts.values()].flatMap((host) =>
      [...host.guests.values()].flatMap((guest) => [...guest.vifs.values()]),
    )
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
   * Load both halves of a plugin's package into every host and guest, and wait until each vif that was offered it uses it.
   * @throws AcceleratorError if the package does not fit; HostError ATTACH_FAILED
   */
  load(folder: string): Promise<void> {
    const hosts = [...this.hosts.values()]
    const plugin = readPackage(folder)
    return this.drive(loadInto(hosts, plugin).then(() => attached(hosts, plugin.manifest)))
  }

  /** Detach a plugin from every vif, then unload both halves everywhere. */
  unload(name: string): Promise<void> {
    return this.drive(unloadFrom([...this.hosts.values()], name))
  }

  /** Take everything down, newest first. */
  close(): Promise<void> {
    return this.drive(this.#undo())
  }
}

function missing(kind: string, name: string, known: readonly string[]): HostError {
  return new HostError(
    'NO_SUCH_PART',
    `There is no ${kind} "${name}" in this world; there are ${known.join(', ') || 'none'}.`,
  )
}
