import type { BackendPort, Frame, PortObserver } from '../contract/index.js'
import { AcceleratorError } from '../errors.js'
import { Doors } from './doors.js'
import type { PortHub } from './port-hub.js'
import type { ScopeBook } from './scope-book.js'

/** A port of the driver domain, as a backend half meets it. */
export class PortDoors extends Doors implements BackendPort {
  readonly #book: ScopeBook
  readonly #hub: PortHub

  constructor(book: ScopeBook, hub: PortHub) {
    super(book)
    this.#book = book
    this.#hub = hub
  }

  get name(): string {
    return this.#hub.port.name
  }

  get kind(): string {
    return this.#hub.port.kind
  }

  get mac(): string {
    return this.#hub.port.mac
  }

  get mtu(): number {
    return this.#hub.port.mtu
  }

  get link(): boolean {
    return this.#hub.port.link
  }

  can(part: 'vis' | 'filters' | 'observe'): boolean {
    return this.#hub.port[part] !== undefined
  }

  observe(observer: PortObserver): void {
    const book = this.#book
    book.enter('observe')
    if (!book.parts.capabilities.has('observe')) {
      book.parts.tally.violation('VN-06')
      throw new AcceleratorError('NOT_DECLARED', `observing port ${this.name} needs the capability 'observe'`)
    }
    const { received, transmitted } = observer
    const remove = this.#hub.observe({
      ...(received && { received: guarded(book, (frame) => observer.received?.(frame)) }),
      ...(transmitted && { transmitted: guarded(book, (frame) => observer.transmitted?.(frame)) }),
    })
    book.take('observer', `port ${this.name}`, remove)
  }
}

/** An observer's function that becomes inert with its scope and cannot throw into the driver (ER-03). */
export function guarded(book: ScopeBook, look: (frame: Frame) => void): (frame: Frame) => void {
  return (frame) => {
    if (!book.open) return
    try {
      look(frame)
    } catch (cause) {
      book.parts.tally.violation('ER-03')
      book.parts.log('error', book.name, 'an observer threw', cause)
    }
  }
}
