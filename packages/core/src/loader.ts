// The loader of one domain: insmod and rmmod for plugins.
//
// An artefact is read once, hashed, compiled as a function and set up in a scope under a deadline. Unloading stops it in the
// registry, closes its scope and drops every reference; `prove` says whether it is really gone.
import { onClock } from './control-clock.js'
import { AcceleratorError } from './errors.js'
import { EventHub } from './event-hub.js'
import { setUpBackend, setUpFrontend, setUpHardware } from './half-setup.js'
import { LeakProof } from './leak-proof.js'
import { readArtefact, readPlugin } from './plugin-package.js'
import { agreeVersion, CONTRACT_VERSIONS } from './version.js'
import type { HalfDescription } from './attachment/half-description.js'
import type {
  AcceleratedPort,
  BackendAccelerator,
  FrontendAccelerator,
  HalfName,
  RemoveReason,
} from './contract/index.js'
import type { LiveHalf, SetUp } from './half-setup.js'
import type {
  LoadedHalf,
  LoaderOptions,
  LoadOptions,
  ProofReport,
  UnloadReport,
  UpgradeReport,
} from './loader-types.js'
import type { Artefact, PackageFiles, PluginPackage } from './plugin-package.js'
import type { Registry } from './registry.js'
import type { RegistryStatus } from './registry-types.js'

/** The halves that a registry takes. */
export type RegistryHalf = 'frontend' | 'backend'

/** What is in, under `<half> <name>`. */
interface Loaded {
  readonly facts: LoadedHalf
  /** What it can be loaded from again. */
  readonly source: Source
  readonly live: LiveHalf<object>
}

interface Source {
  readonly plugin: PluginPackage
  readonly artefact: Artefact
  readonly load: LoadOptions
}

export class Loader {
  readonly events: EventHub
  readonly #options: LoaderOptions
  readonly #loaded = new Map<string, Loaded>()
  readonly #loading = new Map<string, AbortController>()
  readonly #descriptions = new WeakMap<object, HalfDescription>()
  readonly #proof = new LeakProof()

  constructor(options: LoaderOptions) {
    this.#options = options
    this.events = options.events ?? new EventHub()
  }

  /** What is loaded, in the order of the loads. */
  get loaded(): readonly LoadedHalf[] {
    return [...this.#loaded.values()].map(({ facts }) => facts)
  }

  /** What the manifest of a loaded half declares. Throws `NOT_LOADED` for anything else. */
  readonly describe = (half: object): HalfDescription => {
    const description = this.#descriptions.get(half)
    if (description === undefined)
      throw new AcceleratorError('NOT_LOADED', 'an object that no set-up returned')
    return description
  }

  /**
   * Loads one half from a folder, a place that gives files, or a package that was read before. While an older generation of
   * the name drains it waits for the end of that one.
   *
   * Rejects with BAD_MANIFEST, NO_HALF, BAD_ARTEFACT, BAD_REQUIRE, EINVAL, EPROTO, ENEWER, EEXIST, SUPERSEDED, CANCELLED,
   * SETUP_FAILED, DEADLINE or ABORTED; nothing is left of it then, and it may be loaded again.
   */
  load(
    from: string | PackageFiles | PluginPackage,
    half: RegistryHalf,
    load: LoadOptions = {},
  ): Promise<LoadedHalf> {
    return onClock(this.#options.clock, () => {
      const plugin = pluginOf(from)
      return this.#bringIn(half, { plugin, artefact: readArtefact(plugin, half), load })
    })
  }

  /**
   * Unloads: no new vif, every vif detaches, leases fall to zero or the deadline passes, the scope closes, every reference is
   * dropped. A second unload joins the first. A load under way is called off. A name that is not loaded is no error.
   */
  async unload(name: string, half: RegistryHalf, reason: RemoveReason = 'unloaded'): Promise<UnloadReport> {
    const key = keyOf(half, name)
    this.#loading.get(key)?.abort(new AcceleratorError('CANCELLED', `load of ${name}`))
    const hash = this.#loaded.get(key)?.facts.hash
    const report = await onClock(this.#options.clock, () => this.#registry(half).stop(name, reason))
    return { ...report, half, hash }
  }

  /**
   * Puts another build in the place of what is loaded: detach all, load, attach. When the new half's set-up fails, or none of
   * the vifs that were attached attaches to it, the old bytes are loaded again. Traffic is slow in between.
   */
  async upgrade(
    from: string | PackageFiles | PluginPackage,
    half: RegistryHalf,
    load: LoadOptions = {},
  ): Promise<UpgradeReport> {
    const plugin = pluginOf(from)
    const { name } = plugin.manifest
    const old = this.#loaded.get(keyOf(half, name))?.source
    if (old === undefined) throw new AcceleratorError('NOT_LOADED', `${name} (${half})`)
    const next: Source = { plugin, artefact: readArtefact(plugin, half), load }
    this.#agree(next, half)
    return onClock(this.#options.clock, () => this.#replace(name, half, old, next))
  }

  /**
   * Loads a hardware half for the NIC `nic`: no registry, no vifs, but the same scope and deadline. The port is the
   * caller's to hand on; it must be forgotten before `unloadHardware`.
   */
  async loadHardware(
    from: string | PackageFiles | PluginPackage,
    nic: string,
    load: LoadOptions = {},
  ): Promise<{ readonly loaded: LoadedHalf; readonly port: AcceleratedPort }> {
    const key = keyOf('hardware', nic)
    if (this.#loaded.has(key) || this.#loading.has(key))
      throw new AcceleratorError('EEXIST', `hardware of ${nic}`)
    const plugin = pluginOf(from)
    const source: Source = { plugin, artefact: readArtefact(plugin, 'hardware'), load }
    const version = (this.#options.versions ?? CONTRACT_VERSIONS)[1]
    const live = await this.#setUp(key, nic, source, version, (setUp) => setUpHardware(this.#options, setUp))
    const loaded = this.#enter(key, nic, source, version, live)
    return { loaded, port: live.instance }
  }

  /** Closes the scope of a NIC's hardware half and drops it. Gives what could not be undone. */
  async unloadHardware(nic: string): Promise<readonly string[]> {
    const key = keyOf('hardware', nic)
    this.#loading.get(key)?.abort(new AcceleratorError('CANCELLED', `hardware of ${nic}`))
    if (!this.#loaded.has(key)) return []
    return onClock(this.#options.clock, () => this.#dispose(key, false))
  }

  /**
   * Collects and says which unloaded generations are gone; those that are not are LEAKED, with their holders. `turn` lets
   * the event loop turn once.
   */
  async prove(turn: () => Promise<void>): Promise<ProofReport> {
    const report = await this.#proof.prove(turn)
    for (const { name, half, holders } of report.leaked)
      this.events.hear.half_leaked?.({ name, half, holders })
    return report
  }

  /** Purged generations that have not been seen to be gone. */
  get unproven(): number {
    return this.#proof.outstanding
  }

  async #replace(name: string, half: RegistryHalf, old: Source, next: Source): Promise<UpgradeReport> {
    const registry = this.#registry(half)
    const before = anyAttached(await registry.settled(name))
    const unloaded = await this.unload(name, half, 'upgraded')
    try {
      const loaded = await this.#bringIn(half, next)
      if (before && !anyAttached(await registry.settled(name)))
        throw new AcceleratorError('SETUP_FAILED', `${name} (${half}): no vif attached to the new build`)
      return { loaded, unloaded, rolledBack: false, cause: undefined }
    } catch (cause) {
      await this.unload(name, half, 'failed')
      return { loaded: await this.#bringIn(half, old), unloaded, rolledBack: true, cause }
    }
  }

  #bringIn(half: RegistryHalf, source: Source): Promise<LoadedHalf> {
    return half === 'frontend'
      ? this.#enlist(this.#options.frontend, half, source, setUpFrontend)
      : this.#enlist(this.#options.backend, half, source, setUpBackend)
  }

  async #enlist<I extends object>(
    registry: Registry<I> | undefined,
    half: RegistryHalf,
    source: Source,
    run: (options: LoaderOptions, setUp: SetUp) => Promise<LiveHalf<I>>,
  ): Promise<LoadedHalf> {
    if (registry === undefined) throw noRegistry(half)
    const version = this.#agree(source, half)
    const { name } = source.plugin.manifest
    const key = keyOf(half, name)
    await registry.admit(name)
    try {
      const live = await this.#setUp(key, name, source, version, (setUp) => run(this.#options, setUp))
      const facts = this.#enter(key, name, source, version, live)
      registry.loaded(version, name, live.instance, (forced) => this.#dispose(key, forced))
      return facts
    } catch (error) {
      registry.abandon(name)
      throw error
    }
  }

  async #setUp<I extends object>(
    key: string,
    name: string,
    source: Source,
    version: number,
    run: (setUp: SetUp) => Promise<LiveHalf<I>>,
  ): Promise<LiveHalf<I>> {
    const { plugin, artefact, load } = source
    const { half, hash } = artefact
    const abort = new AbortController()
    this.#loading.set(key, abort)
    this.events.hear.half_loading?.({ name, half, hash })
    const requestUnload = (reason: string): void => this.#unloadSoon(name, half, reason)
    try {
      const live = await run({ plugin, artefact, name, version, load, requestUnload, signal: abort.signal })
      this.#descriptions.set(live.instance, live.facts.description)
      return live
    } catch (cause) {
      this.events.hear.half_failed?.({ name, half, cause })
      throw cause
    } finally {
      this.#loading.delete(key)
    }
  }

  #enter(key: string, name: string, source: Source, version: number, live: LiveHalf<object>): LoadedHalf {
    const { artefact, plugin } = source
    const { half, hash } = artefact
    const facts: LoadedHalf = Object.freeze({
      name,
      half,
      version,
      hash,
      packageName: plugin.packageName,
      packageVersion: plugin.packageVersion,
    })
    this.#loaded.set(key, { facts, source, live })
    this.events.hear.half_loaded?.({ name, half, hash, version })
    return facts
  }

  /** The end of a generation: its scope closes, and the loader lets go of it. */
  async #dispose(key: string, forced: boolean): Promise<readonly string[]> {
    const record = this.#loaded.get(key)
    if (record === undefined) return []
    const { facts, live } = record
    const remains = await live.scope.close(forced)
    this.#loaded.delete(key)
    const suspects = [...remains.tasks.map((task) => `task ${task}`), ...remains.failures]
    this.#proof.add({ ...facts, suspects }, { exports: live.defined, half: live.instance })
    this.events.hear.half_purged?.({ name: facts.name, half: facts.half, hash: facts.hash })
    return suspects
  }

  /** From inside a hook: begins after it has returned. */
  #unloadSoon(name: string, half: HalfName, reason: string): void {
    const { clock } = this.#options
    this.events.hear.plugin_log?.({
      name,
      scope: half,
      level: 'info',
      text: `asks to be unloaded: ${reason}`,
      cause: undefined,
    })
    if (half !== 'hardware') clock.after(0, () => void this.unload(name, half))
  }

  #agree({ plugin, load }: Source, half: RegistryHalf): number {
    const { name, apiVersion } = plugin.manifest
    const registry = this.#registry(half)
    if (registry.check(registry.versions[1]) === 'EINVAL') throw new AcceleratorError('EINVAL', name)
    return agreeVersion(`${name} (${half})`, apiVersion[half], registry.versions, load.version)
  }

  #registry(half: RegistryHalf): Registry<FrontendAccelerator> | Registry<BackendAccelerator> {
    const registry = this.#options[half]
    if (registry === undefined) throw noRegistry(half)
    return registry
  }
}

function noRegistry(half: RegistryHalf): AcceleratorError {
  return new AcceleratorError('NO_HALF', `this domain takes no ${half} halves`)
}

function anyAttached(status: RegistryStatus | undefined): boolean {
  return status?.members.some(({ state }) => state === 'attached') ?? false
}

function keyOf(half: HalfName, name: string): string {
  return `${half} ${name}`
}

function pluginOf(from: string | PackageFiles | PluginPackage): PluginPackage {
  return typeof from !== 'string' && 'manifest' in from ? from : readPlugin(from)
}
