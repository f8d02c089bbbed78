import type { Arena } from '@netaccel/core'
import { BUFFER_PAGE, BUFFER_SHIFT } from '@netaccel/nic-sim/constants'

const PAGE_MASK = BUFFER_PAGE - 1

/**
 * Where the guest's pages stand in the NIC's buffer table: page of the guest's memory to table index. Index 0 is
 * never given out by the NIC, so it stands for "not registered" here.
 */
export class PageTable {
  private readonly firstPage: number
  private readonly indices: Uint32Array

  /** For the pages of these arenas, which lie in one memory. */
  constructor(arenas: readonly Arena[]) {
    let first = Number.MAX_SAFE_INTEGER
    let end = 0
    for (const { offset, length } of arenas) {
      first = Math.min(first, offset >>> BUFFER_SHIFT)
      end = Math.max(end, (offset + length + PAGE_MASK) >>> BUFFER_SHIFT)
    }
    this.firstPage = arenas.length === 0 ? 0 : first
    this.indices = new Uint32Array(Math.max(0, end - this.firstPage))
  }

  /** The page that holds byte `offset` has this index. */
  set(offset: number, index: number): void {
    this.indices[(offset >>> BUFFER_SHIFT) - this.firstPage] = index
  }

  /** Index of the page that holds byte `offset`; 0: none. */
  indexOf(offset: number): number {
    const page = (offset >>> BUFFER_SHIFT) - this.firstPage
    return page >= 0 && page < this.indices.length ? this.indices[page] : 0
  }

  /** Buffer address (`bufferAddress`) of byte `offset`, whose page is registered; signed, which is never boxed. */
  addressOf(offset: number): number {
    return (this.indices[(offset >>> BUFFER_SHIFT) - this.firstPage] << BUFFER_SHIFT) | (offset & PAGE_MASK)
  }

  /**
   * Descriptors that `length` bytes at `offset` take: one for each stretch of pages that follow one another in the
   * buffer table too. 0: some page is not registered.
   */
  stretches(offset: number, length: number): number {
    const { indices } = this
    const first = (offset >>> BUFFER_SHIFT) - this.firstPage
    const last = ((offset + length - 1) >>> BUFFER_SHIFT) - this.firstPage
    if (length < 1 || first < 0 || last >= indices.length) return 0
    let before = indices[first]
    if (before === 0) return 0
    let count = 1
    for (let page = first + 1; page <= last; page++) {
      const index = indices[page]
      if (index === 0) return 0
      if (index !== before + 1) count++
      before = index
    }
    return count
  }

  /** Bytes from `offset`, at most `length`, that one descriptor can name. */
  stretch(offset: number, length: number): number {
    const { indices } = this
    let page = (offset >>> BUFFER_SHIFT) - this.firstPage
    let bytes = BUFFER_PAGE - (offset & PAGE_MASK)
    while (bytes < length && indices[page + 1] === indices[page] + 1) {
      page++
      bytes += BUFFER_PAGE
    }
    return bytes < length ? bytes : length
  }
}
