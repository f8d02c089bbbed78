// The public interface of each package, as API Extractor reads it from the built declarations, is kept beside it in
// `api.md` (and one for each further entry), so that a change of it is seen in a review.
//
//   node scripts/api-reports.mjs --write [NAME...]     writes the reports of all packages, or of these
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import { published } from './pack.mjs'
import { root } from './packages.mjs'

const WRITE = 'node scripts/api-reports.mjs --write'
const SUFFIX = 'api.md'

/** Entries with types: `.` has the report `api.md`, `./constants` has `constants.api.md`. */
function entriesOf(pkg) {
  return Object.entries(pkg.json.exports)
    .filter(([, to]) => to.types !== undefined)
    .map(([name, to]) => ({
      declarations: join(pkg.dir, to.types),
      report: join(pkg.dir, name === '.' ? SUFFIX : `${name.slice(2)}.${SUFFIX}`),
    }))
}

const compilerOptions = {
  target: 'es2023',
  lib: ['es2023'],
  module: 'nodenext',
  moduleResolution: 'nodenext',
  types: ['node'],
  strict: true,
  skipLibCheck: true,
}

/** The report of one entry, and what kept it from being written. */
function extract({ Extractor, ExtractorConfig }, pkg, entry, folder) {
  const complaints = []
  const quiet = { default: { logLevel: 'none' } }
  const configObject = {
    projectFolder: pkg.dir,
    mainEntryPointFilePath: entry.declarations,
    compiler: {
      overrideTsconfig: {
        compilerOptions,
        files: [entry.declarations, join(root, 'types/webassembly.d.ts')],
      },
    },
    apiReport: {
      enabled: true,
      reportFileName: 'report',
      reportFolder: folder,
      reportTempFolder: join(folder, 'temp'),
      includeForgottenExports: true,
    },
    docModel: { enabled: false },
    dtsRollup: { enabled: false },
    tsdocMetadata: { enabled: false },
    newlineKind: 'lf',
    // What the compiler says matters; tags and links in comments are the lint's and the reader's.
    messages: {
      compilerMessageReporting: { default: { logLevel: 'error' } },
      extractorMessageReporting: quiet,
    },
  }
  configObject.messages.tsdocMessageReporting = quiet
  const config = ExtractorConfig.prepare({
    configObject,
    configObjectFullPath: undefined,
    packageJsonFullPath: join(pkg.dir, 'package.json'),
  })
  Extractor.invoke(config, {
    localBuild: true,
    messageCallback(message) {
      if (message.logLevel === 'error') complaints.push(`${pkg.json.name}: ${message.text}`)
      message.handled = true
    },
  })
  return { complaints, text: readFileSync(join(folder, 'report.api.md'), 'utf8') }
}

/** Reports that no entry has. */
function orphans(pkg) {
  const wanted = entriesOf(pkg).map(({ report }) => report)
  const there = readdirSync(pkg.dir).filter((name) => name.endsWith(SUFFIX))
  return there.map((name) => join(pkg.dir, name)).filter((file) => !wanted.includes(file))
}

function difference(before, now) {
  const lines = (text) => new Set(text.split('\n'))
  const [old, fresh] = [lines(before), lines(now)]
  const gone = [...old].filter((line) => !fresh.has(line)).map((line) => `- ${line.trim()}`)
  const come = [...fresh].filter((line) => !old.has(line)).map((line) => `+ ${line.trim()}`)
  const all = [...gone, ...come]
  return all.length > 8 ? [...all.slice(0, 8), `and ${all.length - 8} lines more`] : all
}

/** Every finding; with `write` the reports are written instead, and only complaints are found. */
export async function checkApi({ write = false, only = [] } = {}) {
  // It brings a compiler along, which the other checks need not wait for.
  const { default: extractor } = await import('@microsoft/api-extractor')
  const folder = mkdtempSync(join(tmpdir(), 'netaccel-api-'))
  const found = []
  try {
    for (const pkg of published().filter(({ name }) => only.length === 0 || only.includes(name))) {
      for (const entry of entriesOf(pkg)) {
        const { complaints, text } = extract(extractor, pkg, entry, folder)
        found.push(...complaints)
        const before = existsSync(entry.report) ? readFileSync(entry.report, 'utf8') : ''
        if (before === text) continue
        if (write) writeFileSync(entry.report, text)
        else
          found.push(
            `${relative(root, entry.report)} is not what ${pkg.json.name} offers now; if it is meant, \`${WRITE} ${pkg.name}\``,
            ...difference(before, text).map((line) => `  ${line}`),
          )
      }
      for (const file of orphans(pkg)) {
        if (write) rmSync(file)
        else
          found.push(`${relative(root, file)} is the report of no entry; \`${WRITE} ${pkg.name}\` removes it`)
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  return found
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const args = process.argv.slice(2)
  const write = args.includes('--write')
  const findings = await checkApi({ write, only: args.filter((arg) => !arg.startsWith('--')) })
  for (const line of findings) console.error(line)
  process.exitCode = findings.length === 0 ? 0 : 1
}
