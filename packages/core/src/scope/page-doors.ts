import { GNTST_BAD_COPY_ARG, GNTST_GENERAL_ERROR, GNTST_OKAY, PAGE_SHIFT, PAGE_SIZE } from '@netaccel/xen'
import type { MappedPage } from '@netaccel/xen'
import type {
  Arena,
  DomainId,
  GrantRef,
  GrantStatus,
  IoPage,
  Mapping,
  Page,
  View,
} from '../contract/index.js'
import { AcceleratorError } from '../errors.js'
import { machineFrameOf, mappedPageHandle } from './machine-page.js'
import { allocateArena } from './pages.js'
import type { ScopeBook, Taking } from './scope-book.js'

interface Grant {
  readonly page: Page
  readonly to: DomainId
  readonly taking: Taking
}

/** The doors to memory of one vif scope: arenas, grants, mappings and copies. */
export class PageDoors {
  readonly #book: ScopeBook
  readonly #grants = new Map<GrantRef, Grant>()
  readonly #arenas = new Set<Arena>()

  constructor(book: ScopeBook) {
    this.#book = book
  }

  arena(pages: number): Arena {
    const book = this.#book
    book.enter('arena')
    if (!Number.isSafeInteger(pages) || pages < 1) {
      throw new AcceleratorError('BAD_ARGUMENT', `arena: ${pages} pages; give a whole number of 1 or more`)
    }
    const arena = book.fails('arena') ? undefined : allocateArena(book.parts, pages)
    if (arena === undefined) throw new AcceleratorError('NO_MEMORY', `arena: no ${pages} contiguous pages`)
    this.#arenas.add(arena)
    book.take('arena', `${pages} pages`, () => {
      this.#arenas.delete(arena)
      book.parts.kept.release(arena)
    })
    return arena
  }

  grant(page: Page, access: 'ro' | 'rw' | 'io', to: DomainId): GrantRef {
    const book = this.#book
    book.enter('grant')
    if (machineFrameOf(page) >= 0) {
      throw new AcceleratorError(
        'BAD_ARGUMENT',
        "grant: the page is another domain's, mapped here; only its owner grants it",
      )
    }
    const ref = book.fails('grant') ? -1 : this.tryGrant(page, access, to)
    if (ref < 0) throw new AcceleratorError('NO_GRANTS', `grant: page ${page} to domain ${to}`)
    const taking = book.take('grant', `ref ${ref} to domain ${to}`, () => {
      this.#grants.delete(ref)
      this.end(ref, page, to)
    })
    this.#grants.set(ref, { page, to, taking })
    return ref
  }

  endGrant(ref: GrantRef): boolean {
    const book = this.#book
    if (!book.alive()) return false
    const grant = this.#grants.get(ref)
    if (grant === undefined) {
      book.parts.tally.violation('MEM-02')
      return false
    }
    this.#grants.delete(ref)
    book.forget(grant.taking)
    return this.end(ref, grant.page, grant.to)
  }

  /** False: it is still mapped there, which is counted. */
  private end(ref: GrantRef, page: Page, to: DomainId): boolean {
    const { kept, tally } = this.#book.parts
    const ended = kept.endGrant(ref, page, to, this.#book.name)
    if (!ended) tally.bump('grants_deferred')
    return ended
  }

  map(refs: readonly GrantRef[], access: 'ro' | 'rw', from: DomainId): Mapping | GrantStatus {
    const book = this.#book
    book.enter('map')
    if (book.fails('map')) return GNTST_GENERAL_ERROR
    const ops = book.parts.domain.grantOps
    const mapped: MappedPage[] = []
    for (const ref of refs) {
      const page = ops.map(from, ref, access)
      if (typeof page === 'number') {
        for (const earlier of mapped.reverse()) ops.unmap(earlier)
        return page
      }
      mapped.push(page)
    }
    return this.record(mapped, from)
  }

  mapIo(ref: GrantRef, from: DomainId): IoPage | GrantStatus {
    const book = this.#book
    book.enter('mapIo')
    if (book.fails('mapIo')) return GNTST_GENERAL_ERROR
    const ops = book.parts.domain.grantOps
    const page = ops.mapIo(from, ref)
    if (typeof page === 'number') return page
    let live = true
    book.take('mapping', `I/O page of domain ${from}`, () => {
      live = false
      ops.unmap(page)
    })
    const usable = () => {
      if (!live) book.parts.tally.late()
      return live
    }
    return {
      write32: (offset, value) => {
        if (!usable()) return
        book.parts.engine.charge('doorbell', 1)
        page.write32(offset, value)
      },
      read32: (offset) => (usable() ? page.read32(offset) : 0xffffffff),
    }
  }

  copy(ref: GrantRef, from: number, to: Arena, at: number, length: number, peer: DomainId): GrantStatus | 0 {
    const book = this.#book
    book.enter('copy')
    if (!this.#arenas.has(to)) {
      throw new AcceleratorError(
        'BAD_ARGUMENT',
        'copy: the arena was not taken through this scope; copy into one that was',
      )
    }
    if (book.fails('copy')) return GNTST_GENERAL_ERROR
    if (!inside(from, length, PAGE_SIZE) || !inside(at, length, to.length)) return GNTST_BAD_COPY_ARG
    return this.copyIn(ref, from, to.offset + at, length, peer)
  }

  /** A grant copy crosses no page on either side, so the range is cut at the pages of this side. */
  private copyIn(ref: GrantRef, from: number, at: number, length: number, peer: DomainId): GrantStatus | 0 {
    const batch = this.#book.parts.domain.copyBatch()
    for (let done = 0; done < length;) {
      const part = Math.min(length - done, PAGE_SIZE - ((at + done) % PAGE_SIZE))
      batch.fromGrant(ref, peer, from + done, at + done, part)
      done += part
    }
    batch.run()
    let status: GrantStatus | 0 = 0
    for (let i = batch.count - 1; i >= 0; i--) if (batch.status(i) !== GNTST_OKAY) status = batch.status(i)
    batch.dispose()
    return status
  }

  private tryGrant(page: Page, access: 'ro' | 'rw' | 'io', to: DomainId): GrantRef {
    try {
      return this.#book.parts.domain.grants.grant(to, page, access)
    } catch (cause) {
      this.#book.parts.log('warn', this.#book.name, 'no grant entry', cause)
      return -1
    }
  }

  private record(mapped: readonly MappedPage[], from: DomainId): Mapping {
    const book = this.#book
    const ops = book.parts.domain.grantOps
    const taking = book.take('mapping', `${mapped.length} pages of domain ${from}`, () => {
      for (let i = mapped.length - 1; i >= 0; i--) ops.unmap(mapped[i])
    })
    const whole = wholeOf(mapped)
    return {
      pages: mapped.map((page) => ({
        view: page.view,
        bytes: page.bytes,
        offset: page.offset,
        length: page.length,
        page: mappedPageHandle(page),
      })),
      ...(whole && { whole }),
      unmap: () => {
        if (book.forget(taking)) void taking.undo(false)
        else book.parts.tally.late()
      },
    }
  }
}

function inside(at: number, length: number, size: number): boolean {
  return at >= 0 && length >= 1 && at + length <= size && Number.isInteger(at) && Number.isInteger(length)
}

/** One view over all the pages, when they follow one another in machine memory. */
function wholeOf(mapped: readonly MappedPage[]): View | undefined {
  const first = mapped[0]
  if (first === undefined) return undefined
  for (let i = 1; i < mapped.length; i++) {
    if (mapped[i].hostAddr !== first.hostAddr + (i << PAGE_SHIFT)) return undefined
  }
  const length = mapped.length << PAGE_SHIFT
  const { buffer } = first.bytes
  return {
    view: new DataView(buffer, first.hostAddr, length),
    bytes: new Uint8Array(buffer, first.hostAddr, length),
    offset: 0,
    length,
  }
}
