// The words of `host.sock`: JSON lines. A client writes `{"id", "method", "params"}`, the host answers with one line of the
// same id: `result` or `error`. Before the answer of a stream (`top`, `trace`) come lines with `item`.
import { AcceleratorError } from '@netaccel/core'
import { HostError, type Choice } from '../errors.js'

/** The longest line that a host takes, in bytes. */
export const MOST_LINE = 65_536
const MOST_ID = 64

/** A number or a short text that the client chooses; answers bear it. */
export type RequestId = number | string

export interface HostRequest {
  readonly id: RequestId
  readonly method: string
  readonly params: Readonly<Record<string, unknown>>
}

/** An error on the wire. `code`: of `HOST_ERRORS` or of core's `ERROR_CODES`. */
export interface WireError {
  readonly code: string
  readonly message: string
  readonly problems?: readonly string[]
  readonly choice?: Choice
}

/** One line of the host's. `id` is null for a line that was no request. */
export type HostAnswer =
  | { readonly id: RequestId; readonly item: unknown }
  | { readonly id: RequestId; readonly result: unknown }
  | { readonly id: RequestId | null; readonly error: WireError }

/** A line as a request. @throws HostError BAD_REQUEST with one sentence */
export function parseRequest(line: string): HostRequest {
  const value = parseJson(line)
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw badRequest('a request is an object with "id", "method" and "params"')
  const { id, method, params = {} } = value as Record<string, unknown>
  if (!isId(id)) throw badRequest(`"id" must be a whole number or a text of at most ${MOST_ID} characters`)
  if (typeof method !== 'string') throw badRequest('"method" must be a text', id)
  if (typeof params !== 'object' || params === null || Array.isArray(params))
    throw badRequest('"params" must be an object', id)
  return { id, method, params: params as Record<string, unknown> }
}

/** The id of a line that was refused, if it had one, so that its client can tell which it was. */
export class BadRequest extends HostError {
  readonly id: RequestId | null

  constructor(sentence: string, id: RequestId | null = null) {
    super('BAD_REQUEST', `This line is no request: ${sentence}.`)
    this.id = id
  }
}

/** Whatever a method threw, as it goes over the wire. */
export function wireError(error: unknown): WireError {
  if (error instanceof HostError) {
    const { code, message, problems, choice } = error
    return {
      code,
      message,
      ...(problems.length > 0 ? { problems } : {}),
      ...(choice === undefined ? {} : { choice }),
    }
  }
  if (error instanceof AcceleratorError) return { code: error.code, message: error.message }
  return { code: 'FAILED', message: error instanceof Error ? error.message : String(error) }
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    throw badRequest('it is not JSON')
  }
}

function isId(id: unknown): id is RequestId {
  return typeof id === 'string' ? id.length > 0 && id.length <= MOST_ID : Number.isSafeInteger(id)
}

function badRequest(sentence: string, id: RequestId | null = null): BadRequest {
  return new BadRequest(sentence, id)
}
