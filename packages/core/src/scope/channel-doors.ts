import type { Channel, DomainId } from '../contract/index.js'
import { AcceleratorError } from '../errors.js'
import type { ScopeBook } from './scope-book.js'

/** The doors to event channels of one vif scope. Ports are closed with it. */
export class ChannelDoors {
  readonly #book: ScopeBook

  constructor(book: ScopeBook) {
    this.#book = book
  }

  listen(event: () => void, remote: DomainId): Channel {
    const book = this.#book
    book.enter('listen')
    const port = book.fails('listen') ? undefined : this.tryAllocate(event, remote)
    if (port === undefined)
      throw new AcceleratorError('NO_PORTS', `listen: no event-channel port for domain ${remote}`)
    return this.channel(port)
  }

  connect(remotePort: number, event: () => void, remote: DomainId): Channel | undefined {
    const book = this.#book
    book.enter('connect')
    if (book.fails('connect')) return undefined
    const port = book.parts.domain.events.bindInterdomain(remote, remotePort, this.guarded(event))
    return port === undefined ? undefined : this.channel(port)
  }

  private tryAllocate(event: () => void, remote: DomainId): number | undefined {
    try {
      return this.#book.parts.domain.events.allocUnbound(remote, this.guarded(event))
    } catch (cause) {
      this.#book.parts.log('warn', this.#book.name, 'no event-channel port', cause)
      return undefined
    }
  }

  private guarded(event: () => void): () => void {
    const book = this.#book
    return () => {
      if (book.open) book.guard('an event handler', event)
    }
  }

  private channel(port: number): Channel {
    const book = this.#book
    const { events } = book.parts.domain
    book.take('channel', `port ${port}`, () => events.close(port))
    return {
      port,
      notify: () => {
        if (book.alive()) events.notify(port)
      },
      mask: () => {
        if (book.alive()) events.mask(port)
      },
      unmask: () => {
        if (book.alive()) events.unmask(port)
      },
    }
  }
}
