// What this machine has, and what is not available without it.
import { spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { findProgram } from './kernel/programs.js'
import { refusal } from './start/outside.js'

/** One thing that this machine has or lacks. */
export interface Finding {
  readonly name: string
  readonly ok: boolean
  /** What was found, or what is wrong. */
  readonly found: string
  /** What is not available without it, and what to do; empty when it is there. */
  readonly without: string
}

const PROGRAMS = [
  ['ip', 'iproute2', 'real kernel traffic (`netaccel start` replays a capture instead)'],
  ['unshare', 'util-linux', 'real kernel traffic (`netaccel start` replays a capture instead)'],
  ['nsenter', 'util-linux', 'real kernel traffic (`netaccel start` replays a capture instead)'],
  ['setpriv', 'util-linux', 'real kernel traffic (`netaccel start` replays a capture instead)'],
  ['iperf3', 'iperf3', 'the usual TCP load (a plain TCP program of ours takes its place)'],
  ['ping', 'iputils-ping', 'ICMP beside the load'],
  ['npm', 'npm', '`netaccel add`, and builds before `netaccel test`'],
  ['gcc', 'gcc', 'comparisons with C in `npm run bench` and in tests'],
] as const

/** Look at everything that some command can use. */
export async function examine(): Promise<Finding[]> {
  return [
    nodeVersion(),
    await libc(),
    tun(),
    namespaces(),
    ...PROGRAMS.map(([name, debian, without]) => program(name, debian, without)),
    realTraffic(),
  ]
}

function nodeVersion(): Finding {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const ok = major > 20 || (major === 20 && minor >= 19)
  return finding('node', ok, process.versions.node, 'everything: netaccel needs Node 20.19 or newer')
}

/** TAP devices are reached through the C library. */
async function libc(): Promise<Finding> {
  const { TapSet } = await import('@netaccel/ports')
  const why = await TapSet.open().then(
    () => undefined,
    (error: Error) => error.message,
  )
  return finding(
    'C library',
    why === undefined,
    why ?? 'can be called',
    'TAP devices: install koffi for this platform',
  )
}

function tun(): Finding {
  const without = 'TAP devices: load the module with `modprobe tun`, or run as a user who may open it'
  try {
    accessSync('/dev/net/tun', constants.R_OK | constants.W_OK)
    return finding('/dev/net/tun', true, 'can be opened', without)
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    return finding(
      '/dev/net/tun',
      false,
      missing ? 'does not exist' : 'may not be opened by this user',
      without,
    )
  }
}

function namespaces(): Finding {
  const how = process.getuid?.() === 0 ? '-n' : '-Urn'
  const tried = spawnSync('unshare', [how, 'true'], { encoding: 'utf8', timeout: 10_000 })
  const found =
    tried.status === 0 ? `\`unshare ${how}\` works` : (tried.stderr ?? tried.error?.message ?? '').trim()
  return finding(
    'namespaces',
    tried.status === 0,
    found,
    'private networks: run as root, or allow user namespaces',
  )
}

function program(name: string, debian: string, without: string): Finding {
  const path = findProgram(name)
  return finding(name, path !== undefined, path ?? 'not installed', `${without}; Debian package ${debian}`)
}

function realTraffic(): Finding {
  const why = refusal()
  return finding(
    'real traffic',
    why === undefined,
    why ?? '`netaccel start` will use the kernel',
    '`netaccel start` replays a capture',
  )
}

function finding(name: string, ok: boolean, found: string, without: string): Finding {
  return { name, ok, found, without: ok ? '' : without }
}
