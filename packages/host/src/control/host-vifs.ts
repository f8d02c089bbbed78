// A vif is told by its key `accel` whose accelerator it is to use; here somebody waits for what comes of it.
import { HostError } from '../errors.js'
import { statusOfVif, type VifStatus } from '../check/status.js'
import { type Controlled, worldPause } from './controlled.js'

/** The deadlines of the steps of attaching, added up, in ns. */
const ATTACH_NS = 12_000_000_000
/** As long as a backend may take to see that nobody has opened the port that a key names. */
const SETTLE_NS = 50_000_000
const LOOK_NS = 1_000_000

/**
 * Write the key `accel` of a vif and wait until it uses the accelerator of that port, or is known not to. A port that no
 * loaded plugin has opened is no error: the vif goes on by the ring and attaches when one comes.
 * @throws HostError NO_SUCH_PART, ATTACH_FAILED with the reason of either end
 */
export async function attachVif(host: Controlled, path: string, port: string): Promise<VifStatus> {
  const { world } = host
  const ports = portsOf(host, path)
  if (!ports.includes(port))
    throw new HostError(
      'NO_SUCH_PART',
      `There is no port "${port}" for ${path}; there are ${ports.join(', ') || 'none'}. A plugin without hardware is one while it is loaded.`,
      [],
      undefined,
      { given: port, known: ports },
    )
  const from = world.timeline.now()
  await world.setAccel(path, port)
  for (;;) {
    await worldPause(host, LOOK_NS)
    const status = statusAt(host, path)
    const waited = world.timeline.now() - from
    if (status.phase === 'active' || (waited > SETTLE_NS && status.accelerator === null)) return status
    if (waited > SETTLE_NS && (status.refusal !== null || waited > ATTACH_NS))
      throw new HostError(
        'ATTACH_FAILED',
        `${path} does not use ${status.accelerator}: ${status.refusal ?? `it is ${status.phase}`}. The slow path goes on.`,
      )
  }
}

/** Remove the key `accel` of a vif and wait until its accelerator has left. @throws HostError NO_SUCH_PART, NOT_READY */
export async function detachVif(host: Controlled, path: string): Promise<VifStatus> {
  const { world } = host
  const end = world.timeline.now() + ATTACH_NS
  statusAt(host, path)
  await world.setAccel(path, undefined)
  for (;;) {
    await worldPause(host, LOOK_NS)
    const status = statusAt(host, path)
    if (status.phase === 'none' && status.accelerator === null) return status
    if (world.timeline.now() > end)
      throw new HostError('NOT_READY', `${path} has not left its accelerator: it is ${status.phase}.`)
  }
}

function statusAt({ world }: Controlled, path: string): VifStatus {
  return statusOfVif(world.host(world.vif(path).path.split('.', 1)[0]), world.vif(path))
}

/** The NICs of the vif's host, and the plugins without hardware that are loaded there: each is a port of its own. */
function portsOf({ world }: Controlled, path: string): string[] {
  const { nics, hardware, plugins } = world.host(world.vif(path).path.split('.', 1)[0])
  return [...nics.keys(), ...hardware.keys(), ...plugins.loader.loaded.map(({ name }) => name)]
}
