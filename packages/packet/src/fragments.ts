import { copyBytes } from './copy.js'
import type { Frame } from './frame.js'
import type { WordView } from './memory.js'

/**
 * The bytes of a frame behind its head, where they lie in pages that are not its buffer's: what skb_shared_info is to a
 * Linux packet. A page is named by its place in a table, and the table says where it is: **asked once for each access and
 * not kept**, since the page may be exchanged under the frame between two of them (lazy copying).
 */
export abstract class Fragments {
  /** The memory in which `table` names places. */
  readonly words: WordView
  /** By page: byte offset of it in that memory. */
  readonly table: Int32Array
  /** By fragment: its page, its first byte there, its length. */
  readonly pages: Int32Array
  readonly offsets: Uint16Array
  readonly lengths: Uint16Array
  count: number
  /** Bytes of all fragments. */
  bytes: number
  /** Descriptors of devices that name the pages now: whoever hands one to a device adds 1 and takes it back afterwards. */
  dma: number

  /** Made at set-up for at most `most` fragments, and used again and again. */
  constructor(words: WordView, table: Int32Array, most: number) {
    this.words = words
    this.table = table
    this.pages = new Int32Array(most)
    this.offsets = new Uint16Array(most)
    this.lengths = new Uint16Array(most)
    this.count = 0
    this.bytes = 0
    this.dma = 0
  }

  /** Where the first byte of a fragment is at this moment. */
  place(fragment: number): number {
    return this.table[this.pages[fragment]] + this.offsets[fragment]
  }

  /** Copy a fragment to `at` of `to`. */
  copyOut(fragment: number, to: WordView, at: number): void {
    copyBytes(to, at, this.words, this.place(fragment), this.lengths[fragment])
  }

  /** The frame has all bytes in its buffer now: the pages may go, those that a device reads when it has done so. */
  abstract linearised(frame: Frame): void
}

/** Bytes of a frame that lie in its buffer. */
export function headLength(frame: Frame): number {
  return frame.fragments === null ? frame.length : frame.length - frame.fragments.bytes
}

/** Copy all bytes of a frame to `at` of `to`, which is not its own buffer. */
export function gather(frame: Frame, to: WordView, at: number): void {
  const head = headLength(frame)
  copyBytes(to, at, frame.words, frame.offset, head)
  if (frame.fragments !== null) gatherFragments(frame.fragments, to, at + head)
}

/**
 * Bring all bytes of a frame into its buffer, which has room for them: for whoever reads or writes more than headers.
 * Nothing for a frame that has them there. The holders of a shared frame see the same bytes as before.
 */
export function linearise(frame: Frame): void {
  const { fragments } = frame
  if (fragments === null) return
  gatherFragments(fragments, frame.words, frame.offset + headLength(frame))
  frame.fragments = null
  fragments.linearised(frame)
}

function gatherFragments(fragments: Fragments, to: WordView, at: number): void {
  let next = at
  for (let i = 0; i < fragments.count; i++) {
    fragments.copyOut(i, to, next)
    next += fragments.lengths[i]
  }
}
