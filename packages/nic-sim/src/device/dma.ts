import type { WordView } from '@netaccel/packet'
import { copyBytes } from '@netaccel/packet'
import { BUFFER_PAGE } from '../constants.js'
import type { AddressSpace } from './address-space.js'

const PAGE_MASK = BUFFER_PAGE - 1

/** Between machine memory and the NIC's or the wire's own: reads and writes what an {@link AddressSpace} has allowed. */
export class Dma {
  private readonly memory: WordView

  constructor(memory: WordView) {
    this.memory = memory
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
      copyBytes(to, toAt, this.memory, from, length)
      return
    }
    for (let done = 0; done < length;) {
      const here = (address + done) | 0
      const part = Math.min(length - done, BUFFER_PAGE - (here & PAGE_MASK))
      copyBytes(to, toAt + done, this.memory, space.resolve(vi, here, part), part)
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
      copyBytes(this.memory, to, from, fromAt, length)
      return
    }
    for (let done = 0; done < length;) {
      const here = (address + done) | 0
      const part = Math.min(length - done, BUFFER_PAGE - (here & PAGE_MASK))
      copyBytes(this.memory, space.resolve(vi, here, part), from, fromAt + done, part)
      done += part
    }
  }
}
