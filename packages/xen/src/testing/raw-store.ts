// A client of the store that speaks bytes, for tests: what it sends need not be right.
import { VirtualClock } from '../virtual-clock.js'
import type { StoreQuotas, StreamLimits } from '../xenstore/quotas.js'
import { defaultQuotas, defaultStreamLimits } from '../xenstore/quotas.js'
import { Xenstored } from '../xenstore/server.js'
import { StoreStream } from '../xenstore/stream.js'
import { decodeText, encodeMessage, encodeText, MessageReader, XS } from '../xenstore/wire.js'
import type { Message } from '../xenstore/wire.js'

/** A server without a hypervisor: the domains 0 to 9 exist, and none has a ring page. */
export function rawServer(quotas: Partial<StoreQuotas> = {}) {
  const clock = new VirtualClock()
  const engine = clock.engine('xenstored')
  const platform = {
    isDomain: (domid: number) => domid < 10,
    isPrivileged: (domid: number) => domid === 0,
    open: () => undefined,
  }
  const server = new Xenstored(engine, platform, { ...defaultQuotas, ...quotas })
  return {
    clock,
    engine,
    server,
    client: (domid: number) => new RawClient(clock, server, domid),
    /** As over the socket of a running host. */
    socket: (limits = defaultStreamLimits) => new RawClient(clock, server, 0, limits),
  }
}

/** A message as a test likes to read it: NUL shown as '|'. */
const shown = (payload: Uint8Array): string => decodeText(payload).replaceAll('\0', '|')

export class RawClient {
  readonly stream: StoreStream
  /** Every byte that came back. */
  readonly bytes: number[] = []
  /** The stream was ended by the server. */
  ended = false
  /** How often the server said that more bytes may come. */
  taken = 0
  /** False: the client takes no bytes. */
  takes = true
  readonly #clock: VirtualClock
  readonly #reader = new MessageReader()
  #at = 0
  #requestId = 100

  constructor(clock: VirtualClock, server: Xenstored, domid: number, limits?: StreamLimits) {
    this.#clock = clock
    const sink = {
      write: (bytes: Uint8Array): boolean => {
        this.bytes.push(...bytes)
        return this.takes
      },
      end: (): void => {
        this.ended = true
      },
      taken: (): void => {
        this.taken += 1
      },
    }
    this.stream = new StoreStream(server, sink, { domid, privileged: domid === 0 }, limits)
  }

  send(type: number, payload: string, transaction = 0): void {
    this.stream.receive(
      encodeMessage(type, this.#requestId++, transaction, encodeText(payload.replaceAll('|', '\0'))),
    )
  }

  /** What came since the last call: "OK|", "!ENOENT", "* path token" for an event. */
  async take(nanoseconds?: number): Promise<string[]> {
    await this.#clock.run(nanoseconds === undefined ? {} : { for: nanoseconds })
    const taken: string[] = []
    const source = (target: Uint8Array, at: number, length: number): number => {
      const part = this.bytes.slice(this.#at, this.#at + length)
      target.set(part, at)
      this.#at += part.length
      return part.length
    }
    for (let next = this.#reader.next(source); typeof next === 'object'; next = this.#reader.next(source))
      taken.push(describeMessage(next))
    return taken
  }

  /** Sends one request and gives all that came by then. */
  async ask(type: number, payload: string, transaction = 0): Promise<string> {
    this.send(type, payload, transaction)
    return (await this.take(1_000_000)).join(' ')
  }

  /** Starts a transaction and gives its number. */
  async begin(): Promise<number> {
    return Number.parseInt(await this.ask(XS.TRANSACTION_START, '|'), 10)
  }
}

function describeMessage(message: Message): string {
  if (message.type === XS.ERROR) return `!${shown(message.payload).replace(/\|$/, '')}`
  if (message.type === XS.WATCH_EVENT) return `*${shown(message.payload)}`
  return shown(message.payload)
}
