import type { Frame } from '@netaccel/packet'

const NONE = 0xffff

/** Where an id stands: nowhere, in the ring, answered in the batch that is being reaped. */
export const FREE = 0
export const OUT = 1
export const ANSWERED = 2

/**
 * The ids of a TX ring, and the frames that they stand for. Each data slot has an id of its own (also the number of its
 * grant reference); the ids of one frame point to its first, which stands for the frame until all have been answered.
 */
export class TxSlots {
  readonly size: number
  /** By first id. */
  readonly frames: (Frame | null)[]
  /** By id: the next free id, or the next of the frame. */
  readonly link: Uint16Array
  /** By id: the first id of its frame. */
  readonly head: Uint16Array
  /** By first id: slots of the frame that are not answered. */
  readonly pending: Uint8Array
  /** By id: FREE, OUT or ANSWERED. */
  readonly state: Uint8Array
  /** The free id that comes next. */
  freeId: number
  idsFree: number
  /** Ids not answered; the first of a frame is not free before its others, so this and {@link idsFree} may not add up. */
  idsOut: number
  framesOut: number

  constructor(size: number) {
    this.size = size
    this.frames = Array.from({ length: size }, () => null)
    this.link = new Uint16Array(size)
    for (let id = 0; id < size; id++) this.link[id] = id + 1 < size ? id + 1 : NONE
    this.head = new Uint16Array(size)
    this.pending = new Uint8Array(size)
    this.state = new Uint8Array(size)
    this.freeId = 0
    this.idsFree = size
    this.idsOut = 0
    this.framesOut = 0
  }

  /** The `ids` from {@link freeId} on, for `frames` frames, have been written; `next` is the free one behind them. */
  taken(next: number, ids: number, frames: number): void {
    this.freeId = next
    this.idsFree -= ids
    this.idsOut += ids
    this.framesOut += frames
  }

  /** Give back an id that stands for nothing any more. */
  give(id: number): void {
    this.link[id] = this.freeId
    this.freeId = id
    this.idsFree++
  }

  /** As many frames of one slot have been answered; `first`: their ids stand before {@link freeId}, linked to it. */
  given(first: number, count: number): void {
    this.freeId = first
    this.idsFree += count
    this.idsOut -= count
    this.framesOut -= count
  }

  /** All of a frame has been answered: its first id is given back, the frame is the caller's. */
  finish(first: number): Frame | null {
    const frame = this.frames[first]
    this.frames[first] = null
    this.framesOut--
    this.give(first)
    return frame
  }
}
