import { type Manifest, type PluginPackage, readPlugin } from '@netaccel/core'
import { HostError } from '../errors.js'
import type { Host } from './host.js'

/** How long attaching may take before it is given up, in ns: the deadlines of its steps, added up. */
const ATTACH_NS = 12_000_000_000
const LOOK_NS = 50_000

/** Read a plugin's package without running its code. @throws AcceleratorError BAD_MANIFEST and the like */
export function readPackage(folder: string): PluginPackage {
  return readPlugin(folder)
}

/** Backend halves first: a guest that hears of an accelerator finds its other half there. */
export async function loadInto(hosts: readonly Host[], plugin: PluginPackage): Promise<void> {
  const { manifest } = plugin
  for (const host of hosts)
    if (manifest.backend !== undefined) await host.plugins.loader.load(plugin, 'backend')
  for (const host of hosts) {
    if (manifest.frontend === undefined) continue
    for (const guest of host.guests.values()) await guest.plugins.loader.load(plugin, 'frontend')
  }
}

/** Guests let go first, then the driver domains. A half that is not loaded is none to unload. */
export async function unloadFrom(hosts: readonly Host[], name: string): Promise<void> {
  await Promise.all(
    hosts.flatMap((host) =>
      [...host.guests.values()].map((guest) => guest.plugins.loader.unload(name, 'frontend')),
    ),
  )
  await Promise.all(hosts.map((host) => host.plugins.loader.unload(name, 'backend')))
}

/** A vif's frontend control, of the guests whose vifs were offered this accelerator. */
function attaching(hosts: readonly Host[], name: string): { path: string; phase: string }[] {
  return hosts.flatMap((host) =>
    [...host.guests.values()].flatMap((guest) =>
      [...guest.vifs.values()].flatMap(({ path, vif }) => {
        const back = host.netback.vif(guest.domain.id, vif.handle)
        const offered = back === undefined ? undefined : host.plugins.accelerators.control(back)?.accelerator
        const phase = guest.plugins.accelerators.control(vif)?.phase ?? 'none'
        return offered === name ? [{ path, phase }] : []
      }),
    ),
  )
}

/**
 * Wait until every vif to which the accelerator was offered uses it. A vif that declined ends the wait.
 * @throws HostError ATTACH_FAILED with the vifs and the states they are in
 */
export async function attached(hosts: readonly Host[], { name }: Manifest): Promise<void> {
  const { engine } = hosts[0].driver
  const end = engine.now() + ATTACH_NS
  for (;;) {
    const vifs = attaching(hosts, name)
    if (vifs.every(({ phase }) => phase === 'active')) return
    if (engine.now() > end || vifs.some(({ phase }) => phase === 'declined')) {
      const states = vifs.map(({ path, phase }) => `${path} is ${phase}`).join(', ')
      throw new HostError(
        'ATTACH_FAILED',
        `${name} did not attach everywhere: ${states}. The slow path goes on.`,
      )
    }
    await new Promise<void>((resolve) => engine.after(LOOK_NS, resolve))
  }
}
