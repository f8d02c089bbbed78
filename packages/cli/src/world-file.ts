import { existsSync, readFileSync } from 'node:fs'
import { extname, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { CliError, textOf } from './errors.js'

/**
 * The value that a file holds: JSON, or what a module exports as `default` or `world`. It is not checked here; `build`
 * does that. Throws CliError 'BAD_FILE'.
 */
export async function readWorldFile(file: string): Promise<unknown> {
  const path = resolve(file)
  const kind = extname(path)
  if (!existsSync(path)) throw new CliError('BAD_FILE', `there is no file ${path}`)
  if (kind === '.json') return parse(path)
  if (kind === '.mjs' || kind === '.js') return exported(path)
  throw new CliError(
    'BAD_FILE',
    `${path} is neither .json nor .mjs: a world is a JSON value, or a module that exports one`,
  )
}

function parse(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    throw new CliError('BAD_FILE', `${path} is not JSON: ${textOf(error)}`, { cause: error })
  }
}

async function exported(path: string): Promise<unknown> {
  let module: Readonly<Record<string, unknown>>
  try {
    module = (await import(pathToFileURL(path).href)) as Readonly<Record<string, unknown>>
  } catch (error) {
    throw new CliError('BAD_FILE', `${path} cannot be loaded: ${textOf(error)}`, { cause: error })
  }
  const value = module['default'] ?? module['world']
  if (value === undefined)
    throw new CliError('BAD_FILE', `${path} exports no world: write \`export default { hosts: … }\``)
  return value
}
