import type { WordView } from '@netaccel/packet'
import { copyBytes, foldSum, sumBytes } from '@netaccel/packet'
import { BUFFER_PAGE } from '../constants.js'
import type { AddressSpace } from './address-space.js'
import type { DmaCopies } from './bus.js'

const PAGE_MASK = BUFFER_PAGE - 1

/**
 * Moves and sums bytes: between machine memory, where an {@link AddressSpace} has allowed it, and packet buffers, which
 * lie in the same memory (then the copy engine does it), in that of the machine at the other end of the wire, or in the
 * wire's own.
 */
export class Dma {
  /** All of the machine's memory. */
  readonly memory: WordView
  private readonly copies: DmaCopies

  constructor(memory: WordView, copies: DmaCopies) {
    this.memory = memory
    this.copies = copies
  }

  /** Copies `length` bytes at `from` of machine memory. */
  out(from: number, length: number, to: WordView, toAt: number): void {
    if (to === this.memory) this.copies.copy(toAt, from, length)
    else copyBytes(to, toAt, this.memory, from, length)
  }

  /** Copies `length` bytes to `to` of machine memory. */
  in(to: number, length: number, from: WordView, fromAt: number): void {
    if (from === this.memory) this.copies.copy(to, fromAt, length)
    else copyBytes(this.memory, to, from, fromAt, length)
  }

  /** Reads `length` bytes; `from` is what `resolve` gave for `address`, SCATTERED included. */
  read(
    space: AddressSpace,
    vi: number,
    from: number,
    address: number,
    length: number,
    to: WordView,
    toAt: number,
  ): void {
    if (from >= 0) {
      this.out(from, length, to, toAt)
      return
    }
    for (let done = 0; done < length;) {
      const here = (address + done) | 0
      const part = Math.min(length - done, BUFFER_PAGE - (here & PAGE_MASK))
      this.out(space.resolve(vi, here, part), part, to, toAt + done)
      done += part
    }
  }

  /** The other way. */
  write(
    space: AddressSpace,
    vi: number,
    to: number,
    address: number,
    length: number,
    from: WordView,
    fromAt: number,
  ): void {
    if (to >= 0) {
      this.in(to, length, from, fromAt)
      return
    }
    for (let done = 0; done < length;) {
      const here = (address + done) | 0
      const part = Math.min(length - done, BUFFER_PAGE - (here & PAGE_MASK))
      this.in(space.resolve(vi, here, part), part, from, fromAt + done)
      done += part
    }
  }

  /** Frame moves within machine memory, listed there; see `frame-moves` of xen. */
  moveFrames(list: number, count: number): void {
    this.copies.moveFrames(list, count)
  }

  /** RFC 1071 sum of a packet buffer, folded, begun with `initial` (0 to 0xffff). */
  sum(words: WordView, at: number, length: number, initial: number): number {
    if (words === this.memory) return this.copies.checksum(at, length, initial)
    return foldSum(sumBytes(words, at, length) + initial)
  }
}
