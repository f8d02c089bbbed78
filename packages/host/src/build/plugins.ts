import * as core from '@netaccel/core'
import {
  type BackendAccelerator,
  EventHub,
  type FrontendAccelerator,
  KeptPages,
  Loader,
  type LogSink,
  openHalfScope,
  Registry,
} from '@netaccel/core'
import { NetbackAccelerators } from '@netaccel/netback'
import { NetfrontAccelerators } from '@netaccel/netfront'
import type { Domain } from '@netaccel/xen'

/** What a domain needs to take plugins: a registry of halves, a loader, and the driver's side of attaching. */
export interface DomainPlugins<Half extends object, Accelerators> {
  readonly registry: Registry<Half>
  readonly loader: Loader
  readonly accelerators: Accelerators
  readonly events: EventHub
}

/** Plugins of a guest: frontend halves, for netfront. */
export function guestPlugins(domain: Domain): DomainPlugins<FrontendAccelerator, NetfrontAccelerators> {
  const { engine } = domain
  const events = new EventHub()
  const kept = KeptPages.of(engine, domain)
  const registry = new Registry<FrontendAccelerator>({
    side: 'frontend',
    clock: engine,
    inDriverDomain: false,
    events,
  })
  const loader = new Loader({
    core,
    clock: engine,
    frontend: registry,
    events,
    openScope: (facts) => openHalfScope({ domain, engine, kept, log: logOf(events) }, facts),
  })
  const accelerators = new NetfrontAccelerators(domain, { registry, describe: loader.describe, events, kept })
  return { registry, loader, accelerators, events }
}

/** Plugins of the driver domain: backend halves, for netback and its ports. */
export function driverPlugins(domain: Domain): DomainPlugins<BackendAccelerator, NetbackAccelerators> {
  const { engine } = domain
  const events = new EventHub()
  const kept = KeptPages.of(engine, domain)
  const registry = new Registry<BackendAccelerator>({
    side: 'backend',
    clock: engine,
    inDriverDomain: true,
    events,
  })
  const loader = new Loader({
    core,
    clock: engine,
    backend: registry,
    events,
    openScope: (facts) => openHalfScope({ domain, engine, kept, log: logOf(events) }, facts),
  })
  const accelerators = new NetbackAccelerators(domain, { registry, describe: loader.describe, events, kept })
  return { registry, loader, accelerators, events }
}

function logOf(events: EventHub): LogSink {
  return (level, scope, text, cause) => {
    const [name = scope] = scope.split('/', 1)
    events.hear.plugin_log?.({ name, scope, level, text, cause })
  }
}
