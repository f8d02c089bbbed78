// Holds the imports of every package to `layers.mjs`: the order of the packages, what package.json declares, the one
// file of a driver that knows of accelerators, and no circle of files inside a package (`import type` is erased and
// closes none).
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { acceleratorOnly, layers, narrower } from './layers.mjs'
import { filesUnder, packages, root } from './packages.mjs'

/** A test, or what only tests use: it stands in a folder `test` or `testing`. */
const isTest = (file) => file.endsWith('.test.ts') || /\/src\/(?:.*\/)?test(?:ing)?\//.test(file)
const rank = (name) => layers.findIndex((row) => row.includes(name))

/** Every import and re-export of one source text: the module, the names taken, and whether only types are. */
export function importsOf(text) {
  const code = text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '')
  const found = []
  for (const [, names, module] of code.matchAll(
    /^\s*(?:import|export)\b([^'"`;=()]*?)\bfrom\s*['"]([^'"]+)['"]/gm,
  )) {
    found.push({ module, names: names.match(/\w+/g) ?? [], erased: /^\s*type\b/.test(names) })
  }
  for (const [, module] of code.matchAll(/\bimport\s*\(\s*['"]([^'"]+)['"]\s*\)/g))
    found.push({ module, names: [] })
  for (const [, module] of code.matchAll(/^\s*import\s*['"]([^'"]+)['"]/gm)) found.push({ module, names: [] })
  return found
}

/** What is wrong with one import of a workspace package by `file` of `pkg`. */
export function checkWorkspaceImport(pkg, file, { module, names }) {
  const [, target, rest] = module.match(/^@netaccel\/([^/]+)(\/.*)?$/) ?? []
  const inPackage = relative(pkg.dir, file)
  const problems = []
  if (rest !== undefined && !isExported(target, `.${rest}`))
    problems.push(`reaches into ${module}; only what its "exports" names is public`)
  if (target === pkg.name) problems.push(`imports its own package by name; use a relative path`)
  else if (rank(target) < 0) problems.push(`imports ${module}, which has no row in scripts/layers.mjs`)
  else if (rank(target) >= rank(pkg.name)) problems.push(`imports ${module}, which is not in a lower layer`)
  const allowed = narrower[pkg.name]
  if (!isTest(file) && allowed !== undefined && !allowed.includes(target)) {
    problems.push(`imports ${module}; sources of ${pkg.name} may import only ${allowed.join(', ')}`)
  }
  const { dependencies, peerDependencies, devDependencies } = pkg.json
  const declared = {
    ...dependencies,
    ...peerDependencies,
    ...(isTest(file) || isBundled(pkg) ? devDependencies : {}),
  }
  if (declared[`@netaccel/${target}`] === undefined)
    problems.push(`imports ${module}, which package.json does not declare`)
  const mayNameAccelerators = isTest(file) || acceleratorOnly.files.test(inPackage)
  if (acceleratorOnly.packages.includes(pkg.name) && target === 'core' && !mayNameAccelerators) {
    const taken = names.filter((name) => acceleratorOnly.names.test(name))
    if (taken.length > 0)
      problems.push(`takes ${taken.join(', ')} from core; only accelerate.ts and accelerate/ may`)
  }
  return problems
}

/** `path` is one of the entries that the package's own package.json offers. */
function isExported(name, path) {
  const file = join(root, 'packages', name, 'package.json')
  return existsSync(file) && JSON.parse(readFileSync(file, 'utf8')).exports?.[path] !== undefined
}

/** A plugin's artefacts carry the constants of their hardware with them, so these are development dependencies. */
const isBundled = (pkg) => pkg.json.netaccel !== undefined

function resolveRelative(file, module) {
  const path = resolve(dirname(file), module).replace(/\.(js|cjs|mjs)$/, '')
  return [`${path}.ts`, `${path}.d.ts`, join(path, 'index.ts'), path].find((candidate) =>
    existsSync(candidate),
  )
}

/** One sentence for each circle of files, each circle once. */
export function circles(graph) {
  const done = new Set()
  const trail = []
  const found = []
  const visit = (file) => {
    if (done.has(file)) return
    const at = trail.indexOf(file)
    if (at >= 0) {
      found.push([...trail.slice(at), file])
      return
    }
    trail.push(file)
    for (const next of graph.get(file) ?? []) visit(next)
    trail.pop()
    done.add(file)
  }
  for (const file of graph.keys()) visit(file)
  return found
}

function checkPackage(pkg) {
  if (rank(pkg.name) < 0) return [`${pkg.name} has no row in scripts/layers.mjs`]
  const problems = []
  const graph = new Map()
  for (const file of filesUnder(join(pkg.dir, pkg.src)).filter((path) => path.endsWith('.ts'))) {
    const say = (what) => problems.push(`${relative(root, file)} ${what}`)
    const inside = []
    for (const found of importsOf(readFileSync(file, 'utf8'))) {
      if (found.module.startsWith('@netaccel/')) checkWorkspaceImport(pkg, file, found).forEach(say)
      if (!found.module.startsWith('.')) continue
      const target = resolveRelative(file, found.module)
      if (target === undefined) {
        if (!found.module.includes('/generated/')) say(`imports ${found.module}, which does not exist`)
      } else if (relative(pkg.dir, target).startsWith('..'))
        say(`imports ${found.module}, outside its package`)
      else if (found.erased !== true) inside.push(target)
    }
    graph.set(file, inside)
  }
  for (const circle of circles(graph)) {
    problems.push(
      `files import each other in a circle: ${circle.map((file) => relative(root, file)).join(' -> ')}`,
    )
  }
  return problems
}

/** Every problem, one sentence each. */
export function checkLayers() {
  const outer = ['examples', 'bench'].map((name) => {
    const dir = join(root, name)
    return { name, dir, src: '.', json: JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8')) }
  })
  return [...packages().map((pkg) => ({ ...pkg, src: 'src' })), ...outer].flatMap(checkPackage)
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const problems = checkLayers()
  for (const problem of problems) console.error(problem)
  process.exitCode = problems.length === 0 ? 0 : 1
}
