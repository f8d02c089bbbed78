import {
  agreeVersion,
  type Manifest,
  MODULE_DIRECTORY,
  type PluginPackage,
  requestModule,
} from '@netaccel/core'
import type { Domain } from '@netaccel/xen'
import { HostError } from '../errors.js'
import type { Host } from './host.js'

/** How long attaching may take before it is given up, in ns: the deadlines of its steps, added up. */
const ATTACH_NS = 12_000_000_000
const LOOK_NS = 50_000

/** A domain of the hosts, seen from the driver domain, which may write everywhere. */
interface Target {
  readonly driver: Domain
  readonly domain: Domain
}

function driverTargets(hosts: readonly Host[]): Target[] {
  return hosts.map(({ driver }) => ({ driver, domain: driver }))
}

function guestTargets(hosts: readonly Host[]): Target[] {
  return hosts.flatMap((host) =>
    [...host.guests.values()].map(({ domain }) => ({ driver: host.driver, domain })),
  )
}

/**
 * Backend halves first: a guest that hears of an accelerator finds its other half there.
 * @throws AcceleratorError EPROTO, ENEWER before anything is loaded; HostError LOAD_FAILED
 */
export async function loadInto(hosts: readonly Host[], plugin: PluginPackage): Promise<void> {
  const { name, backend, frontend, apiVersion } = plugin.manifest
  const { versions } = hosts[0].plugins.registry
  if (backend !== undefined) agreeVersion(`${name} (backend)`, apiVersion.backend, versions)
  if (frontend !== undefined) agreeVersion(`${name} (frontend)`, apiVersion.frontend, versions)
  if (backend !== undefined) await requestAll(driverTargets(hosts), name, 'load')
  if (frontend !== undefined) await requestAll(guestTargets(hosts), name, 'load')
}

/** Guests let go first, then the driver domains. A half that is not loaded is none to unload. */
export async function unloadFrom(hosts: readonly Host[], name: string): Promise<void> {
  await requestAll(guestTargets(hosts), name, 'unload')
  await requestAll(driverTargets(hosts), name, 'unload')
}

async function requestAll(
  targets: readonly Target[],
  name: string,
  request: 'load' | 'unload',
): Promise<void> {
  await Promise.all(targets.map((target) => ask(target, name, request)))
}

/** A domain's own word on a request that it has not ended yet. */
const UNDER_WAY = ['loading', 'draining']

/**
 * Ask a domain through its directory in the store, as `control/shutdown` is used, and wait for its answer.
 * @throws HostError LOAD_FAILED with what the domain says; AcceleratorError DEADLINE if it says nothing
 */
async function ask({ driver, domain }: Target, name: string, request: 'load' | 'unload'): Promise<void> {
  const { store, engine } = driver
  let state = await requestModule(store, engine, domain.id, name, request)
  // A vif may have asked for the same half by itself: then another answer follows.
  for (const end = engine.now() + ATTACH_NS; UNDER_WAY.includes(state) && engine.now() < end;) {
    await new Promise<void>((resolve) => engine.after(LOOK_NS, resolve))
    state = (await store.read(`/local/domain/${domain.id}/${MODULE_DIRECTORY}/${name}/state`)) ?? ''
  }
  if (state.startsWith(`${request}ed`)) return
  const [, code = '', ...text] = state.split(':')
  const said = state.startsWith('failed:') ? `${code}: ${text.join(':')}` : `it says "${state}"`
  throw new HostError('LOAD_FAILED', `${name} could not be ${request}ed in ${domain.name}: ${said}`)
}

/** Where a vif stands that was offered the accelerator. */
interface Standing {
  readonly path: string
  readonly phase: string
  /** Why it does not use it, as far as either end knows. */
  readonly refusal: string | undefined
}

/** The vifs that were offered this accelerator, on these hosts. */
function attaching(hosts: readonly Host[], name: string): Standing[] {
  return hosts.flatMap((host) =>
    [...host.guests.values()].flatMap((guest) =>
      [...guest.vifs.values()].flatMap(({ path, vif }) => {
        const back = host.netback.vif(guest.domain.id, vif.handle)
        const backend = back === undefined ? undefined : host.plugins.accelerators.control(back)
        if (backend?.accelerator !== name) return []
        const control = guest.plugins.accelerators.control(vif)
        const phase = control?.phase ?? 'none'
        // A backend half that does not probe is never seen by the guest.
        return [
          { path, phase, refusal: backend.refusal ?? (phase === 'declined' ? control?.refusal : undefined) },
        ]
      }),
    ),
  )
}

/**
 * Wait until every vif to which the accelerator was offered uses it. A vif that was refused, or declined, ends the wait.
 * @throws HostError ATTACH_FAILED with each vif that does not use it, and why
 */
export async function attached(hosts: readonly Host[], { name }: Manifest): Promise<void> {
  const { engine } = hosts[0].driver
  const end = engine.now() + ATTACH_NS
  for (;;) {
    const missing = attaching(hosts, name).filter(({ phase }) => phase !== 'active')
    if (missing.length === 0) return
    const decided = missing.some(({ phase, refusal }) => phase === 'declined' || refusal !== undefined)
    if (engine.now() > end || decided) throw notAttached(name, missing)
    await new Promise<void>((resolve) => engine.after(LOOK_NS, resolve))
  }
}

function notAttached(name: string, missing: readonly Standing[]): HostError {
  const problems = missing.map(({ path, phase, refusal }) =>
    refusal === undefined ? `${path} is ${phase}` : `${path} is ${phase}: ${refusal}`,
  )
  return new HostError(
    'ATTACH_FAILED',
    `${name} did not attach everywhere: ${problems.join('; ')}. The slow path goes on.`,
    problems,
  )
}
