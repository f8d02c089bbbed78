// npm run check: what is looked at without running a test. One line for each check, its findings below it when it
// fails. `--report FILE` writes the outcome as JSON, `--only NAME...` runs some.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { checkApi } from './api-reports.mjs'
import { checkLayers } from './check-layers.mjs'
import { checkPackages } from './check-packages.mjs'
import { checkSizes } from './check-sizes.mjs'
import { pack } from './pack.mjs'
import { root } from './packages.mjs'
import { readArgs, setup } from './setup.mjs'

const bin = (path) => join(root, 'node_modules', path)

/** A program's outcome: nothing when it ended with 0, otherwise what it printed. */
function program(script, args, cwd = root) {
  const env = { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0' }
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args], {
    cwd,
    env,
    encoding: 'utf8',
  })
  if (status === 0) return []
  const said = `${stdout}${stderr}`.trim().split('\n')
  return said.join('') === '' ? [`exit code ${status}`] : said
}

let tarballs

/** The public packages as npm would publish them, packed once. */
function packed() {
  if (tarballs !== undefined) return tarballs
  const dir = mkdtempSync(join(tmpdir(), 'netaccel-pack-'))
  process.on('exit', () => rmSync(dir, { recursive: true, force: true }))
  tarballs = pack(dir)
  return tarballs
}

const eachTarball = (script, args) => packed().flatMap(({ path }) => program(script, [...args, path]))

const checks = {
  lint: () => program(bin('oxlint/bin/oxlint'), []),
  format: () => program(bin('oxfmt/bin/oxfmt'), ['--check']),
  types: () => program(bin('typescript/bin/tsc'), ['-p', 'tsconfig.tests.json']),
  layers: checkLayers,
  manifests: checkPackages,
  knip: () => program(bin('knip/bin/knip.js'), ['--no-progress', '--no-config-hints']),
  publint: () => eachTarball(bin('publint/src/cli.js'), ['run', '--strict']),
  attw: () =>
    eachTarball(bin('@arethetypeswrong/cli/dist/index.js'), [
      '--profile',
      'esm-only',
      '--no-definitely-typed',
      '--no-emoji',
    ]),
  sizes: () => checkSizes(packed()),
  api: () => checkApi(),
}

const { install, args } = readArgs()
const reportFile = args.includes('--report') ? args[args.indexOf('--report') + 1] : undefined
const only = args.includes('--only')
  ? args.slice(args.indexOf('--only') + 1).filter((arg) => !arg.startsWith('--'))
  : []
const unknown = only.filter((name) => checks[name] === undefined)
if (unknown.length > 0) {
  console.error(`check: no check is named ${unknown.join(', ')}; there are ${Object.keys(checks).join(', ')}`)
  process.exit(1)
}

setup('check', { install })
const report = { ok: 0, failed: 0, checks: {} }
for (const [name, check] of Object.entries(checks)) {
  if (only.length > 0 && !only.includes(name)) continue
  let findings
  try {
    findings = await check()
  } catch (error) {
    findings = [String(error)]
  }
  console.log(`${name.padEnd(10)} ${findings.length === 0 ? 'ok' : 'failed'}`)
  for (const line of findings) console.log(`  ${line}`)
  report.checks[name] = findings.length === 0
  if (findings.length === 0) report.ok++
  else report.failed++
}
if (reportFile !== undefined) writeFileSync(reportFile, `${JSON.stringify(report)}\n`)
process.exitCode = report.failed === 0 ? 0 : 1
