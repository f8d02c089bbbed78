import { accessSync, constants, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CliError, textOf } from '../errors.js'

/** Make the folder of the reports and see that it can be written: before the run, not after it. @throws CliError BAD_FILE */
export function prepareReports(folder: string): void {
  attempt(folder, () => {
    mkdirSync(folder, { recursive: true })
    accessSync(folder, constants.W_OK)
  })
}

/** Write the reports; gives their paths. @throws CliError BAD_FILE */
export function writeReports(folder: string, files: Readonly<Record<string, string>>): string[] {
  return attempt(folder, () =>
    Object.entries(files).map(([name, text]) => {
      const path = join(folder, name)
      writeFileSync(path, text)
      return path
    }),
  )
}

function attempt<T>(folder: string, work: () => T): T {
  try {
    return work()
  } catch (cause) {
    const sentence = `the reports cannot be written to ${folder}: ${textOf(cause)}; choose another folder with --out`
    throw new CliError('BAD_FILE', sentence, { cause })
  }
}
