import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { root } from './packages.mjs'

let dir

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'netaccel-sum-'))
})

afterEach(() => rmSync(dir, { recursive: true }))

/** Runs the script on two reports; `null` leaves one unwritten, as a run does that never came so far. */
function sum(tests, testCode, checks, checkCode) {
  const files = [join(dir, 'tests.json'), join(dir, 'checks.json')]
  if (tests !== null) writeFileSync(files[0], JSON.stringify(tests))
  if (checks !== null) writeFileSync(files[1], JSON.stringify(checks))
  const args = [join(root, 'scripts/ci-sum.mjs'), files[0], String(testCode), files[1], String(checkCode)]
  const { status, stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  return { status, line: stdout.trim() }
}

const tests = (passed, failed) => ({ numPassedTests: passed, numFailedTests: failed })
const checks = (ok, failed) => ({ ok, failed })

describe('the last line of the run', () => {
  it('adds tests and checks', () => {
    expect(sum(tests(10, 0), 0, checks(8, 0), 0)).toEqual({ status: 0, line: '18 passed, 0 failed' })
  })

  it('counts what failed on either side', () => {
    expect(sum(tests(10, 2), 1, checks(7, 1), 1)).toEqual({ status: 1, line: '17 passed, 3 failed' })
  })

  it('counts a run that failed without a failed test, such as a file that does not load', () => {
    expect(sum(tests(10, 0), 1, checks(8, 0), 0)).toEqual({ status: 1, line: '18 passed, 1 failed' })
  })

  it('counts tests that left no report, even when they ended with 0', () => {
    expect(sum(null, 0, checks(8, 0), 0)).toEqual({ status: 1, line: '8 passed, 1 failed' })
  })

  it('counts checks that left no report', () => {
    expect(sum(tests(10, 0), 0, null, 1)).toEqual({ status: 1, line: '10 passed, 1 failed' })
  })
})
