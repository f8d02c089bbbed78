import type {
  Arena,
  Channel,
  Closable,
  DomainId,
  GrantRef,
  GrantStatus,
  IoPage,
  Keys,
  Mac,
  Mapping,
  Page,
  VifScope,
} from '../contract/index.js'
import { AcceleratorError } from '../errors.js'
import { ChannelDoors } from './channel-doors.js'
import { closable, Doors } from './doors.js'
import type { VifDirectories } from './keys.js'
import { KeyDoors } from './keys.js'
import { PageDoors } from './page-doors.js'
import type { ScopeBook } from './scope-book.js'

/** What is known of a vif at this end, and what its doors ask of the attachment. */
export interface VifFacts {
  readonly handle: number
  readonly mac: Mac
  readonly queueCount: number
  readonly peer: DomainId
  readonly directories: VifDirectories
  /** Begin to detach soon; must return at once (LC-08). */
  requestDetach(reason: string): void
}

/** The doors of one vif: what both halves have. */
export class VifDoors extends Doors implements VifScope {
  readonly keys: Keys
  protected readonly book: ScopeBook
  readonly #facts: VifFacts
  readonly #pages: PageDoors
  readonly #channels: ChannelDoors

  constructor(book: ScopeBook, facts: VifFacts) {
    super(book)
    this.book = book
    this.#facts = facts
    this.#pages = new PageDoors(book)
    this.#channels = new ChannelDoors(book)
    this.keys = new KeyDoors(book, facts.directories)
  }

  get handle(): number {
    return this.#facts.handle
  }

  get mac(): Mac {
    return this.#facts.mac
  }

  get queueCount(): number {
    return this.#facts.queueCount
  }

  get peer(): DomainId {
    return this.#facts.peer
  }

  arena(pages: number): Arena {
    return this.#pages.arena(pages)
  }

  grant(page: Page, access: 'ro' | 'rw' | 'io', to?: DomainId): GrantRef {
    return this.#pages.grant(page, access, this.domainFor('grant', to))
  }

  endGrant(ref: GrantRef): boolean {
    return this.#pages.endGrant(ref)
  }

  map(refs: readonly GrantRef[], access: 'ro' | 'rw', from?: DomainId): Mapping | GrantStatus {
    return this.#pages.map(refs, access, this.domainFor('map', from))
  }

  mapIo(ref: GrantRef): IoPage | GrantStatus {
    return this.#pages.mapIo(ref, this.peer)
  }

  copy(ref: GrantRef, from: number, to: Arena, at: number, length: number): GrantStatus | 0 {
    return this.#pages.copy(ref, from, to, at, length, this.peer)
  }

  listen(event: () => void, remote?: DomainId): Channel {
    return this.#channels.listen(event, this.domainFor('listen', remote))
  }

  connect(port: number, event: () => void, remote?: DomainId): Channel | undefined {
    return this.#channels.connect(port, event, this.domainFor('connect', remote))
  }

  requestDetach(reason: string): void {
    if (this.book.alive()) this.#facts.requestDetach(reason)
  }

  override child(name: string): VifScope & Closable {
    this.book.enter('child')
    const book = this.book.child(name)
    return closable(new VifDoors(book, this.#facts), book)
  }

  /** The peer, or with capability `peers` any other domain. */
  private domainFor(door: string, domain: DomainId | undefined): DomainId {
    if (domain === undefined || domain === this.peer) return this.peer
    if (this.book.parts.capabilities.has('peers')) return domain
    this.book.parts.tally.violation('VN-06')
    throw new AcceleratorError(
      'NOT_DECLARED',
      `${door}: domain ${domain} is not the peer; that needs the capability 'peers'`,
    )
  }
}
