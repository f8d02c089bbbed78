import { PAGE_SIZE } from '@netaccel/xen'
import type { Arena, Extent } from '@netaccel/xen'

/** Pages of a domain's that follow one another: the first, and how many. */
export type Run = readonly [first: number, count: number]

/**
 * What a guest's own program has of the guest's memory. It goes along, at the same places, when the guest moves or is saved;
 * what the drivers have does not, since they connect anew.
 */
export class GuestMemory {
  readonly #extent: Extent
  readonly #arenas: Arena[] = []

  constructor(extent: Extent) {
    this.#extent = extent
  }

  /** What is taken now, oldest first. After a move these are the same pages of the new domain. */
  get arenas(): readonly Arena[] {
    return this.#arenas
  }

  get runs(): readonly Run[] {
    return this.#arenas.map(({ offset, pages }) => [offset / PAGE_SIZE, pages.length])
  }

  /** `pages` contiguous zeroed pages, the program's until {@link give}. @throws XenError NO_MEMORY, BAD_ARGUMENT */
  take(pages: number): Arena {
    const arena = this.#extent.allocPages(pages)
    this.#arenas.push(arena)
    return arena
  }

  /** @throws XenError BAD_PAGE if they are not taken */
  give(arena: Arena): void {
    this.#extent.freePages(arena)
    const at = this.#arenas.indexOf(arena)
    if (at >= 0) this.#arenas.splice(at, 1)
  }

  /** For the host, of a new domain: the places that the guest has had. @throws XenError NO_MEMORY: nothing is taken then */
  claim(runs: readonly Run[]): void {
    try {
      for (const [first, count] of runs) this.#arenas.push(this.#extent.allocPagesAt(first, count))
    } catch (error) {
      for (const arena of this.#arenas.splice(0)) this.#extent.freePages(arena)
      throw error
    }
  }

  /** Bytes of these pages; a view of them. */
  at([first, count]: Run): Uint8Array {
    return this.#extent.bytes.subarray(first * PAGE_SIZE, (first + count) * PAGE_SIZE)
  }

  /** Of what is taken, the pages in which anything stands. */
  filled(): Run[] {
    const runs: [number, number][] = []
    for (const [first, count] of this.runs)
      for (let page = first; page < first + count; page++) {
        if (this.at([page, 1]).every((byte) => byte === 0)) continue
        const last = runs.at(-1)
        if (last !== undefined && last[0] + last[1] === page) last[1]++
        else runs.push([page, 1])
      }
    return runs
  }
}
