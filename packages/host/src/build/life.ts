// What befalls the guests and vifs of a built world: they move, die, are plugged in and out.
import type { Engine } from '@netaccel/xen'
import { HostError } from '../errors.js'
import type { VifValue } from '../value/world-value.js'
import type { Guest } from './guest.js'
import { readImage } from './guest-image.js'
import type { Host } from './host.js'
import type { World } from './world.js'

const PATIENCE_NS = 10_000_000_000
const LOOK_NS = 100_000

/** See `World.resume`. */
export async function resume(world: World, path: string, hostName: string | undefined): Promise<void> {
  const { name } = world.guest(path)
  const source = hostOf(world, path)
  const target = hostName === undefined ? source : world.host(hostName)
  if (target !== source && target.guests.has(name))
    throw new HostError('NAME_TAKEN', `${target.name} has a guest "${name}" already; rename one of them.`)
  const guest = await source.moveGuest(name, target)
  await running(target, guest)
}

/** See `World.save`. */
export async function save(world: World, path: string): Promise<Uint8Array> {
  const guest = world.guest(path)
  if (!guest.suspended) throw new HostError('NOT_READY', `${path} runs; suspend it before it is saved.`)
  return hostOf(world, path).saveGuest(guest)
}

/** See `World.restore`. */
export async function restore(world: World, bytes: Uint8Array, hostName: string): Promise<void> {
  const host = world.host(hostName)
  const image = readImage(bytes)
  if (host.guests.has(image.name))
    throw new HostError('NAME_TAKEN', `${hostName} has a guest "${image.name}" already; rename one of them.`)
  const macs = new Set(Object.values(image.value.vifs).map(({ mac }) => mac.toLowerCase()))
  const twin = world.vifs.find(({ mac }) => macs.has(mac.toLowerCase()))
  if (twin !== undefined)
    throw new HostError('NAME_TAKEN', `${twin.path} has the MAC ${twin.mac} of the saved ${image.name}.`)
  await running(host, await host.restoreGuest(image))
}

/** See `World.destroy`. */
export async function destroy(world: World, path: string): Promise<void> {
  const { name, domain } = world.guest(path)
  const host = hostOf(world, path)
  await host.destroyGuest(name)
  await until(host.driver.engine, `the backends of ${path} are still there`, () =>
    host.netback.vifs.every(({ guest }) => guest !== domain.id),
  )
}

/** See `World.plug`. */
export async function plug(world: World, path: string, value: VifValue): Promise<void> {
  const [guest, name] = split(world, path)
  await guest.plug(name, value)
  await running(hostOf(world, path), guest)
}

/** See `World.unplug`. */
export async function unplug(world: World, path: string): Promise<void> {
  const [guest, name] = split(world, path)
  const { vif } = world.vif(path)
  const host = hostOf(world, path)
  await guest.unplug(name)
  const gone = (): boolean =>
    vif.state === 'closed' && host.netback.vif(guest.domain.id, vif.handle) === undefined
  await until(host.driver.engine, `${path} has not gone`, gone)
}

/** See `World.setAccel`. */
export async function setAccel(world: World, path: string, port: string | undefined): Promise<void> {
  const [guest, name] = split(world, path)
  await guest.setAccel(name, port)
}

function hostOf(world: World, path: string): Host {
  return world.host(path.split('.', 1)[0])
}

function split(world: World, path: string): [guest: Guest, vif: string] {
  const [host = '', guest = '', vif = ''] = path.split('.')
  return [world.guest(`${host}.${guest}`), vif]
}

/** Every vif of the guest carries frames. */
function running(host: Host, guest: Guest): Promise<void> {
  const wanted = Object.keys(guest.value.vifs)
  return until(host.driver.engine, `the vifs of ${host.name}.${guest.name} have not connected`, () =>
    wanted.every((name) => guest.vifs.get(name)?.vif.running === true),
  )
}

async function until(engine: Engine, what: string, done: () => boolean): Promise<void> {
  const end = engine.now() + PATIENCE_NS
  while (!done()) {
    if (engine.now() > end) throw new HostError('NOT_READY', `After 10 s ${what}.`)
    await new Promise<void>((resolve) => engine.after(LOOK_NS, resolve))
  }
}
