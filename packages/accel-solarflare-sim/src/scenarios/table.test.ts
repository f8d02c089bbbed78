// docs/scenarios.md and the titles of the tests belong together.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'

const TABLE = fileURLToPath(new URL('../../../../docs/scenarios.md', import.meta.url))
const text = readFileSync(TABLE, 'utf8')

/** Number, and the files that its row links to. */
const rows = [...text.matchAll(/^\| (\d+) \|.*\|.*\| (.*) \|$/gm)].map(([, number = '', links = '']) => ({
  number: Number(number),
  files: [...links.matchAll(/\]\(([^)]+\.ts)\)/g)].map(([, file = '']) => join(dirname(TABLE), file)),
}))

/** Numbers in the titles of a file's tests. */
function numbersIn(file: string): Set<number> {
  return new Set(
    [...readFileSync(file, 'utf8').matchAll(/['"`](?:[\w-]+[ \d]*: )*scenario (\d+): /g)].map(([, n]) =>
      Number(n),
    ),
  )
}

describe('the table of scenarios', () => {
  it('has the 26, in order', () => {
    expect(rows.map(({ number }) => number)).toEqual(Array.from({ length: 26 }, (_, i) => i + 1))
  })

  it.each(rows)('names for number $number tests that bear it', ({ number, files }) => {
    expect(files.length).toBeGreaterThan(0)
    for (const file of files) expect(numbersIn(file), file).toContain(number)
  })

  it('leaves out no number that a test in one of its files bears', () => {
    const files = new Set(rows.flatMap((row) => row.files))
    for (const file of files)
      for (const number of numbersIn(file))
        expect(rows[number - 1]?.files, `scenario ${number}`).toContain(file)
  })
})
