// What the workspace holds, in dependency order. The order is read from each package.json, so adding a package means
// adding a folder; the layers in `layers.mjs` are the rule it is checked against.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** Every folder of `packages/` with a package.json, each after all that it depends on. */
export function packages() {
  const found = new Map()
  for (const name of readdirSync(join(root, 'packages')).sort()) {
    const dir = join(root, 'packages', name)
    const file = join(dir, 'package.json')
    if (existsSync(file)) found.set(name, { name, dir, json: JSON.parse(readFileSync(file, 'utf8')) })
  }
  const ordered = []
  const state = new Map()
  const visit = (pkg, trail) => {
    if (state.get(pkg.name) === 'done') return
    if (state.get(pkg.name) === 'open')
      throw new Error(`packages depend on each other in a circle: ${[...trail, pkg.name].join(' -> ')}`)
    state.set(pkg.name, 'open')
    for (const name of upstream(pkg)) if (found.has(name)) visit(found.get(name), [...trail, pkg.name])
    state.set(pkg.name, 'done')
    ordered.push(pkg)
  }
  for (const pkg of found.values()) visit(pkg, [])
  return ordered
}

/** Folder names of the workspace packages that `pkg` names in any of its dependency lists. */
export function upstream(pkg) {
  const { dependencies, peerDependencies, devDependencies } = pkg.json
  const names = Object.keys({ ...dependencies, ...peerDependencies, ...devDependencies })
  return names.filter((name) => name.startsWith('@netaccel/')).map((name) => name.slice('@netaccel/'.length))
}

/** Every file under `dir`, deepest last; folders named in `skip` are not entered. */
export function filesUnder(dir, skip = ['node_modules', 'dist', 'generated']) {
  if (!existsSync(dir)) return []
  const files = []
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    const path = join(dir, entry.name)
    if (entry.isDirectory()) {
      if (!skip.includes(entry.name)) files.push(...filesUnder(path, skip))
    } else files.push(path)
  }
  return files
}

/** The newest change among `files`, in milliseconds; 0 when there are none. */
export function newest(files) {
  let latest = 0
  for (const file of files) latest = Math.max(latest, statSync(file).mtimeMs)
  return latest
}
