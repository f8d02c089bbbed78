import { spawn, spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { CliError, EXIT_CANNOT } from '../errors.js'
import { findProgram } from '../kernel/programs.js'
import { ownCommand } from '../kernel/own-command.js'
import { EXIT_REFUSED } from './inside.js'
import type { StartOptions } from './options.js'
import { consoleOutput } from './output.js'
import { prepareReports } from './report-files.js'
import { runReplay } from './replay.js'

const NEEDED = ['unshare', 'setpriv', 'nsenter', 'ip'] as const

/** The main job. Returns the exit status. */
export async function start(options: StartOptions): Promise<number> {
  prepareReports(options.out)
  if (options.replay) return runReplay(options)
  const output = consoleOutput(options.json)
  const why = refusal()
  const status = why === undefined ? await runPrivately(options) : EXIT_REFUSED
  if (status !== EXIT_REFUSED) return status
  if (why !== undefined) output.line(`start: ${why}`)
  if (options.record !== undefined)
    throw new CliError('REFUSED', 'a capture cannot be recorded without TAP devices')
  output.line('start: replaying the bundled capture of kernel TCP instead')
  return runReplay(options)
}

/** Why this system gives us no private namespace with TAP devices, in one sentence; undefined when it does. */
export function refusal(): string | undefined {
  if (process.platform !== 'linux') return `TAP devices need Linux, this is ${process.platform}`
  const missing = NEEDED.filter((name) => findProgram(name) === undefined)
  if (missing.length > 0)
    return `not installed: ${missing.join(', ')} (Debian packages util-linux and iproute2)`
  try {
    accessSync('/dev/net/tun', constants.R_OK | constants.W_OK)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return code === 'ENOENT' ? '/dev/net/tun does not exist' : 'this user may not open /dev/net/tun'
  }
  const [program, ...args] = [...unshareCommand(), 'true']
  const { status, stderr } = spawnSync(program, args, { encoding: 'utf8', timeout: 10_000 })
  return status === 0
    ? undefined
    : `the system refuses a private network namespace (${(stderr ?? '').trim()})`
}

/**
 * A private network namespace without a name: root's, or one in a user namespace of its own. It goes with its last
 * process. Becoming another user clears the death signal, so it is set afterwards.
 */
function unshareCommand(): string[] {
  const isRoot = process.getuid?.() === 0
  return ['unshare', isRoot ? '-n' : '-Urn', 'setpriv', '--pdeathsig', 'KILL']
}

/** Run ourselves again inside the namespace, and pass on how it ended. */
function runPrivately(options: StartOptions): Promise<number> {
  const [program, ...args] = [...unshareCommand(), ...ownCommand('inside'), JSON.stringify(options)]
  // A session of its own: Ctrl-C reaches us alone, and we pass it on, so that the programs inside end in good order.
  const child = spawn(program, args, { stdio: ['pipe', 'inherit', 'inherit'], detached: true })
  let asked = 0
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  const pass = (): void => void child.kill(++asked > 1 ? 'SIGKILL' : 'SIGTERM')
  for (const signal of signals) process.on(signal, pass)
  return new Promise((resolve, reject) => {
    child.on('error', (error) =>
      reject(new CliError('REFUSED', `${program} cannot be run: ${error.message}`)),
    )
    child.on('close', (code) => {
      for (const signal of signals) process.off(signal, pass)
      resolve(code ?? EXIT_CANNOT)
    })
  })
}
