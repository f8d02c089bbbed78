import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { CliError } from '../errors.js'

/** How to run this command again: `use` is one of the two words that `bin.ts` knows beside the commands. */
export function ownCommand(use: 'inside' | 'program'): string[] {
  // Every file of the package is built into the folder that holds bin.js.
  const bin = fileURLToPath(new URL('bin.js', import.meta.url))
  if (!existsSync(bin))
    throw new CliError('BAD_FILE', `${bin} is missing: build the package, or install it again`)
  return [process.execPath, bin, use]
}
