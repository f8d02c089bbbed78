import type { Filter, FilterProvider, FilterStatus, FlowKey, Vi, View } from '../contract/index.js'
import type { ScopeBook, Taking } from './scope-book.js'
import type { Quota } from './vi.js'
import { RecordedVi } from './vi.js'

/** Runs the provider's insertion at the moment at which no frame of the key can overtake another. */
export interface InsertFence {
  /** Calls `insert` once, at once or when the frontend holds the key's frames back, and gives its answer. */
  insert(key: FlowKey, vi: Vi, insert: () => Filter | FilterStatus): Promise<Filter | FilterStatus>
}

/** The fence of one vif over its attachments; see docs/adr/0008. */
export interface VifFence extends InsertFence {
  /** The frontend listens at this page, which it shares with us. */
  open(page: View): void
  /** It does not any more: from here on insertions go through at once. */
  close(): void
}

/** Inserts at once: nothing is lost or doubled, but frames on the slow way may be overtaken. */
export const unfenced: VifFence = {
  insert: (_key, _vi, insert) => Promise.resolve(insert()),
  open: () => {},
  close: () => {},
}

/**
 * The filters of one vif: within its quota, only between `start` and `stop` (LC-14), all removable at once.
 */
export class FilterTable {
  readonly #provider: FilterProvider | undefined
  readonly #quota: Quota
  readonly #fence: InsertFence
  readonly #live = new Set<RecordedFilter>()
  #open = false

  constructor(provider: FilterProvider | undefined, quota: Quota, fence: InsertFence) {
    this.#provider = provider
    this.#quota = quota
    this.#fence = fence
  }

  get size(): number {
    return this.#live.size
  }

  /** From here on filters may be inserted. */
  open(): void {
    this.#open = true
  }

  /** From here on insertions answer 'closed', also those that wait at the fence. */
  shut(): void {
    this.#open = false
  }

  removeAll(): void {
    for (const filter of [...this.#live]) filter.remove()
  }

  /** Remove those that feed `vi`, which is about to close. */
  removeOf(vi: Vi): void {
    for (const filter of [...this.#live]) if (filter.vi === vi) filter.remove()
  }

  async insert(book: ScopeBook, key: FlowKey, vi: Vi): Promise<Filter | FilterStatus> {
    const inner = RecordedVi.inner(vi)
    const provider = this.#provider
    if (!this.admits(book)) return 'closed'
    if (provider === undefined || inner === undefined || !provider.supports(key)) return 'unsupported'
    if (book.fails('insertFilter') || !this.#quota.take(1)) return 'quota'
    const answer = await this.#fence.insert(key, vi, () => {
      if (!this.admits(book)) return 'closed'
      const filter = provider.insert(key, inner)
      return typeof filter === 'string' ? filter : this.record(filter, vi, book)
    })
    if (typeof answer === 'string') {
      this.#quota.give(1)
      return answer
    }
    if (this.admits(book)) return answer
    answer.remove()
    return 'closed'
  }

  /** In the call that inserts it: whoever stops now finds it. */
  private record(inner: Filter, vi: Vi, book: ScopeBook): Filter {
    const filter = new RecordedFilter(inner, vi, book, (gone) => {
      if (this.#live.delete(gone)) this.#quota.give(1)
    })
    this.#live.add(filter)
    return filter
  }

  private admits(book: ScopeBook): boolean {
    if (book.open) return this.#open
    book.parts.tally.late()
    return false
  }
}

/** A filter behind the host's recording door: removed once, with its scope at the latest. */
class RecordedFilter implements Filter {
  readonly key: FlowKey
  readonly vi: Vi
  readonly #inner: Filter
  readonly #book: ScopeBook
  readonly #gone: (filter: RecordedFilter) => void
  readonly #taking: Taking
  #removed = false

  constructor(inner: Filter, vi: Vi, book: ScopeBook, gone: (filter: RecordedFilter) => void) {
    this.key = inner.key
    this.vi = vi
    this.#inner = inner
    this.#book = book
    this.#gone = gone
    this.#taking = book.take('filter', JSON.stringify(inner.key), () => this.remove())
  }

  hits(): number {
    return this.#removed ? 0 : this.#inner.hits()
  }

  remove(): void {
    if (this.#removed) return
    this.#removed = true
    this.#book.forget(this.#taking)
    this.#inner.remove()
    this.#gone(this)
  }
}
