import type { Output } from './table.js'

/** Lines for a person: on standard output, or on standard error when that is kept for JSON. */
export function consoleOutput(json: boolean): Output {
  const stream = json ? process.stderr : process.stdout
  // A reader that goes away (a closed pipe) does not end the run: its end is told by the exit status.
  stream.on('error', () => undefined)
  const colours = stream.isTTY && process.env['NO_COLOR'] === undefined
  return { line: (text) => void stream.write(`${text}\n`), colours }
}
