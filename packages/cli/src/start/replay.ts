import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from '@netaccel/host'
import { readCapture } from '@netaccel/ports'
import { CliError } from '../errors.js'
import { mainJob } from './main-job.js'
import type { StartOptions } from './options.js'
import { consoleOutput } from './output.js'
import { ReplayTraffic } from './replay-traffic.js'
import { mainWorld } from './world.js'

/** The bundled capture, beside `dist`. */
function capturePath(): string {
  const path = fileURLToPath(new URL('../assets/kernel-tcp.pcap', import.meta.url))
  if (existsSync(path)) return path
  throw new CliError('BAD_FILE', `the bundled capture is missing (${path}): install the package again`)
}

/** The main job without a kernel: a capture of kernel traffic through the same two hosts, in virtual time. */
export async function runReplay(options: StartOptions): Promise<number> {
  const output = consoleOutput(options.json)
  let interrupted = false
  const stop = (): void => {
    if (interrupted) process.exit(130)
    interrupted = true
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
  const capture = readCapture(capturePath())
  const world = await build(mainWorld(options.seed, 'virtual'))
  try {
    const traffic = new ReplayTraffic(world, capture)
    return await mainJob({ world, traffic, options, output, interrupted: () => interrupted })
  } finally {
    await world.close()
    process.off('SIGINT', stop)
    process.off('SIGTERM', stop)
  }
}
