// The store's door to the loader: insmod and rmmod asked for from outside, as `control/shutdown` asks for a shutdown.
//
// Under a domain's own directory, `control/accel-module/<name>` = `load`, `load:<package version>`, `unload` or
// `unload:<milliseconds>` is a request.
// The domain acts on it, writes what became of it to `control/accel-module/<name>/state`, and sets the request to the empty
// string, as Linux answers `control/shutdown`. A vif whose `accel-frontend` names a half that is not loaded asks through
// `requested`: the domain then loads by itself what its catalogue holds.
import { NS_PER_MS, onClock, withDeadline } from './control-clock.js'
import { AcceleratorError } from './errors.js'
import { EventHub } from './event-hub.js'
import { readArtefact, readPlugin } from './plugin-package.js'
import type { StoreWatch, XenstoreClient } from '@netaccel/xen'
import type { ControlClock } from './control-clock.js'
import type { RegistryHalf } from './loader-parts.js'
import type { Loader } from './loader.js'
import type { LoadOptions } from './loader-types.js'
import type { PackageFiles, PluginPackage } from './plugin-package.js'

/** The directory of requests, in the domain's own. */
export const MODULE_DIRECTORY = 'control/accel-module'

/** The packages that a domain may load. */
export interface Catalogue {
  /** The package of this name; `version` is the package's own, undefined: the newest. Undefined: it has none. */
  find(name: string, version?: string): PluginPackage | PackageFiles | undefined
}

export interface LoadRequestsOptions {
  readonly store: XenstoreClient
  readonly clock: ControlClock
  readonly loader: Loader
  /** Which half this domain takes: the driver domain `backend`, every other `frontend`. */
  readonly half: RegistryHalf
  readonly catalogue: Catalogue
  /** What the half gets as its options. */
  readonly optionsOf?: (name: string) => LoadOptions
  readonly events?: EventHub
}

type Request =
  | { readonly kind: 'load'; readonly version: string | undefined }
  | { readonly kind: 'unload'; readonly deadlineMs: number | undefined }

const NAME = /^[a-z0-9][a-z0-9_.-]{0,62}$/
const MILLISECONDS = /^\d{1,7}$/
const MOST_STATE = 1000

/** See the head of this file. */
export class LoadRequests {
  readonly #options: LoadRequestsOptions
  readonly #events: EventHub
  /** The request under work for each name, so that a watch that fires again does not act again. */
  readonly #acting = new Map<string, string>()
  /** Of each name: how many requests have begun. Only the last one may write the state. */
  readonly #turns = new Map<string, number>()
  #watch: StoreWatch | null = null
  #listening = false

  constructor(options: LoadRequestsOptions) {
    this.#options = options
    this.#events = options.events ?? new EventHub()
  }

  /** Begins to watch; requests that stand already are acted on. */
  async start(): Promise<void> {
    this.#listening = true
    this.#watch = await this.#options.store.watch(MODULE_DIRECTORY, (path) => this.#changed(path))
  }

  /** Ends the watch. Work under way goes on. */
  async stop(): Promise<void> {
    const watch = this.#watch
    this.#watch = null
    this.#listening = false
    await watch?.unwatch()
  }

  /**
   * A vif asks for a name of which no half is loaded: `onRequested` of the registry. Returns at once; without a package in
   * the catalogue the vif stays on the slow path.
   */
  requested(name: string): void {
    this.#events.hear.load_requested?.({ name, by: 'vif' })
    const { catalogue, loader, half } = this.#options
    const busy = this.#acting.has(name) || loader.loaded.some((one) => one.name === name && one.half === half)
    const plugin = busy ? undefined : catalogue.find(name)
    if (plugin === undefined) return
    this.#run(name, 'load', () => this.#load(name, plugin))
  }

  #changed(path: string): void {
    if (!this.#listening) return
    const [name, ...below] = path.slice(MODULE_DIRECTORY.length + 1).split('/')
    // The state that this domain writes itself is below the request.
    if (below.length > 0) return
    const work = name === undefined || name === '' ? () => this.#all() : () => this.#look(name)
    onClock(this.#options.clock, work).catch((cause: unknown) =>
      this.#events.hear.load_request_failed?.({ name: name ?? '', cause }),
    )
  }

  async #all(): Promise<void> {
    for (const name of await this.#options.store.directory(MODULE_DIRECTORY)) await this.#look(name)
  }

  async #look(name: string): Promise<void> {
    const value = await this.#options.store.read(`${MODULE_DIRECTORY}/${name}`)
    if (value === undefined || value === '' || this.#acting.get(name) === value) return
    this.#events.hear.load_requested?.({ name, by: 'store' })
    this.#run(name, value, () => this.#act(name, value))
  }

  /** Not awaited: an unload must be able to call a load of the same name off. */
  #run(name: string, request: string, work: () => Promise<string>): void {
    const { clock } = this.#options
    const turn = (this.#turns.get(name) ?? 0) + 1
    this.#turns.set(name, turn)
    this.#acting.set(name, request)
    void onClock(clock, async () => {
      const state = await work().catch((cause: unknown) => this.#failed(name, cause))
      await this.#answer(name, request, turn, state)
    }).catch((cause: unknown) => this.#events.hear.load_request_failed?.({ name, cause }))
  }

  async #act(name: string, value: string): Promise<string> {
    const request = parseRequest(name, value)
    if (request.kind === 'unload') {
      await this.#tell(name, 'draining')
      const { loader, half } = this.#options
      const { deadlineMs } = request
      const { forced } = await loader.unload(name, half, deadlineMs === undefined ? {} : { deadlineMs })
      return forced ? 'unloaded:forced' : 'unloaded'
    }
    const plugin = this.#options.catalogue.find(name, request.version)
    if (plugin === undefined)
      throw new AcceleratorError(
        'NOT_LOADED',
        `the catalogue of this domain has no ${name} ${request.version ?? ''}`,
      )
    return this.#load(name, plugin)
  }

  /** Loads; upgrades when other bytes of the name are loaded; does nothing when it is these. */
  async #load(name: string, from: PluginPackage | PackageFiles): Promise<string> {
    const { loader, half, optionsOf } = this.#options
    const plugin = 'manifest' in from ? from : readPlugin(from)
    if (plugin.manifest.name !== name)
      throw new AcceleratorError('BAD_MANIFEST', `asked for ${name}, the package is ${plugin.manifest.name}`)
    const { hash } = readArtefact(plugin, half)
    const there = loader.loaded.find((one) => one.name === name && one.half === half)
    if (there?.hash === hash) return loadedState(there)
    await this.#tell(name, 'loading')
    const options = optionsOf?.(name)
    if (there === undefined) return loadedState(await loader.load(plugin, half, options))
    const { loaded, rolledBack, cause } = await loader.upgrade(plugin, half, options)
    if (rolledBack)
      throw new AcceleratorError('SETUP_FAILED', `${name} was rolled back: ${textOf(cause)}`, { cause })
    return loadedState(loaded)
  }

  #failed(name: string, cause: unknown): string {
    this.#events.hear.load_request_failed?.({ name, cause })
    const code = cause instanceof AcceleratorError ? cause.code : 'ERROR'
    return `failed:${code}:${textOf(cause)}`.slice(0, MOST_STATE)
  }

  #tell(name: string, state: string): Promise<void> {
    return this.#options.store.write(`${MODULE_DIRECTORY}/${name}/state`, state)
  }

  /** State and the end of the request in one transaction; a request that came meanwhile stays. */
  async #answer(name: string, request: string, turn: number, state: string): Promise<void> {
    if (this.#turns.get(name) !== turn) return
    this.#acting.delete(name)
    const path = `${MODULE_DIRECTORY}/${name}`
    await this.#options.store.transaction(async (tx) => {
      await tx.write(`${path}/state`, printable(state))
      if ((await tx.read(path)) === request) await tx.write(path, '')
    })
  }
}

/**
 * Asks a domain to load or unload and waits for its answer, at most `ms` milliseconds: the state that it wrote. `store` is a
 * client that may write there, as domain 0's. Rejects with `DEADLINE` when the domain does not answer.
 */
export async function requestModule(
  store: XenstoreClient,
  clock: ControlClock,
  domain: number,
  name: string,
  request: string,
  ms = 15_000,
): Promise<string> {
  const path = `/local/domain/${domain}/${MODULE_DIRECTORY}/${name}`
  return withDeadline(clock, ms, `${request} of ${name} in domain ${domain}`, async (signal) => {
    await store.write(path, request)
    let check = (): void => {}
    const watch = await store.watch(path, () => check())
    try {
      while (!signal.aborted && (await store.read(path)) === request)
        await new Promise<void>((resolve) => {
          check = resolve
          // A change between the read and this line has fired already.
          clock.after(10 * NS_PER_MS, resolve)
        })
      return (await store.read(`${path}/state`)) ?? ''
    } finally {
      await watch.unwatch()
    }
  })
}

function parseRequest(name: string, value: string): Request {
  if (!NAME.test(name))
    throw new AcceleratorError('BAD_ARGUMENT', `${JSON.stringify(name)} is not the name of a plugin`)
  const [word, version, ...rest] = value.split(':')
  if (word === 'unload' && rest.length === 0 && (version === undefined || MILLISECONDS.test(version)))
    return { kind: 'unload', deadlineMs: version === undefined ? undefined : Number(version) }
  if (word === 'load' && rest.length === 0)
    return { kind: 'load', version: version === undefined || version === '' ? undefined : version }
  throw new AcceleratorError(
    'BAD_ARGUMENT',
    `${JSON.stringify(value.slice(0, 100))} is not a request; write load, load:<version>, unload or unload:<milliseconds>`,
  )
}

function loadedState({ packageVersion, hash }: { packageVersion: string; hash: string }): string {
  return `loaded:${packageVersion}:${hash.slice(0, 12)}`
}

function textOf(cause: unknown): string {
  return cause instanceof AcceleratorError
    ? cause.detail
    : cause instanceof Error
      ? cause.message
      : String(cause)
}

/** What the store takes as a value: no control characters. */
function printable(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, '?')
}
