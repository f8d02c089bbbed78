// What every entry script does first: dependencies, programs, build. Plain Node, so it runs on a fresh clone.
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from './build.mjs'
import { root } from './packages.mjs'
import { ensureSystemPackages } from './system-packages.mjs'

const lock = join(root, 'package-lock.json')
const installedLock = join(root, 'node_modules/.package-lock.json')
const stamp = join(root, 'node_modules/.netaccel-lock')

const lockHash = () => createHash('sha256').update(readFileSync(lock)).digest('hex')

/** Installed by us from this very lock file, or by npm after the lock file was written. */
function dependenciesAreCurrent() {
  if (!existsSync(installedLock)) return false
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lockHash()) return true
  return statSync(installedLock).mtimeMs >= statSync(lock).mtimeMs
}

function installDependencies() {
  console.log('setup: installing the npm packages that package-lock.json names, into node_modules (npm ci)')
  const args = ['ci', '--no-audit', '--no-fund', '--loglevel=error']
  const npm = process.env.npm_execpath
  const { status, error } =
    npm?.endsWith('.js') === true
      ? spawnSync(process.execPath, [npm, ...args], { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] })
      : spawnSync('npm', args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] })
  if (status === 0) {
    writeFileSync(stamp, lockHash())
    return true
  }
  console.error(
    `setup: npm ci failed${error ? ` (${error.message})` : ''}; it needs npm and a reachable package registry`,
  )
  return false
}

function nodeIsRecent() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > 20 || (major === 20 && minor >= 19)) return true
  console.error(`setup: Node ${process.versions.node} is too old; netaccel needs 20.19 or newer`)
  return false
}

/** Make `command` able to run. Ends the process with code 1 and a sentence when it cannot. */
export function setup(command, { install }) {
  if (!nodeIsRecent()) process.exit(1)
  if (!dependenciesAreCurrent()) {
    if (!install && !existsSync(installedLock)) {
      console.error('setup: node_modules is missing and --no-install was given; run `npm ci`')
      process.exit(1)
    }
    if (!install)
      console.error(
        'setup: node_modules is older than package-lock.json; going on, as --no-install was given',
      )
    else if (!installDependencies()) process.exit(1)
  }
  ensureSystemPackages(command, install)
  if (build([]) !== 0) process.exit(1)
}

/** The arguments without ours. */
export function readArgs() {
  const given = process.argv.slice(2)
  return { install: !given.includes('--no-install'), args: given.filter((arg) => arg !== '--no-install') }
}

/**
 * Run a Node script to its end and give its exit code. A Ctrl-C reaches the child by itself, as it is in our process
 * group; we only stay to pass on how it ended.
 */
export function runNode(script, args, env = {}) {
  const child = spawn(process.execPath, [script, ...args], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...env },
  })
  const stay = () => {}
  const forward = () => child.kill('SIGTERM')
  process.on('SIGINT', stay)
  process.on('SIGTERM', forward)
  return new Promise((resolve) => {
    child.on('error', (error) => {
      console.error(`cannot run ${script}: ${error.message}`)
      resolve(1)
    })
    child.on('close', (code, signal) => {
      process.off('SIGINT', stay)
      process.off('SIGTERM', forward)
      resolve(code ?? (signal === 'SIGINT' ? 130 : 143))
    })
  })
}

export const vitest = join(root, 'node_modules/vitest/vitest.mjs')
