// Puts the templates into dist, beside a table of the versions that a new package depends on: those of this repository
// when it was built.
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const own = dirname(dirname(fileURLToPath(import.meta.url)))
const root = dirname(dirname(own))
const dist = join(own, 'dist')
const read = (...path) => JSON.parse(readFileSync(join(...path), 'utf8'))

mkdirSync(dist, { recursive: true })
rmSync(join(dist, 'templates'), { recursive: true, force: true })
cpSync(join(own, 'templates'), join(dist, 'templates'), { recursive: true })

const ours = {}
for (const folder of readdirSync(join(root, 'packages')).sort()) {
  const { name, version } = read(root, 'packages', folder, 'package.json')
  if (folder !== 'create-accelerator') ours[name] = version
}
const { devDependencies: theirs } = read(root, 'package.json')
const peer = read(root, 'packages/accel-dummy/package.json').peerDependencies['@netaccel/core']
const named = ['@changesets/cli', '@types/node', 'tsup', 'typescript', 'vitest']
const versions = { ours, theirs: Object.fromEntries(named.map((name) => [name, theirs[name]])), peer }
writeFileSync(join(dist, 'versions.json'), `${JSON.stringify(versions, null, 2)}\n`)
