// Runs in the private namespace that `outside.ts` has made: TAPs, guests' namespaces, the world in real time.
import { build, type World } from '@netaccel/host'
import { TapSet } from '@netaccel/ports'
import { CleanupStack, RealClock } from '@netaccel/xen'
import { EXIT_CANNOT, textOf } from '../errors.js'
import { KernelTraffic } from '../kernel/kernel-traffic.js'
import type { KernelTrafficOptions } from '../kernel/kernel-traffic.js'
import { ownCommand } from '../kernel/own-command.js'
import { mainJob } from './main-job.js'
import type { StartOptions } from './options.js'
import { consoleOutput } from './output.js'
import { recordCapture } from './record.js'
import { mainWorld } from './world.js'

/** Exit status that tells the outer process: the system refuses, replay instead. */
export const EXIT_REFUSED = 77

export async function runInside(options: StartOptions): Promise<number> {
  const output = consoleOutput(options.json)
  let interrupted = false
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => (interrupted = true))
  // The pipe from the outer process: when it is gone, so are we, and the kernel takes the rest.
  process.stdin.on('end', () => process.exit(EXIT_CANNOT)).resume()
  const cleanup = new CleanupStack()
  try {
    const { world, set } = await openWorld(options, cleanup)
    if (options.record !== undefined)
      return await recordCapture(world, set, ownCommand('program'), options.record, output)
    const traffic = await openTraffic(world, set, { own: ownCommand('program') }, cleanup)
    if (typeof traffic === 'string') {
      output.line(`start: ${traffic}`)
      return EXIT_REFUSED
    }
    return await mainJob({ world, traffic, options, output, interrupted: () => interrupted })
  } finally {
    await cleanup.run()
  }
}

async function openWorld(
  options: StartOptions,
  cleanup: CleanupStack,
): Promise<{ world: World; set: TapSet }> {
  const set = await TapSet.open()
  const timeline = new RealClock({ idle: set.idle })
  const world = await build(mainWorld(options.seed, 'real'), { timeline })
  cleanup.push('world', () => world.close())
  return { world, set }
}

/** The sentence with which the system refused, in place of the traffic. */
async function openTraffic(
  world: World,
  set: TapSet,
  options: KernelTrafficOptions,
  cleanup: CleanupStack,
): Promise<KernelTraffic | string> {
  try {
    const traffic = await world.drive(KernelTraffic.open(world, set, options))
    cleanup.push('traffic', () => world.drive(traffic.close()))
    return traffic
  } catch (error) {
    return textOf(error)
  }
}
