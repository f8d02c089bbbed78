import type { Socket } from 'node:net'
import { HostError } from '../errors.js'
import { LineCutter } from './host-lines.js'
import {
  BadRequest,
  type HostAnswer,
  type HostRequest,
  MOST_LINE,
  parseRequest,
  type RequestId,
  wireError,
} from './host-protocol.js'

/** Requests that one client may have under way. */
const MOST_REQUESTS = 16
/** Bytes that wait for a client that does not read: no more requests of its are taken, and items of streams are left out. */
const MOST_WAITING = 1_048_576

/** Where a stream's items go. */
export interface Stream {
  /** False: the client does not read, the item was left out. */
  send(item: unknown): boolean
  /** Ends when the client has gone, or has had enough. */
  readonly signal: AbortSignal
}

/** Does what a request asks. What it throws is the answer. */
export type Answerer = (request: HostRequest, stream: Stream) => Promise<unknown>

/**
 * One client. Whatever it writes, or does not read, costs a bounded amount of memory and nobody else's time: each line is
 * answered or, when it is no line at all, the connection is closed with a sentence.
 */
export class HostConnection {
  readonly #socket: Socket
  readonly #answerer: Answerer
  readonly #lines = new LineCutter()
  readonly #open = new Map<RequestId, AbortController>()
  /** The client has said all that it will. */
  #ended = false
  #closed = false

  /** `closed`: called once, when nothing of the client is left. */
  constructor(socket: Socket, answerer: Answerer, closed: () => void) {
    this.#socket = socket
    this.#answerer = answerer
    socket.on('data', (chunk: Buffer) => this.#read(chunk))
    socket.on('drain', () => socket.resume())
    socket.on('end', () => this.#end())
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      this.#closed = true
      for (const abort of this.#open.values()) abort.abort()
      closed()
    })
  }

  /** The host ends: what the client reads at once still goes out. */
  close(): void {
    this.#ended = true
    for (const abort of this.#open.values()) abort.abort()
    if (this.#socket.writableLength > 0) this.#socket.destroy()
    else this.#socket.destroySoon()
  }

  #read(chunk: Buffer): void {
    if (this.#ended) return
    const lines = this.#lines.push(chunk)
    if (lines === 'too long') {
      this.#answer({ id: null, error: wireError(new BadRequest(`it is longer than ${MOST_LINE} bytes`)) })
      this.#ended = true
      for (const abort of this.#open.values()) abort.abort()
      this.#socket.end()
      return
    }
    for (const line of lines) if (line.trim() !== '') this.#take(line)
    if (this.#isSlow()) this.#socket.pause()
  }

  #take(line: string): void {
    let request: HostRequest
    try {
      request = parseRequest(line)
    } catch (error) {
      this.#answer({ id: error instanceof BadRequest ? error.id : null, error: wireError(error) })
      return
    }
    const refusal = this.#refusal(request)
    if (refusal !== undefined) this.#answer({ id: request.id, error: wireError(refusal) })
    else void this.#serve(request)
  }

  #refusal({ id, method, params }: HostRequest): HostError | undefined {
    if (method === 'cancel') {
      this.#open.get(params['id'] as RequestId)?.abort()
      return undefined
    }
    if (this.#open.has(id))
      return new HostError('BUSY', `A request with the id ${id} is under way; take another id.`)
    if (this.#open.size >= MOST_REQUESTS)
      return new HostError(
        'BUSY',
        `A client may have ${MOST_REQUESTS} requests under way; wait for an answer.`,
      )
    return undefined
  }

  async #serve(request: HostRequest): Promise<void> {
    const { id, method } = request
    if (method === 'cancel') {
      this.#answer({ id, result: {} })
      return
    }
    const abort = new AbortController()
    this.#open.set(id, abort)
    const { signal } = abort
    const stream: Stream = { send: (item) => !signal.aborted && this.#item(id, item), signal }
    try {
      this.#answer({ id, result: await this.#answerer(request, stream) })
    } catch (error) {
      this.#answer({ id, error: wireError(error) })
    }
    this.#open.delete(id)
    if (this.#ended && this.#open.size === 0) this.#socket.end()
  }

  #item(id: RequestId, item: unknown): boolean {
    if (this.#closed || this.#isSlow()) return false
    this.#answer({ id, item })
    return true
  }

  #answer(answer: HostAnswer): void {
    if (!this.#closed && this.#socket.writable) this.#socket.write(`${JSON.stringify(answer)}\n`)
  }

  #isSlow(): boolean {
    return this.#socket.writableLength > MOST_WAITING
  }

  /**
   * As `printf … | nc -U host.sock` does, or a client that has vanished; a socket does not tell which. What was asked is
   * still answered, streams end.
   */
  #end(): void {
    this.#ended = true
    for (const abort of this.#open.values()) abort.abort()
    if (this.#open.size === 0) this.#socket.end()
  }
}
