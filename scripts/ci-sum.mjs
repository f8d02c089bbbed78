// The last line of .ci/run: `N passed, N failed`. A test counts as one and so does a check. A run that ended badly
// without naming a failure (a file that does not load, a build that fails) counts as one failure, never as none.
import { readFileSync } from 'node:fs'

const [testFile, testCode, checkFile, checkCode] = process.argv.slice(2)

function read(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return null
  }
}

function outcome(passed, failed, code) {
  return { passed, failed: failed === 0 && code !== '0' ? 1 : failed }
}

const tests = read(testFile)
const checks = read(checkFile)
const sums = [
  outcome(tests?.numPassedTests ?? 0, tests?.numFailedTests ?? 0, tests === null ? '1' : testCode),
  outcome(checks?.ok ?? 0, checks?.failed ?? 0, checks === null ? '1' : checkCode),
]
const passed = sums[0].passed + sums[1].passed
const failed = sums[0].failed + sums[1].failed
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
