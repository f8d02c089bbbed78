// Set-up of one half: evaluate the artefact, open its scope, call it under the deadline, undo everything when it fails.
import { evaluateArtefact } from './artefact.js'
import { HalfDescription } from './attachment/half-description.js'
import { onClock, withDeadline } from './control-clock.js'
import { AcceleratorError, isAcceleratorError } from './errors.js'
import { takeCensus } from './leak-census.js'
import { Lease } from './lease.js'
import type {
  AcceleratedPort,
  BackendAccelerator,
  DefinedAccelerator,
  FrontendAccelerator,
  Halves,
} from './contract/index.js'
import type { Census } from './leak-census.js'
import type { GenerationFacts, LoaderOptions, LoadOptions, OpenScope } from './loader-types.js'
import type { Artefact, PluginPackage } from './plugin-package.js'

/** What a set-up asks for. */
export interface SetUp {
  readonly plugin: PluginPackage
  readonly artefact: Artefact
  /** The plugin's name, or for hardware that of the NIC. */
  readonly name: string
  readonly version: number
  readonly load: LoadOptions
  readonly requestUnload: (reason: string) => void
  /** Calls the set-up off. */
  readonly signal: AbortSignal
}

/** A half that is set up, with every strong reference that the loader has to it. */
export interface LiveHalf<I extends object> {
  readonly facts: GenerationFacts
  readonly defined: DefinedAccelerator
  readonly instance: I
  readonly scope: OpenScope<object>
  /** What stood in the process before its code ran. */
  readonly before: Census
}

type SetUpOptions = Pick<
  LoaderOptions,
  'core' | 'clock' | 'openScope' | 'openHardware' | 'setupDeadlineMs' | 'wrap'
>

export function setUpFrontend(options: SetUpOptions, setUp: SetUp): Promise<LiveHalf<FrontendAccelerator>> {
  return run(options, setUp, options.openScope, (halves, context) => halves.frontend?.(context), [
    'newDevice',
  ])
}

export function setUpBackend(options: SetUpOptions, setUp: SetUp): Promise<LiveHalf<BackendAccelerator>> {
  const methods = ['openPort', 'probe'] as const
  return run(options, setUp, options.openScope, (halves, context) => halves.backend?.(context), methods)
}

export function setUpHardware(options: SetUpOptions, setUp: SetUp): Promise<LiveHalf<AcceleratedPort>> {
  const open = options.openHardware
  if (open === undefined) return Promise.reject(new AcceleratorError('NO_HALF', `hardware of ${setUp.name}`))
  const methods = ['onChange', 'transmit', 'handedOver'] as const
  return run(options, setUp, open, (halves, context) => halves.hardware?.(context), methods)
}

/** Rejects with `BAD_ARTEFACT`, `BAD_REQUIRE`, `SETUP_FAILED`, `DEADLINE` or `ABORTED`; nothing is then left of it. */
async function run<C extends object, I extends object>(
  options: SetUpOptions,
  setUp: SetUp,
  open: (facts: GenerationFacts) => OpenScope<C>,
  call: (halves: Halves, context: C) => I | Promise<I> | undefined,
  methods: readonly (keyof I & string)[],
): Promise<LiveHalf<I>> {
  const before = takeCensus(setUp.plugin.manifest.uses ?? [])
  const defined = evaluateArtefact(setUp.artefact, setUp.plugin.manifest, options.core)
  const facts = factsOf(setUp)
  const halves = options.wrap?.(defined, facts) ?? defined
  const scope = open(facts)
  const what = `set-up of ${setUp.name} (${setUp.artefact.half})`
  try {
    const instance = await withDeadline(
      options.clock,
      options.setupDeadlineMs ?? 2000,
      what,
      () => call(halves, scope.context),
      { outer: setUp.signal },
    )
    return { facts, defined, instance: checked(instance, methods), scope, before }
  } catch (cause) {
    const forced = isAcceleratorError(cause, 'DEADLINE')
    await onClock(options.clock, () => scope.close(forced))
    if (forced || isAcceleratorError(cause, 'ABORTED')) throw cause
    const text = cause instanceof Error ? cause.message : String(cause)
    throw new AcceleratorError('SETUP_FAILED', `${what}: ${text}`, { cause })
  }
}

function factsOf({ plugin, artefact, name, version, load, requestUnload }: SetUp): GenerationFacts {
  return {
    manifest: plugin.manifest,
    name,
    half: artefact.half,
    version,
    hash: artefact.hash,
    options: load.options ?? {},
    lease: new Lease(`${name} ${artefact.half}`),
    description: new HalfDescription(plugin.manifest),
    requestUnload,
  }
}

/** A plugin is JavaScript when it is loaded: what it returns is looked at. */
function checked<I extends object>(instance: I | undefined, methods: readonly (keyof I & string)[]): I {
  if (typeof instance !== 'object' || instance === null) throw new TypeError('it returned no object')
  const missing = methods.filter((method) => typeof instance[method] !== 'function')
  if (missing.length > 0) throw new TypeError(`what it returned has no ${missing.join(', ')}`)
  return instance
}
