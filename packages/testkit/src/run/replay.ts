import { judge } from '../acts/sequences.js'
import { parseScript, STEPS } from '../acts/script.js'
import { TestkitError } from '../errors.js'
import { kitOf } from '../kit/act.js'
import type { Finding } from '../kit/judging.js'
import { readSubject } from '../plugin/subject.js'
import type { PluginSource } from '../plugin/source.js'

export interface ReplayOptions {
  readonly plugin: string | PluginSource
  /** As the kit printed it: `load; traffic; suspend; unload`. */
  readonly script: string
  /** As it stood beside the script. Default 1. */
  readonly seed?: number
  readonly hardware?: string
}

/**
 * Plays a script again that the kit has printed, and gives what is found: the same as it was then.
 * @throws TestkitError BAD_SCRIPT
 */
export async function replay({
  plugin,
  script,
  seed = 1,
  hardware,
}: ReplayOptions): Promise<readonly Finding[]> {
  const steps = parseScript(script)
  if (steps === undefined)
    throw new TestkitError('BAD_SCRIPT', `"${script}"; the words are ${Object.keys(STEPS).join(', ')}`)
  const subject = readSubject(typeof plugin === 'string' ? { folder: plugin } : plugin)
  const { books, resources } = await judge(kitOf({ subject, seed, hardware, mark: null }, false), steps)
  return [...books.findings, ...resources.findings]
}
