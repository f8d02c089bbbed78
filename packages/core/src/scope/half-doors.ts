import type { DomainId, HalfContext } from '../contract/index.js'
import type { GenerationFacts } from '../loader-types.js'
import { Doors } from './doors.js'
import type { ScopeBook } from './scope-book.js'

type HalfFacts = Pick<GenerationFacts, 'name' | 'version' | 'options' | 'requestUnload'>

/** The scope of one generation in one domain. */
export class HalfDoors extends Doors implements HalfContext {
  readonly name: string
  readonly version: number
  readonly domain: DomainId
  readonly options: Readonly<Record<string, unknown>>
  readonly #book: ScopeBook
  readonly #requestUnload: (reason: string) => void

  constructor(book: ScopeBook, facts: HalfFacts) {
    super(book)
    this.#book = book
    this.name = facts.name
    this.version = facts.version
    this.domain = book.parts.domain.id
    this.options = facts.options
    this.#requestUnload = facts.requestUnload
  }

  requestUnload(reason: string): void {
    if (this.#book.alive()) this.#requestUnload(reason)
  }
}
