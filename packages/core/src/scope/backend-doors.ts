import type {
  BackendPort,
  BackendVif,
  Closable,
  Filter,
  FilterStatus,
  FlowKey,
  GuestObserver,
  Vi,
  ViRequest,
  ViStatus,
} from '../contract/index.js'
import { closable } from './doors.js'
import type { FilterTable } from './filters.js'
import { guarded } from './port-doors.js'
import type { PortHub } from './port-hub.js'
import type { ScopeBook } from './scope-book.js'
import type { Quota } from './vi.js'
import { RecordedVi } from './vi.js'
import type { VifFacts } from './vif-doors.js'
import { VifDoors } from './vif-doors.js'

/** The keys `limits/*` of a vif. */
export interface VifLimits {
  readonly filters: number
  readonly bufferPages: number
  readonly multicasts: number
}

/** What netback says of one vif, and what its doors act on; one for all scopes of the vif. */
export interface BackendFacts extends VifFacts {
  readonly port: BackendPort
  readonly hub: PortHub
  readonly limits: VifLimits
  readonly bufferPages: Quota
  readonly filters: FilterTable
  /** Whose VI a flow belongs to. */
  queueFor(key: FlowKey): number
  /** Look at the guest's frames; the returned function ends it. */
  tap(observer: GuestObserver): () => void
  punish(evidence: string): void
}

/** One vif of a guest, as the backend half meets it. */
export class BackendDoors extends VifDoors implements BackendVif {
  readonly #facts: BackendFacts

  constructor(book: ScopeBook, facts: BackendFacts) {
    super(book, facts)
    this.#facts = facts
  }

  get port(): BackendPort {
    return this.#facts.port
  }

  get limits(): VifLimits {
    return this.#facts.limits
  }

  createVi(request: ViRequest): Vi | ViStatus {
    const { book } = this
    if (!book.open) {
      book.parts.tally.late()
      return 'closed'
    }
    const { vis } = this.#facts.hub.port
    if (vis === undefined || request.owner !== this.peer) return 'unsupported'
    if (book.fails('createVi')) return 'none-left'
    const vi = vis.create({ ...request, mac: this.mac })
    if (typeof vi === 'string') return vi
    const { bufferPages, filters } = this.#facts
    return new RecordedVi(vi, book, bufferPages, (closing) => filters.removeOf(closing))
  }

  insertFilter(key: FlowKey, vi: Vi): Promise<Filter | FilterStatus> {
    return this.#facts.filters.insert(this.book, key, vi)
  }

  queueFor(key: FlowKey): number {
    return this.#facts.queueFor(key)
  }

  observe(observer: GuestObserver): void {
    const { book } = this
    book.enter('observe')
    const { fromGuest, toGuest } = observer
    const remove = this.#facts.tap({
      ...(fromGuest && { fromGuest: guarded(book, (frame) => observer.fromGuest?.(frame)) }),
      ...(toGuest && { toGuest: guarded(book, (frame) => observer.toGuest?.(frame)) }),
    })
    book.take('observer', 'the guest', remove)
  }

  punish(evidence: string): void {
    if (this.book.alive()) this.#facts.punish(evidence)
  }

  override child(name: string): BackendVif & Closable {
    this.book.enter('child')
    const book = this.book.child(name)
    return closable(new BackendDoors(book, this.#facts), book)
  }
}
