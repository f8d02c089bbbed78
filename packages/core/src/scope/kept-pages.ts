import type { Arena as XenArena, Engine } from '@netaccel/xen'
import type { Arena, DomainId, GrantRef, Page } from '../contract/index.js'
import { NS_PER_MS } from '../control-clock.js'
import type { DoorDomain } from './door-domain.js'

const RETRY_NS = 1000 * NS_PER_MS

/** What the pages of one domain are given back to. */
export interface PageHome {
  /** Make the grant invalid; false: the other domain still maps the page. */
  tryEnd(ref: GrantRef): boolean
  freeArena(arena: Arena): void
}

/** A page that another domain still maps, though its grant was to end. */
export interface KeptPage {
  readonly ref: GrantRef
  readonly page: Page
  readonly by: DomainId
  /** The scope that granted it. */
  readonly scope: string
}

interface Waiting {
  readonly arena: Arena
  /** Frames of the arena that are still with the host's stack. */
  readonly onLoan: () => number
}

/**
 * The pages of a domain that cannot be used again yet: another domain still maps them, or frames in them are still
 * with the stack. A mapped page could be written at any moment, so it is left alone and its grant tried again each
 * second (MEM-04; the reason for XSA-396). Outlives every scope.
 */
export class KeptPages {
  /**
   * Told, once each, which pages another domain still maps at the first retry, a second after their grants were to end;
   * null: nobody asks.
   */
  onHeld: ((pages: readonly KeptPage[]) => void) | null = null
  readonly #engine: Engine
  readonly #home: PageHome
  readonly #grants = new Map<GrantRef, KeptPage>()
  readonly #told = new Set<GrantRef>()
  readonly #waiting = new Set<Waiting>()
  #timer: { cancel(): void } | undefined

  constructor(engine: Engine, home: PageHome) {
    this.#engine = engine
    this.#home = home
  }

  /** Those of a domain: its grant table and its extent. */
  static of(engine: Engine, domain: DoorDomain): KeptPages {
    const { grants, extent } = domain
    return new KeptPages(engine, {
      tryEnd: (ref) => {
        if (!grants.tryEnd(ref)) return false
        grants.release(ref)
        return true
      },
      freeArena: (arena) => extent.freePages(arena as XenArena),
    })
  }

  /** End a grant. False: it is still mapped there; the page is kept and the grant tried again. */
  endGrant(ref: GrantRef, page: Page, by: DomainId, scope: string): boolean {
    if (this.#home.tryEnd(ref)) return true
    this.keep({ ref, page, by, scope })
    return false
  }

  /** Keep a page whose grant could not be ended. */
  keep(page: KeptPage): void {
    this.#grants.set(page.ref, page)
    this.watch()
  }

  /** Free an arena as soon as none of its pages is mapped elsewhere and no frame of it is with the stack. */
  release(arena: Arena, onLoan: () => number = none): void {
    this.#waiting.add({ arena, onLoan })
    this.settle()
    this.watch()
  }

  /** The pages that other domains still map. */
  get mapped(): readonly KeptPage[] {
    return [...this.#grants.values()]
  }

  /** Pages of closed scopes that wait for frames or for other domains (`pagesOnLoan` in a world's status). */
  get pagesOnLoan(): number {
    let pages = 0
    for (const { arena } of this.#waiting) pages += arena.pages.length
    return pages
  }

  /** Free what can be freed now: called when a frame has come back. */
  settle(): void {
    for (const waiting of this.#waiting) {
      if (waiting.onLoan() > 0 || this.keepsPageOf(waiting.arena)) continue
      this.#waiting.delete(waiting)
      this.#home.freeArena(waiting.arena)
    }
  }

  /** The domain is gone: nothing is tried any more. */
  stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#grants.clear()
    this.#told.clear()
    this.#waiting.clear()
  }

  private retry(): void {
    this.#timer = undefined
    const held: KeptPage[] = []
    for (const [ref, page] of [...this.#grants]) {
      if (this.#home.tryEnd(ref)) {
        this.#grants.delete(ref)
        this.#told.delete(ref)
      } else if (!this.#told.has(ref)) {
        this.#told.add(ref)
        held.push(page)
      }
    }
    this.settle()
    this.watch()
    if (held.length > 0) this.onHeld?.(held)
  }

  /** Frames come back by themselves; only grants have to be tried again. */
  private watch(): void {
    if (this.#grants.size === 0 || this.#timer !== undefined) return
    this.#timer = this.#engine.after(RETRY_NS, () => this.retry())
  }

  private keepsPageOf(arena: Arena): boolean {
    for (const { page } of this.#grants.values()) if (arena.pages.includes(page)) return true
    return false
  }
}

function none(): number {
  return 0
}
