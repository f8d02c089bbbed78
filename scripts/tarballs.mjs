// All public packages in an empty folder, installed by npm from tarballs as a user would have them from the registry.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { npm, pack, published } from './pack.mjs'
import { root } from './packages.mjs'

const readJson = (folder) => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))

/** The folder of a package as a package in `from` finds it; undefined for one that this platform does not have. */
function resolve(name, from) {
  const here = join(from, 'node_modules', name)
  if (existsSync(join(here, 'package.json'))) return here
  return from === root ? undefined : resolve(name, dirname(from))
}

/** Folders of what our packages need from others, and what that needs. */
function thirdParty() {
  const found = new Map()
  const visit = (json, from) => {
    for (const name of Object.keys({ ...json.dependencies, ...json.optionalDependencies })) {
      const folder = resolve(name, from)
      if (folder === undefined || name.startsWith('@netaccel/') || found.has(name)) continue
      found.set(name, folder)
      visit(readJson(folder), folder)
    }
  }
  for (const pkg of published()) visit(pkg.json, pkg.dir)
  return [...found.values()]
}

/** Tarballs of our packages, and of all that they need: without these npm would ask the registry. By name. */
export function makeTarballs(folder) {
  const others = npm(['pack', '--json', '--ignore-scripts', '--pack-destination', folder, ...thirdParty()])
  const all = [...pack(folder), ...JSON.parse(others)]
  return new Map(all.map(({ name, filename }) => [name, join(folder, filename)]))
}

/** Make `folder` a project with these tarballs as its dependencies, and install them. No network is asked. */
export function installTarballs(folder, tarballs) {
  const dependencies = Object.fromEntries([...tarballs].map(([name, path]) => [name, `file:${path}`]))
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, dependencies }, null, 2))
  const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  npm(['install', '--offline', '--cache', join(folder, '.npm'), ...quiet], { cwd: folder })
}
