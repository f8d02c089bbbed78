import type { Frame } from '@netaccel/packet'

const NONE = 0xffff

/** Where an id stands: nowhere, in the ring, answered in the batch that is being reaped. */
export const FREE = 0
export const OUT = 1
export const ANSWERED = 2

const STATE = 3
const PENDING_SHIFT = 2
const PENDING = 0x1f
/** Of a free id: the next free one. Of any other: the first of its frame. */
const INDEX_SHIFT = 8

/** The word of a free id in front of `next`. */
export function freeWord(next: number): number {
  return next << INDEX_SHIFT
}

/** The word of an id in the ring that a frame has all to itself, or, once that has been answered, of one that it had. */
export function onlyWord(id: number, state: typeof OUT | typeof ANSWERED): number {
  return state | (1 << PENDING_SHIFT) | (id << INDEX_SHIFT)
}

/** The free id behind one with this word. */
export function nextOf(word: number): number {
  return word >>> INDEX_SHIFT
}

/** Is it in the ring? */
export function isOut(word: number): boolean {
  return (word & STATE) === OUT
}

/** The word of an id in the ring, once it is answered. */
export function answeredWord(word: number): number {
  return word ^ (OUT ^ ANSWERED)
}

/**
 * The ids of a TX ring, and the frames that they stand for. Each data slot has an id of its own (also the number of its
 * grant reference); the ids of one frame point to its first, which stands for the frame until all have been answered.
 */
export class TxSlots {
  readonly size: number
  /** By first id. */
  readonly frames: (Frame | null)[]
  /**
   * By id: FREE, OUT or ANSWERED; how many slots of the frame are not answered, if it is the first; the next free id, or the
   * first id of the frame. One word, since each array that a loop looks into costs it as much as the look itself.
   */
  readonly words: Int32Array
  /** The free id that comes next. */
  freeId: number
  idsFree: number
  /** Ids not answered; the first of a frame is not free before its others, so this and {@link idsFree} may not add up. */
  idsOut: number
  framesOut: number
  /** An id may have been permitted since none was out; false: none of those that are out was. */
  granted: boolean

  constructor(size: number) {
    this.size = size
    this.frames = Array.from({ length: size }, () => null)
    this.words = new Int32Array(size)
    for (let id = 0; id < size; id++) this.words[id] = freeWord(id + 1 < size ? id + 1 : NONE)
    this.freeId = 0
    this.idsFree = size
    this.idsOut = 0
    this.framesOut = 0
    this.granted = false
  }

  stateOf(id: number): number {
    return this.words[id] & STATE
  }

  setState(id: number, state: typeof FREE | typeof OUT): void {
    this.words[id] = (this.words[id] & ~STATE) | state
  }

  /** The first id of the frame that an id in the ring belongs to. */
  firstOf(id: number): number {
    return this.words[id] >>> INDEX_SHIFT
  }

  /** Slots of the frame that are not answered. */
  pendingOf(first: number): number {
    return (this.words[first] >>> PENDING_SHIFT) & PENDING
  }

  /** Free ids from `first` on become one frame's of `count` slots; returns the free one behind them. */
  take(first: number, count: number): number {
    let id = first
    for (let slot = 0; slot < count; slot++) {
      const next = nextOf(this.words[id])
      this.words[id] = OUT | (slot === 0 ? count << PENDING_SHIFT : 0) | (first << INDEX_SHIFT)
      id = next
    }
    return id
  }

  /** One slot less of the frame is unanswered; returns how many still are. */
  settle(first: number): number {
    this.words[first] -= 1 << PENDING_SHIFT
    return this.pendingOf(first)
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
    this.words[id] = freeWord(this.freeId)
    this.freeId = id
    this.idsFree++
  }

  /** As many frames of one slot have been answered: their ids are linked from `first` to `last`. */
  given(first: number, last: number, count: number): void {
    this.words[last] = freeWord(this.freeId)
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
