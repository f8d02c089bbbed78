import { AcceleratorError } from '../errors.js'
import type { Closable, Scope, ScopeTimer } from '../contract/index.js'
import type { LogLevel } from './parts.js'
import type { ScopeBook } from './scope-book.js'
import { BookedTimer } from './scope-timer.js'

/**
 * The doors that every scope has. A plugin holds these objects, never a book. A door that would hand something out
 * throws CLOSED once the scope begins to close; one that gives back or tells is inert and counted `late_calls`.
 */
export class Doors implements Scope {
  readonly #book: ScopeBook

  constructor(book: ScopeBook) {
    this.#book = book
  }

  get signal(): AbortSignal {
    return this.#book.abort.signal
  }

  now(): number {
    return this.#book.parts.engine.now()
  }

  after(ms: number, work: () => void): ScopeTimer {
    this.#book.enter('after')
    return new BookedTimer(this.#book, ms, work)
  }

  task(name: string, work: (signal: AbortSignal) => Promise<void>): void {
    this.#book.enter('task')
    this.#book.task(name, work)
  }

  counter(name: string): { value: number } {
    const counter = this.#book.parts.counter(name)
    if (counter !== undefined) return counter
    throw new AcceleratorError(
      'BAD_ARGUMENT',
      `counter: '${name}' is not declared; add it with its sentence to "counters" in the manifest`,
    )
  }

  log(level: LogLevel, text: string, cause?: unknown): void {
    this.#book.parts.log(level, this.#book.name, text, cause)
  }

  undo(work: () => void | Promise<void>): void {
    this.#book.enter('undo')
    this.#book.take('undo', "the plugin's own", (forced) => (forced ? undefined : work()))
  }

  child(name: string): Scope & Closable {
    this.#book.enter('child')
    const book = this.#book.child(name)
    return closable(new Doors(book), book)
  }
}

/** Doors of a child scope, which its opener may close before its parent. */
export function closable<T extends object>(doors: T, book: ScopeBook): T & Closable {
  return Object.assign(doors, {
    close: async () => {
      await book.close()
    },
  })
}
