import type { Page, Vi } from '../contract/index.js'
import { withDeadline } from '../control-clock.js'
import type { ScopeBook, Taking } from './scope-book.js'
import { UNDO_GRACE } from './scope-book.js'

/** Milliseconds for a VI to become quiet by itself: it must be closed before its scope goes on to its pages. */
const QUIESCE_GRACE = UNDO_GRACE / 2

/** A count that must stay within a limit of the vif (`limits/*`, CT-07). */
export class Quota {
  used = 0
  readonly limit: number

  constructor(limit: number) {
    this.limit = limit
  }

  /** Take `count`; false, and nothing taken, when that would go beyond the limit. */
  take(count: number): boolean {
    if (this.used + count > this.limit) return false
    this.used += count
    return true
  }

  give(count: number): void {
    this.used -= count
  }
}

/** Buffer-table answers below 0 that the door itself gives. */
export const REGISTER_QUOTA = -1
export const REGISTER_CLOSED = -2

/**
 * A VI behind the host's recording door: it counts the registered pages against the vif's quota and gives everything
 * back, quiet first (MEM-03, MEM-07), when its scope closes.
 */
export class RecordedVi implements Vi {
  readonly id: number
  readonly facts: Vi['facts']
  readonly pages: Vi['pages']
  readonly #inner: Vi
  readonly #book: ScopeBook
  readonly #quota: Quota
  /** Address of each registration to its pages. */
  readonly #registered = new Map<number, number>()
  readonly #taking: Taking
  readonly #closing: (vi: RecordedVi) => void
  #closed = false

  /** `closing`: what still points to the VI must go, for instance its filters. */
  constructor(inner: Vi, book: ScopeBook, quota: Quota, closing: (vi: RecordedVi) => void) {
    this.id = inner.id
    this.facts = inner.facts
    this.pages = inner.pages
    this.#inner = inner
    this.#book = book
    this.#quota = quota
    this.#closing = closing
    this.#taking = book.take('vi', `VI ${inner.id}`, () => this.end())
  }

  /** The hardware's own VI behind a recorded one; undefined for anything else. */
  static inner(vi: Vi): Vi | undefined {
    return #inner in vi ? vi.#inner : undefined
  }

  register(pages: readonly Page[]): number {
    if (this.dead()) return REGISTER_CLOSED
    if (this.#book.fails('vi.register') || !this.#quota.take(pages.length)) return REGISTER_QUOTA
    const address = this.#inner.register(pages)
    if (address < 0) this.#quota.give(pages.length)
    else this.#registered.set(address, pages.length)
    return address
  }

  unregister(address: number, pages: number): void {
    if (this.dead()) return
    if (this.#registered.get(address) !== pages) {
      this.#book.parts.tally.violation('MEM-02')
      return
    }
    this.drop(address, pages)
  }

  onWake(woken: () => void): void {
    if (this.dead()) return
    // Once: under load there is a wake-up for every few frames.
    const what = `the wake-up of VI ${this.id}`
    this.#inner.onWake(() => {
      if (this.#book.open) this.#book.guard(what, woken)
    })
  }

  async quiesce(signal: AbortSignal): Promise<void> {
    if (!this.dead()) await this.#inner.quiesce(signal)
  }

  close(): void {
    if (this.dead()) return
    this.#book.forget(this.#taking)
    this.#closing(this)
    this.shut()
  }

  /** Whatever the hardware answers, and if it does not, the VI is closed: its rings and buffers are given back next. */
  private async end(): Promise<void> {
    this.#closing(this)
    let quiet = false
    try {
      const quiesce = (signal: AbortSignal): Promise<void> => this.#inner.quiesce(signal)
      await withDeadline(this.#book.parts.engine, QUIESCE_GRACE, `VI ${this.id} to become quiet`, quiesce)
      quiet = true
    } finally {
      this.shut(quiet)
    }
  }

  /** A VI that may still read and write is closed before its buffers go, any other after (MEM-03). */
  private shut(quiet = true): void {
    this.#closed = true
    if (!quiet) this.#inner.close()
    for (const [address, pages] of [...this.#registered].reverse()) this.drop(address, pages)
    if (quiet) this.#inner.close()
  }

  private drop(address: number, pages: number): void {
    this.#registered.delete(address)
    this.#quota.give(pages)
    this.#inner.unregister(address, pages)
  }

  private dead(): boolean {
    if (this.#closed) this.#book.parts.tally.late()
    return this.#closed || !this.#book.alive()
  }
}
