// Programs of the operating system that some commands can use. None is needed to build, and nothing fails for want of
// one: what uses it says what it skipped.
import { spawnSync } from 'node:child_process'
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { root } from './packages.mjs'

/** `package` is Debian's name; `probe` the program to look for; `commands` which npm scripts can use it. */
export const systemPackages = [
  {
    package: 'iproute2',
    probe: 'ip',
    why: 'gives the TAP devices of a host their addresses and routes',
    commands: ['start', 'test', 'soak', 'bench'],
  },
  {
    package: 'util-linux',
    probe: 'unshare',
    why: 'makes the private network namespaces that stand for the machines of an experiment',
    commands: ['start', 'test', 'soak', 'bench'],
  },
  {
    package: 'iputils-ping',
    probe: 'ping',
    why: 'sends the echo requests of the real-traffic runs',
    commands: ['start', 'test', 'soak'],
  },
  {
    package: 'iperf3',
    probe: 'iperf3',
    why: 'makes the TCP load of the real-traffic runs',
    commands: ['start', 'test', 'soak', 'bench'],
  },
  {
    package: 'gcc',
    probe: 'gcc',
    why: "lets tests compare our byte offsets with a C compiler's",
    commands: ['test', 'soak'],
  },
]

const minutesBetweenTries = 60
const noteFile = join(root, 'node_modules/.cache/netaccel/apt.json')
const apt = [
  '-o',
  'Acquire::Retries=1',
  '-o',
  'Acquire::http::Timeout=20',
  '-o',
  'Acquire::https::Timeout=20',
]

/** True if `program` stands in one of the folders of PATH, or where Debian keeps what only root has in PATH. */
function onPath(program) {
  for (const dir of [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin']) {
    try {
      accessSync(join(dir, program), constants.X_OK)
      return true
    } catch {
      // Not there: the next folder.
    }
  }
  return false
}

const missingFor = (command) => systemPackages.filter((p) => p.commands.includes(command) && !onPath(p.probe))

/** A machine without a network should not wait for apt in every run. */
function triedLately(names) {
  try {
    const note = JSON.parse(readFileSync(noteFile, 'utf8'))
    return note.names === names && Date.now() - note.at < minutesBetweenTries * 60_000
  } catch {
    return false
  }
}

function runApt(args) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const { status } = spawnSync('apt-get', [...apt, '-qq', ...args], {
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
    timeout: 300_000,
  })
  return status === 0
}

function hasLists() {
  const dir = '/var/lib/apt/lists'
  return existsSync(dir) && readdirSync(dir).some((name) => name.includes('_Packages'))
}

function aptInstall(names) {
  const install = () => runApt(['install', '-y', '--no-install-recommends', ...names])
  if (hasLists() && install()) return true
  return runApt(['update']) && install()
}

/** Install, or name, the programs that `command` can use and this machine lacks. */
export function ensureSystemPackages(command, mayInstall) {
  if (process.platform !== 'linux') return
  let missing = missingFor(command)
  if (missing.length === 0) return
  const names = missing.map((p) => p.package)
  if (mayInstall && process.getuid?.() === 0 && onPath('apt-get') && !triedLately(names.join(' '))) {
    for (const p of missing) console.log(`setup: installing the Debian package ${p.package}: it ${p.why}`)
    aptInstall(names)
    missing = missingFor(command)
    const left = missing.map((p) => p.package).join(' ')
    mkdirSync(dirname(noteFile), { recursive: true })
    writeFileSync(noteFile, JSON.stringify({ names: left, at: Date.now() }))
  }
  for (const p of missing) {
    console.log(
      `setup: \`${p.probe}\` is not installed (Debian package ${p.package}): it ${p.why}; what needs it is skipped`,
    )
  }
}
