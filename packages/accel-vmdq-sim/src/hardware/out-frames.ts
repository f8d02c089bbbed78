import type { Arena, Frame } from '@netaccel/core'

const NOBODY = -1

/** Guests' frames that are with the wire, which lets go of them in order: whose each is. */
export class OutFrames {
  private readonly arena: Arena
  /** The pair, and in the lower 16 bits the place of the descriptor. */
  private readonly whose: Int32Array
  private head = 0
  private tail = 0

  /** `arena`: where these frames lie, and no others. `count`: a power of two. */
  constructor(arena: Arena, count: number) {
    this.arena = arena
    this.whose = new Int32Array(count)
  }

  has({ bytes, offset }: Frame): boolean {
    const { arena } = this
    return bytes === arena.bytes && offset >= arena.offset && offset < arena.offset + arena.length
  }

  push(pair: number, place: number): void {
    this.whose[this.tail++ & (this.whose.length - 1)] = (pair << 16) | place
  }

  /** Whose the oldest is, as it was pushed; negative: nobody's any more. */
  shift(): number {
    return this.whose[this.head++ & (this.whose.length - 1)]
  }

  /** A pair has gone: what it has sent is nobody's. */
  forget(pair: number): void {
    for (let at = this.head; at < this.tail; at++) {
      const index = at & (this.whose.length - 1)
      if (this.whose[index] >>> 16 === pair) this.whose[index] = NOBODY
    }
  }
}
