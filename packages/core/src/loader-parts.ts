// What the loader keeps of a half that is in, and what it remembers it by when it is gone.
import { AcceleratorError } from './errors.js'
import { listenersSince } from './leak-census.js'
import { LISTENER } from './leak-proof.js'
import { readPlugin, withIntegrity } from './plugin-package.js'
import type { HalfName } from './contract/index.js'
import type { Standing } from './generation-board.js'
import type { LiveHalf } from './half-setup.js'
import type { Part, PurgedFacts } from './leak-proof.js'
import type { LoadedHalf, LoadOptions } from './loader-types.js'
import type { Artefact, PackageFiles, PluginPackage } from './plugin-package.js'
import type { RegistryStatus } from './registry-types.js'

/** The halves that a registry takes. */
export type RegistryHalf = 'frontend' | 'backend'

/** What is in, under `<half> <name>`. */
export interface Loaded {
  readonly facts: LoadedHalf
  /** What it can be loaded from again. */
  readonly source: Source
  readonly live: LiveHalf<object>
  readonly standing: Standing
}

/** What a purged generation is remembered by. */
export interface Purged extends LoadedHalf, PurgedFacts {}

export interface Source {
  readonly plugin: PluginPackage
  readonly artefact: Artefact
  readonly load: LoadOptions
}

export function factsOf(name: string, { artefact, plugin }: Source, version: number): LoadedHalf {
  const { half, hash } = artefact
  const { packageName, packageVersion } = plugin
  return Object.freeze({ name, half, version, hash, packageName, packageVersion })
}

/** What must not be reachable any more once it is purged. */
export function partsOf(
  { defined, instance, scope, before }: LiveHalf<object>,
  { artefact }: Source,
): Part[] {
  return [
    { what: 'exports', part: defined },
    { what: 'half', part: instance },
    { what: 'context', part: scope.context },
    ...listenersSince(before, artefact.text).map(({ event, listener }) => ({
      what: `${LISTENER} for '${event}'`,
      part: listener,
    })),
  ]
}

export function noRegistry(half: RegistryHalf): AcceleratorError {
  return new AcceleratorError('NO_HALF', `this domain takes no ${half} halves`)
}

export function anyAttached(status: RegistryStatus | undefined): boolean {
  return status?.members.some(({ state }) => state === 'attached') ?? false
}

export function keyOf(half: HalfName, name: string): string {
  return `${half} ${name}`
}

export function pluginOf(
  from: string | PackageFiles | PluginPackage,
  { integrity }: LoadOptions,
): PluginPackage {
  return typeof from !== 'string' && 'manifest' in from
    ? withIntegrity(from, integrity)
    : readPlugin(from, integrity)
}
