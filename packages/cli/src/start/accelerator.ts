import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import type { World } from '@netaccel/host'
import type { Accelerator } from './experiment.js'

const PACKAGE = '@netaccel/accel-solarflare-sim'

/** The folder of the accelerator that comes with this package. */
export function acceleratorFolder(): string {
  return dirname(createRequire(import.meta.url).resolve(`${PACKAGE}/package.json`))
}

/** The accelerator of the main job, in every host and guest of the world. */
export function solarflare(world: World): Accelerator {
  const require = createRequire(import.meta.url)
  const manifestPath = require.resolve(`${PACKAGE}/package.json`)
  const { netaccel } = require(manifestPath) as { netaccel: { name: string } }
  return {
    name: PACKAGE.replace('@netaccel/', ''),
    load: () => world.load(dirname(manifestPath)),
    unload: async () => void (await world.unload(netaccel.name)),
  }
}
