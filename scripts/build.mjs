// Builds the packages in dependency order: the package's own prebuild hook, `tsc` (types, checked and emitted), `tsup`
// (JavaScript).
//
//   node scripts/build.mjs                     what is out of date
//   node scripts/build.mjs --force             everything
//   node scripts/build.mjs --only xen core     these, always, against the dist of the packages they depend on
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import { filesUnder, newest, packages, root, upstream } from './packages.mjs'

const tsc = join(root, 'node_modules/typescript/bin/tsc')
const tsup = join(root, 'node_modules/tsup/dist/cli-default.js')

const stampOf = (pkg) => join(pkg.dir, 'dist/build.tsbuildinfo')

/** A package is current when its stamp is newer than its sources, its configuration and the stamps of its upstream. */
function isCurrent(pkg, all) {
  const stamp = stampOf(pkg)
  if (!existsSync(stamp) || !existsSync(join(pkg.dir, 'dist/index.js'))) return false
  const sources = filesUnder(pkg.dir).filter((file) => !/\.test\.ts$|\.md$|LICENSE$/.test(file))
  const shared = ['tsconfig.base.json', 'scripts/tsup-preset.mjs', 'package-lock.json'].map((file) =>
    join(root, file),
  )
  const above = upstream(pkg).flatMap((name) => all.filter((other) => other.name === name).map(stampOf))
  if (!above.every((file) => existsSync(file))) return false
  return newest([stamp]) >= newest([...sources, ...shared.filter((file) => existsSync(file)), ...above])
}

function run(what, pkg, script, args) {
  const { status, signal } = spawnSync(process.execPath, [script, ...args], {
    cwd: pkg.dir,
    stdio: 'inherit',
  })
  if (status === 0) return true
  console.error(`build: ${pkg.name}: ${what} failed (${signal ?? `exit code ${status}`})`)
  return false
}

/**
 * Remove what an earlier build left in dist and this one did not make. It is done afterwards, so that no file a running
 * test imports is missing meanwhile.
 */
function sweep(pkg, from) {
  const dist = join(pkg.dir, 'dist')
  for (const file of filesUnder(dist, [])) {
    const source = join(pkg.dir, 'src', relative(dist, file).replace(/\.d\.ts$/, '.ts'))
    const isStale = file.endsWith('.d.ts')
      ? !existsSync(source)
      : /\.(c?js|map)$/.test(file) && statSync(file).mtimeMs < from
    if (isStale) rmSync(file)
  }
}

function buildOne(pkg) {
  const hook = join(pkg.dir, 'scripts/prebuild.mjs')
  const stamp = stampOf(pkg)
  // The stamp is removed first, so a build that fails half way is not taken for a finished one.
  rmSync(stamp, { force: true })
  const from = Date.now()
  if (existsSync(hook) && !run('scripts/prebuild.mjs', pkg, hook, [])) return false
  if (!run('tsc', pkg, tsc, ['-p', 'tsconfig.json'])) return false
  if (!run('tsup', pkg, tsup, ['--silent'])) return false
  // A second is left for file systems that count in seconds.
  sweep(pkg, from - 1000)
  const license = join(root, 'LICENSE')
  if (existsSync(license)) copyFileSync(license, join(pkg.dir, 'LICENSE'))
  writeFileSync(stamp, '')
  // What is edited while it is being built is newer than the stamp.
  utimesSync(stamp, from / 1000, from / 1000)
  return true
}

function fail(sentence) {
  console.error(`build: ${sentence}`)
  return 1
}

/** Returns the exit code. */
export function build(args) {
  if (!existsSync(tsc)) return fail('node_modules is missing; run `npm ci` first')
  const all = packages()
  const force = args.includes('--force')
  const only = args.includes('--only')
    ? args.slice(args.indexOf('--only') + 1).filter((arg) => !arg.startsWith('--'))
    : null
  if (only?.length === 0) return fail('--only needs the names of packages, for example: --only packet xen')
  const unknown = only?.filter((name) => !all.some((pkg) => pkg.name === name)) ?? []
  if (unknown.length > 0)
    return fail(`no such package: ${unknown.join(', ')}; there are ${all.map((p) => p.name).join(', ')}`)
  for (const pkg of all) {
    if (only !== null ? !only.includes(pkg.name) : !force && isCurrent(pkg, all)) continue
    const from = process.hrtime.bigint()
    if (!buildOne(pkg)) return 1
    console.log(`built ${pkg.name} (${Number((process.hrtime.bigint() - from) / 1_000_000n)} ms)`)
  }
  return 0
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href)
  process.exitCode = build(process.argv.slice(2))
