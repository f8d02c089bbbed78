// A world that keeps running in step with the machine's clock, with a socket to ask it by.
import { basename, dirname, extname, resolve } from 'node:path'
import { HostServer, runDirectoryOf, type World, XenstoredSocket } from '@netaccel/host'
import { EventLog } from './event-log.js'

export interface ServeOptions {
  /** The file that the world was read from. */
  readonly file: string
  /** Seconds of the world's time; undefined: until Ctrl-C, or `netaccel stop`. */
  readonly seconds: number | undefined
  /** Default: the file's own name. */
  readonly name: string | undefined
  readonly runDir: string | undefined
  /** Where lines for a person go. */
  readonly line: (text: string) => void
}

/** Run until somebody ends it. @throws HostError BAD_RUN_DIR, HOST_RUNS before anything runs */
export async function serve(world: World, options: ServeOptions): Promise<void> {
  const { file, seconds, line } = options
  const name = options.name ?? hostName(file)
  const runDir = resolve(options.runDir ?? runDirectoryOf(name))
  let stopped = false
  const stop = (): void => {
    // A second Ctrl-C does not wait for anything.
    if (stopped) process.exit(INTERRUPTED)
    stopped = true
  }
  const server = await HostServer.open({
    world,
    name,
    project: process.cwd(),
    file: resolve(file),
    runDir,
    stop,
  })
  const log = new EventLog(world, line)
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
  try {
    const stores = await XenstoredSocket.openAll(world, runDir)
    try {
      if (server.replaced) line('the sockets of a host that died here were replaced')
      line(greeting(world, name, [server, ...stores]))
      const length = seconds === undefined ? {} : { for: seconds * 1e9 }
      await world.keepRunning({ until: () => stopped, ...length })
    } finally {
      for (const store of stores) await store.close()
    }
  } finally {
    process.off('SIGINT', stop)
    process.off('SIGTERM', stop)
    log.stop()
    await server.close()
  }
}

/** 128 and the number of SIGINT, as shells have it. */
const INTERRUPTED = 130

/** `two-hosts` of `worlds/two-hosts.json`. */
function hostName(file: string): string {
  return basename(file, extname(file)).replaceAll(/[^A-Za-z0-9_.-]/g, '-')
}

function greeting(world: World, name: string, sockets: readonly { readonly path: string }[]): string {
  const guests = [...world.hosts.values()].reduce((sum, host) => sum + host.guests.size, 0)
  const clock = world.timeline.virtual ? 'virtual time in step with the clock' : 'real time'
  return [
    `${name}: ${count(world.hosts.size, 'host')}, ${count(guests, 'guest')}, ${count(world.vifs.length, 'vif')}; ${clock}`,
    `listens at ${dirname(sockets[0].path)}: ${sockets.map(({ path }) => basename(path)).join(', ')}`,
    'from another terminal: netaccel load, unload, attach, detach, status, top, trace, stop; Ctrl-C ends it',
  ].join('\n')
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`
}
