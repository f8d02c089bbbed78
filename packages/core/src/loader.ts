// The loader of one domain: insmod and rmmod for plugins.
//
// An artefact is read once, hashed, compiled as a function and set up in a scope under a deadline. Unloading stops it in the
// registry, closes its scope and drops every reference; `prove` says whether it is really gone.
import { onClock } from './control-clock.js'
import { AcceleratorError } from './errors.js'
import { EventHub } from './event-hub.js'
import { setUpBackend, setUpFrontend, setUpHardware } from './half-setup.js'
import { GenerationBoard, purgedStatus } from './generation-board.js'
import { LeakProof } from './leak-proof.js'
import { anyAttached, factsOf, keyOf, noRegistry, partsOf, pluginOf } from './loader-parts.js'
import { readArtefact } from './plugin-package.js'
import { agreeVersion, CONTRACT_VERSIONS } from './version.js'
import type { HalfDescription } from './attachment/half-description.js'
import type { AcceleratedPort, BackendAccelerator, FrontendAccelerator, HalfName } from './contract/index.js'
import type { HalfStatus, Standing } from './generation-board.js'
import type { LiveHalf, SetUp } from './half-setup.js'
import type { Loaded, Purged, RegistryHalf, Source } from './loader-parts.js'
import type {
  LoadedHalf,
  LoaderOptions,
  LoadOptions,
  ProofReport,
  UnloadOptions,
  UnloadReport,
  UpgradeReport,
} from './loader-types.js'
import type { PackageFiles, PluginPackage } from './plugin-package.js'
import type { Registry } from './registry.js'

export class Loader {
  readonly events: EventHub
  readonly #options: LoaderOptions
  readonly #loaded = new Map<string, Loaded>()
  readonly #loading = new Map<string, AbortController>()
  readonly #descriptions = new WeakMap<object, HalfDescription>()
  readonly #proof = new LeakProof<Purged>()
  readonly #board = new GenerationBoard()

  constructor(options: LoaderOptions) {
    this.#options = options
    this.events = options.events ?? new EventHub()
  }

  /** What is loaded, in the order of the loads. */
  get loaded(): readonly LoadedHalf[] {
    return [...this.#loaded.values()].map(({ facts }) => facts)
  }

  /** Every generation of this domain, from the agreement on its version until it is proven gone. */
  status(): HalfStatus[] {
    const standing = this.#board.status(({ half, name }) =>
      half === 'hardware' ? undefined : this.#options[half]?.state(name),
    )
    return [
      ...standing,
      ...this.#proof.standing.map(({ facts, leaked }) => purgedStatus(facts, leaked?.holders)),
    ]
  }

  /** The package of which a half is loaded, and what it was told: to load it again. */
  sourceOf(name: string, half: RegistryHalf): { plugin: PluginPackage; load: LoadOptions } | undefined {
    return this.#loaded.get(keyOf(half, name))?.source
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
   * Rejects with BAD_MANIFEST, BAD_PACKAGE, BAD_INTEGRITY, NO_HALF, BAD_ARTEFACT, BAD_REQUIRE, EINVAL, EPROTO, ENEWER, EEXIST, SUPERSEDED, CANCELLED,
   * SETUP_FAILED, DEADLINE or ABORTED; nothing is left of it then, and it may be loaded again.
   */
  load(
    from: string | PackageFiles | PluginPackage,
    half: RegistryHalf,
    load: LoadOptions = {},
  ): Promise<LoadedHalf> {
    return onClock(this.#options.clock, () => {
      const plugin = pluginOf(from, load)
      return this.#bringIn(half, { plugin, artefact: readArtefact(plugin, half), load })
    })
  }

  /**
   * Unloads: no new vif, every vif detaches, leases fall to zero or the deadline passes, the scope closes, every reference is
   * dropped. A second unload joins the first. A load under way is called off. A name that is not loaded is no error.
   */
  async unload(
    name: string,
    half: RegistryHalf,
    { reason = 'unloaded', deadlineMs }: UnloadOptions = {},
  ): Promise<UnloadReport> {
    const key = keyOf(half, name)
    this.#loading.get(key)?.abort(new AcceleratorError('CANCELLED', `load of ${name}`))
    const hash = this.#loaded.get(key)?.facts.hash
    const report = await onClock(this.#options.clock, () =>
      this.#registry(half).stop(name, reason, deadlineMs),
    )
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
    const plugin = pluginOf(from, load)
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
    const plugin = pluginOf(from, load)
    const source: Source = { plugin, artefact: readArtefact(plugin, 'hardware'), load }
    const version = (this.#options.versions ?? CONTRACT_VERSIONS)[1]
    const standing = this.#board.add(factsOf(nic, source, version))
    try {
      const live = await this.#setUp(key, source, standing, (setUp) => setUpHardware(this.#options, setUp))
      return { loaded: this.#enter(key, source, standing, live), port: live.instance }
    } catch (error) {
      this.#board.remove(standing)
      throw error
    }
  }

  /** Closes the scope of a NIC's hardware half and drops it. Gives what could not be undone. */
  async unloadHardware(nic: string): Promise<readonly string[]> {
    const key = keyOf('hardware', nic)
    this.#loading.get(key)?.abort(new AcceleratorError('CANCELLED', `hardware of ${nic}`))
    if (!this.#loaded.has(key)) return []
    return onClock(this.#options.clock, () => this.#dispose(key, false, []))
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
    const unloaded = await this.unload(name, half, { reason: 'upgraded' })
    try {
      const loaded = await this.#bringIn(half, next)
      if (before && !anyAttached(await registry.settled(name)))
        throw new AcceleratorError('SETUP_FAILED', `${name} (${half}): no vif attached to the new build`)
      return { loaded, unloaded, rolledBack: false, cause: undefined }
    } catch (cause) {
      await this.unload(name, half, { reason: 'failed' })
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
    const standing = this.#board.add(factsOf(name, source, version))
    if (registry.state(name)?.generation !== undefined) standing.state = 'deferred'
    try {
      await registry.admit(name)
    } catch (error) {
      this.#board.remove(standing)
      throw error
    }
    try {
      const live = await this.#setUp(key, source, standing, (setUp) => run(this.#options, setUp))
      const facts = this.#enter(key, source, standing, live)
      registry.loaded(version, name, live.instance, (forced, held) => this.#dispose(key, forced, held))
      return facts
    } catch (error) {
      this.#board.remove(standing)
      registry.abandon(name)
      throw error
    }
  }

  async #setUp<I extends object>(
    key: string,
    { plugin, artefact, load }: Source,
    standing: Standing,
    run: (setUp: SetUp) => Promise<LiveHalf<I>>,
  ): Promise<LiveHalf<I>> {
    const { name, half, hash, version } = standing.facts
    standing.state = 'loading'
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

  #enter(key: string, source: Source, standing: Standing, live: LiveHalf<object>): LoadedHalf {
    const { facts } = standing
    const { name, half, hash, version } = facts
    standing.state = 'loaded'
    this.#loaded.set(key, { facts, source, live, standing })
    this.events.hear.half_loaded?.({ name, half, hash, version })
    return facts
  }

  /** The end of a generation: its scope closes, and the loader lets go of it. */
  async #dispose(key: string, forced: boolean, held: readonly string[]): Promise<readonly string[]> {
    const record = this.#loaded.get(key)
    if (record === undefined) return []
    const { facts, source, live, standing } = record
    standing.state = 'disposed'
    const remains = await live.scope.close(forced)
    this.#loaded.delete(key)
    this.#board.remove(standing)
    const suspects = [...remains.tasks.map((task) => `task ${task}`), ...remains.failures]
    this.#proof.add(
      { ...facts, suspects: [...held, ...suspects], before: live.before },
      partsOf(live, source),
    )
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
