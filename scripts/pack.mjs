// The public packages as npm would publish them.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { packages, root } from './packages.mjs'

/** Run npm, the one that runs us if one does. Its standard output, or an error that says what it said. */
export function npm(args, options = {}) {
  const path = process.env.npm_execpath
  const [command, first] = path?.endsWith('.js') === true ? [process.execPath, [path]] : ['npm', []]
  const { status, stdout, stderr, error } = spawnSync(command, [...first, ...args], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
    ...options,
  })
  if (status !== 0) throw new Error(`npm ${args[0]} failed: ${error?.message ?? `${stdout}${stderr}`.trim()}`)
  return stdout
}

export const published = () => packages().filter((pkg) => pkg.json.private !== true)

/**
 * Pack every public package into a folder. What npm tells of each: `name`, `size` and `unpackedSize` in bytes, `files`;
 * and `path`, where its tarball is.
 */
export function pack(folder) {
  const names = published().flatMap((pkg) => ['--workspace', pkg.json.name])
  const told = npm(['pack', '--json', '--ignore-scripts', '--pack-destination', folder, ...names])
  return JSON.parse(told).map((each) => ({ ...each, path: join(folder, each.filename) }))
}
