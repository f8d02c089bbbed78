// What is said when a command fails, and its exit status.
import { AcceleratorError } from '@netaccel/core'
import { type Choice, HostError, HostRefusal } from '@netaccel/host'
import { PacketError } from '@netaccel/packet'
import { PortError } from '@netaccel/ports'
import { XenError } from '@netaccel/xen'
import { CliError, EXIT_CANNOT, EXIT_NO_HOST, EXIT_REFUSED_BY_HOST } from './errors.js'
import { nearest } from './nearest.js'

const KNOWN = [CliError, HostError, HostRefusal, AcceleratorError, PortError, XenError, PacketError]

/** One sentence for what we know how to say; undefined for a defect, whose stack is wanted. */
export function sentenceOf(error: unknown): string | undefined {
  if (!KNOWN.some((kind) => error instanceof kind) && !isOfTestkit(error)) return undefined
  const { message, code } = error as Error & { readonly code: string }
  const said = message.replaceAll(/\s*\n\s*/g, ' ')
  const coded = error instanceof CliError || said.includes(code) ? '' : ` (${code})`
  return `${said}${suggestion(error)}${coded}`
}

/** By its name: the kit is loaded by the one command that needs it. */
function isOfTestkit(error: unknown): boolean {
  return error instanceof Error && error.name === 'TestkitError'
}

/** The exit status of a failure. */
export function statusOf(error: unknown): number {
  if (error instanceof HostRefusal) return EXIT_REFUSED_BY_HOST
  const gone = error instanceof HostError && (error.code === 'NO_HOST' || error.code === 'HOST_GONE')
  return gone ? EXIT_NO_HOST : EXIT_CANNOT
}

/** The nearest of the names that there are. */
function suggestion(error: unknown): string {
  const { choice } = error as { readonly choice?: Choice }
  const near = choice === undefined ? undefined : nearest(choice.given, choice.known)
  return near === undefined ? '' : ` Did you mean ${near}?`
}
