import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'

const here = import.meta.dirname
const names = readdirSync(here).filter((name) => /(?<!\.test)\.mjs$/.test(name))

/** Lines that are neither empty nor a comment. */
function codeLines(text: string): string[] {
  return text.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('//'))
}

// What each prints is stored beside it: virtual time is exact, so every number is. `npx vitest run examples -u` stores
// it anew after a change that is meant to change it.
describe.each(names)('%s', (name) => {
  const text = readFileSync(join(here, name), 'utf8')

  it('prints what is stored, and loses nothing', async () => {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [join(here, name)])
    expect(stderr).toBe('')
    expect(stdout).toMatch(/nothing lost/)
    await expect(stdout).toMatchFileSnapshot(`output/${name.replace('.mjs', '.txt')}`)
  })

  it('fits on a screen', () => {
    expect(text.split('\n').length).toBeLessThan(60)
  })
})

it('first-frame.mjs has 15 lines of code at most', () => {
  expect(codeLines(readFileSync(join(here, 'first-frame.mjs'), 'utf8')).length).toBeLessThanOrEqual(15)
})
