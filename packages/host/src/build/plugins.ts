import * as core from '@netaccel/core'
import {
  type BackendAccelerator,
  type Deadlines,
  type DoorFaults,
  EventHub,
  type FrontendAccelerator,
  type GenerationFacts,
  type Halves,
  KeptPages,
  Loader,
  type LoaderOptions,
  LoadRequests,
  type LogSink,
  openHalfScope,
  openHardwareScope,
  Registry,
  type VersionRange,
} from '@netaccel/core'
import { type MisbehaviourPolicy, NetbackAccelerators } from '@netaccel/netback'
import { NetfrontAccelerators } from '@netaccel/netfront'
import type { Domain } from '@netaccel/xen'
import type { Shelf } from './catalogue.js'
import type { HardwareNic } from './hardware-nic.js'

/** What a domain needs to take plugins: a registry of halves, a loader, its door in the store, the driver's side. */
export interface DomainPlugins<Half extends object, Accelerators> {
  readonly registry: Registry<Half>
  readonly loader: Loader
  readonly requests: LoadRequests
  readonly accelerators: Accelerators
  readonly events: EventHub
}

/** Makes doors of plugins fail, for tests: asked once for each attachment of a vif, which is named as in reports. */
export type FaultsOf = (side: 'frontend' | 'backend', vif: string) => DoorFaults | null

/**
 * Puts other halves in the place of a plugin's, for tests and tools: asked at each load. `where`: `a.guest1`, or `a.driver`
 * for the driver domain of host a.
 */
export type WrapOf = (halves: Halves, facts: GenerationFacts, where: string) => Halves

/** What the plugins of all domains of a world share. */
export interface PluginParts {
  readonly shelf: Shelf
  readonly faultsOf: FaultsOf
  readonly wrap: WrapOf | null
  /** The versions of the contract that the drivers provide. */
  readonly versions: VersionRange
  /** Flows stay in order when they change paths; 'out': those that guests send. */
  readonly orderFence: boolean | 'out'
  readonly deadlines: Partial<Deadlines>
}

/** Plugins of a guest: frontend halves, for netfront. A half that the backend names is loaded from the catalogue. */
export function guestPlugins(
  domain: Domain,
  hostName: string,
  { shelf: catalogue, faultsOf, wrap, versions, orderFence, deadlines }: PluginParts,
): DomainPlugins<FrontendAccelerator, NetfrontAccelerators> {
  const { engine, store } = domain
  const events = new EventHub()
  const kept = KeptPages.of(engine, domain)
  const registry: Registry<FrontendAccelerator> = new Registry({
    side: 'frontend',
    clock: engine,
    inDriverDomain: false,
    versions,
    events,
    onRequested: (name) => requests.requested(name),
  })
  const loader = new Loader({ ...loaderOptions(domain, hostName, kept, events, wrap), frontend: registry })
  const requests: LoadRequests = new LoadRequests({
    store,
    clock: engine,
    loader,
    half: 'frontend',
    catalogue,
    optionsOf: catalogue.optionsOf,
    events,
  })
  const accelerators = new NetfrontAccelerators(domain, {
    registry,
    describe: loader.describe,
    events,
    kept,
    faults: (vif) => faultsOf('frontend', vif),
    orderFence: orderFence !== false,
    deadlines,
  })
  return { registry, loader, requests, accelerators, events }
}

/** What the driver domain does with a guest that misbehaves, and how it ends one. */
export interface Discipline {
  readonly policy: MisbehaviourPolicy
  crash(guest: number): void
}

/** Plugins of the driver domain: backend halves, for netback and its ports, and the hardware of NICs by their names. */
export function driverPlugins(
  domain: Domain,
  hostName: string,
  { shelf: catalogue, faultsOf, wrap, versions, orderFence, deadlines }: PluginParts,
  hardware: ReadonlyMap<string, HardwareNic>,
  { policy, crash }: Discipline,
): DomainPlugins<BackendAccelerator, NetbackAccelerators> {
  const { engine, store } = domain
  const events = new EventHub()
  const kept = KeptPages.of(engine, domain)
  const registry = new Registry<BackendAccelerator>({
    side: 'backend',
    clock: engine,
    inDriverDomain: true,
    versions,
    events,
  })
  const loader = new Loader({
    ...loaderOptions(domain, hostName, kept, events, wrap),
    backend: registry,
    versions,
    openHardware: (facts) => {
      const nic = hardware.get(facts.name)
      if (nic === undefined) throw new core.AcceleratorError('NO_HALF', `hardware of ${facts.name}`)
      return openHardwareScope({ domain, engine: nic.engine, kept, log: logOf(events) }, nic, facts)
    },
  })
  const requests = new LoadRequests({
    store,
    clock: engine,
    loader,
    half: 'backend',
    catalogue,
    optionsOf: catalogue.optionsOf,
    events,
  })
  const accelerators = new NetbackAccelerators(domain, {
    registry,
    describe: loader.describe,
    events,
    kept,
    faults: (vif) => faultsOf('backend', vif),
    orderFence: orderFence === true,
    deadlines,
    onPunish: () => policy,
    crash,
  })
  return { registry, loader, requests, accelerators, events }
}

function loaderOptions(
  domain: Domain,
  hostName: string,
  kept: KeptPages,
  events: EventHub,
  wrap: WrapOf | null,
): LoaderOptions {
  const { engine } = domain
  const log = logOf(events)
  return {
    core,
    clock: engine,
    events,
    ...(wrap !== null && { wrap: (halves, facts) => wrap(halves, facts, `${hostName}.${domain.name}`) }),
    openScope: (facts) => openHalfScope({ domain, engine, kept, log }, facts),
  }
}

function logOf(events: EventHub): LogSink {
  return (level, scope, text, cause) => {
    const [name = scope] = scope.split('/', 1)
    events.hear.plugin_log?.({ name, scope, level, text, cause })
  }
}
