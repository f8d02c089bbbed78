// The other end of `host.sock`.
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { HostError, type HostErrorCode } from '../errors.js'
import type { HostAnswer, WireError } from './host-protocol.js'
import { HOST_SOCKET } from './host-run-directory.js'

/** What a host answered with instead of a result. `code` is the host's or core's. */
export class HostRefusal extends Error {
  readonly code: string
  readonly problems: readonly string[]
  readonly choice: WireError['choice']

  constructor({ code, message, problems = [], choice }: WireError) {
    super(message)
    this.name = 'HostRefusal'
    this.code = code
    this.problems = problems
    this.choice = choice
  }
}

interface Waiting {
  readonly item: (item: unknown) => void
  readonly resolve: (result: unknown) => void
  readonly reject: (error: Error) => void
}

/** A request that was sent. */
export interface Asked<Result> {
  /** @throws HostRefusal, HostError HOST_GONE */
  readonly result: Promise<Result>
  /** Let a stream end; its result follows. */
  cancel(): void
}

/** A connection to a running host. */
export class HostClient {
  readonly #socket: Socket
  readonly #waiting = new Map<number, Waiting>()
  #text = ''
  #ids = 0

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setEncoding('utf8')
    socket.on('data', (text: string) => this.#read(text))
    socket.on('error', () => socket.destroy())
    socket.on('close', () => this.#lost())
  }

  /** @throws HostError NO_HOST when nobody listens in this run directory */
  static open(runDir: string): Promise<HostClient> {
    const path = join(runDir, HOST_SOCKET)
    return new Promise((resolve, reject) => {
      const socket = connect(path)
      const refused = (cause: NodeJS.ErrnoException): void => reject(noHost(path, cause))
      socket.once('error', refused)
      socket.once('connect', () => {
        socket.off('error', refused)
        resolve(new HostClient(socket))
      })
    })
  }

  /** Send a request. `item` is called for each item of a stream. */
  ask<Result>(
    method: string,
    params: Readonly<Record<string, unknown>> = {},
    item: (item: unknown) => void = () => undefined,
  ): Asked<Result> {
    this.#ids += 1
    const id = this.#ids
    const result = new Promise<unknown>((resolve, reject) => {
      if (this.#socket.destroyed) reject(gone())
      this.#waiting.set(id, { item, resolve, reject })
      this.#socket.write(`${JSON.stringify({ id, method, params })}\n`)
    })
    return { result: result as Promise<Result>, cancel: () => this.#cancel(id) }
  }

  /** Send a request and await its result. @throws HostRefusal, HostError HOST_GONE */
  request<Result>(method: string, params?: Readonly<Record<string, unknown>>): Promise<Result> {
    return this.ask<Result>(method, params).result
  }

  close(): void {
    this.#socket.destroy()
  }

  #cancel(stream: number): void {
    this.#ids += 1
    this.#socket.write(`${JSON.stringify({ id: this.#ids, method: 'cancel', params: { id: stream } })}\n`)
  }

  #read(text: string): void {
    const lines = (this.#text + text).split('\n')
    this.#text = lines.pop() ?? ''
    for (const line of lines) this.#take(JSON.parse(line) as HostAnswer)
  }

  #take(answer: HostAnswer): void {
    // A sentence that belongs to no request: the host turns us away.
    if (answer.id === null) {
      const { error } = answer as { readonly error: WireError }
      for (const { reject } of this.#waiting.values()) reject(new HostRefusal(error))
      return this.#waiting.clear()
    }
    const waiting = this.#waiting.get(Number(answer.id))
    if (waiting === undefined) return undefined
    if ('item' in answer) return waiting.item(answer.item)
    this.#waiting.delete(Number(answer.id))
    if ('error' in answer) waiting.reject(new HostRefusal(answer.error))
    else waiting.resolve(answer.result)
    return undefined
  }

  #lost(): void {
    for (const { reject } of this.#waiting.values()) reject(gone())
    this.#waiting.clear()
  }
}

function gone(): HostError {
  return new HostError('HOST_GONE', 'The host ended before it had answered.')
}

function noHost(path: string, cause: NodeJS.ErrnoException): HostError {
  const dead = cause.code === 'ECONNREFUSED'
  const code: HostErrorCode = 'NO_HOST'
  const sentence = dead
    ? `The host of ${path} has ended without removing its socket: start it again with \`netaccel run FILE\`.`
    : `No host is running at ${path}: start one with \`netaccel run FILE\`.`
  return new HostError(code, sentence, [], cause)
}
