// Puts the templates into dist, beside a table of the versions that a new package depends on: those of this repository
// when it was built.
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const own = dirname(dirname(fileURLToPath(import.meta.url)))
const root = dirname(dirname(own))
const dist = join(own, 'dist')
const read = (...path) => JSON.parse(readFileSync(join(...path), 'utf8'))

mkdirSync(dist, { recursive: true })
// What is gone from the templates goes afterwards, so that no file which a running test reads is missing meanwhile.
cpSync(join(own, 'templates'), join(dist, 'templates'), { recursive: true })
for (const path of readdirSync(join(dist, 'templates'), { recursive: true }))
  if (!existsSync(join(own, 'templates', path)))
    rmSync(join(dist, 'templates', path), { recursive: true, force: true })

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
