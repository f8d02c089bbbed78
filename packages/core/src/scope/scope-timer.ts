import type { Timer } from '@netaccel/xen'
import type { ScopeTimer } from '../contract/index.js'
import { NS_PER_MS } from '../control-clock.js'
import { AcceleratorError } from '../errors.js'
import type { ScopeBook, Taking } from './scope-book.js'

/** A timer that stands in a scope's book while it waits; a plugin holds it, and can reach nothing of the book. */
export class BookedTimer implements ScopeTimer {
  readonly #book: ScopeBook
  readonly #work: () => void
  readonly #timer: Timer
  #taking: Taking
  /** Asked for, before or during the work under way. */
  #waits = true
  /** Was asked for again once: it stays in the book, so that it costs nothing each time. */
  #isRepeated = false

  constructor(book: ScopeBook, ms: number, work: () => void) {
    this.#book = book
    this.#work = work
    this.#timer = book.parts.engine.after(delayNs(ms), () => this.#fired())
    this.#taking = book.take('timer', `${ms} ms`, () => this.#timer.cancel())
  }

  cancel(): void {
    this.#waits = false
    this.#isRepeated = false
    if (this.#book.forget(this.#taking)) this.#timer.cancel()
  }

  again(ms: number): void {
    this.#book.enter('after')
    const ns = delayNs(ms)
    this.#waits = true
    if (!this.#isRepeated) this.#book.keep(this.#taking)
    this.#isRepeated = true
    this.#timer.again(ns)
  }

  #fired(): void {
    this.#waits = false
    this.#book.guard('a timer', this.#work)
    if (!this.#waits && !this.#isRepeated) this.#book.forget(this.#taking)
  }
}

function delayNs(ms: number): number {
  if (ms >= 0) return ms * NS_PER_MS
  throw new AcceleratorError('BAD_ARGUMENT', `after: ${ms} is no number of milliseconds; give 0 or more`)
}
