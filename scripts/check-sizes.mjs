// Holds what npm would publish to `package-sizes.json`: KB of each package, packed and unpacked. A package may be a tenth
// larger than its row before somebody has to look at it.
//
//   node scripts/check-sizes.mjs --write     sets the table to what the packages have now
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { pack } from './pack.mjs'
import { root } from './packages.mjs'

const WRITE = 'node scripts/check-sizes.mjs --write'
const table = join(root, 'scripts/package-sizes.json')
const SPARE = 1.1

const kilobytes = (bytes) => Math.ceil(bytes / 1024)
const rowOf = ({ size, unpackedSize }) => ({ packed: kilobytes(size), unpacked: kilobytes(unpackedSize) })

/** Every finding about these packages, one sentence each. */
export function checkSizes(packed, budgets = JSON.parse(readFileSync(table, 'utf8'))) {
  const found = []
  for (const each of packed) {
    const budget = budgets[each.name]
    if (budget === undefined) {
      found.push(`${each.name} has no row in scripts/package-sizes.json; \`${WRITE}\` writes it`)
      continue
    }
    for (const [which, now] of Object.entries(rowOf(each))) {
      if (now <= budget[which] * SPARE) continue
      const largest = each.files.toSorted((a, b) => b.size - a.size).slice(0, 3)
      const files = largest.map(({ path, size }) => `${path} ${kilobytes(size)} KB`).join(', ')
      found.push(
        `${each.name} has ${now} KB ${which}, its budget is ${budget[which]} (largest: ${files}); if it is meant, \`${WRITE}\``,
      )
    }
  }
  const gone = Object.keys(budgets).filter((name) => !packed.some((each) => each.name === name))
  return [
    ...found,
    ...gone.map((name) => `scripts/package-sizes.json has a row for ${name}, which is not published`),
  ]
}

function write() {
  const folder = mkdtempSync(join(tmpdir(), 'netaccel-sizes-'))
  try {
    const rows = pack(folder).map((each) => [each.name, rowOf(each)])
    const lines = rows
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, row]) => {
        return `  ${JSON.stringify(name)}: { "packed": ${row.packed}, "unpacked": ${row.unpacked} }`
      })
    writeFileSync(table, `{\n${lines.join(',\n')}\n}\n`)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href && process.argv.includes('--write')) write()
