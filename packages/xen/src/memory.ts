/** 4 KiB always, whatever the page size of the machine below. */
export const PAGE_SIZE = 4096
export const PAGE_SHIFT = 12

/**
 * A gfn: a frame number of the domain that owns the page, the number that goes into a grant entry. Handed on, not
 * computed with.
 */
export type Page = number & { readonly page: unique symbol }

/**
 * A range of memory with the typed arrays to reach it. `view`, `bytes` and `words` cover the same memory, made once
 * per extent or per mapped page; the range is `[offset, offset + length)` in them. The index into `words` (for
 * Atomics) is byte offset >> 2.
 */
export interface SharedView {
  readonly view: DataView
  readonly bytes: Uint8Array
  readonly words: Int32Array
  readonly offset: number
  readonly length: number
}

/** Contiguous pages of one domain, zeroed when allocated. `offset` is relative to the domain. */
export interface Arena extends SharedView {
  readonly pages: readonly Page[]
}
