// One end of the two halves' pages in the hand of somebody who writes what he likes: indices, flags, slots, and messages
// that are nearly right.
import { MESSAGE_BYTES, MESSAGE_USABLE, messageViews } from '@netaccel/core'
import type { Random } from '@netaccel/packet'
import { privateArena } from '@netaccel/packet'
import * as words from '../shared/words.js'

const RING_BYTES = 16 * MESSAGE_BYTES
/** Words of the control page: read and write index of the ring to the frontend, of that to the backend, the flags. */
const READ_0 = 1
const WRITE_0 = 2
const READ_1 = 3
const WRITE_1 = 4
const FLAGS = 5

/** Puts words of its own into a message of a kind that the other half expects; see {@link HostilePen.say}. */
export type Draft = (view: DataView, at: number) => void

export class HostilePen {
  readonly arena = privateArena(8192)
  readonly views = messageViews(this.arena)
  /** Words and messages written. */
  inputs = 0
  private readonly random: Random
  private readonly drafts: readonly Draft[]
  /** Where this end's ring begins in the message page, and the words that are this end's to write. */
  private readonly ring: number
  private readonly written: number
  private readonly read: number
  private readonly theirRead: number
  private readonly theirWritten: number
  /** All bytes that the other half may not write, as this end left them. */
  private shadow: Uint8Array

  /** `end`: whose part the pen plays. */
  constructor(random: Random, end: 'frontend' | 'backend', drafts: readonly Draft[]) {
    const front = end === 'frontend'
    this.random = random
    this.drafts = drafts
    this.ring = 4096 + (front ? RING_BYTES : 0)
    this.written = front ? WRITE_1 : WRITE_0
    this.read = front ? READ_0 : READ_1
    this.theirRead = front ? READ_1 : READ_0
    this.theirWritten = front ? WRITE_0 : WRITE_1
    this.shadow = this.arena.bytes.slice()
  }

  /** One move. */
  move(): void {
    const { random } = this
    switch (random.below(8)) {
      case 0:
        this.word(random.pick([this.written, this.read]), random.next32())
        break
      case 1:
        this.word(FLAGS, random.next32())
        break
      case 2:
        this.scribble()
        break
      case 3:
        // As many as it can say at once, or just too many.
        this.word(this.written, this.peek(this.theirRead) + MESSAGE_USABLE + random.below(3) - 1)
        break
      case 4:
        this.settle()
        break
      default:
        this.settle()
        for (let i = random.below(4); i >= 0; i--) this.say(random.pick(this.drafts))
    }
  }

  /** A message of this kind, in the slot that comes next; now and then a word of it is another. */
  say(draft: Draft, exact = false): void {
    const { random, arena } = this
    const index = this.peek(this.written)
    const at = this.ring + (index & 15) * MESSAGE_BYTES
    arena.bytes.fill(0, at, at + MESSAGE_BYTES)
    draft(arena.view, at)
    for (let spoiled = exact ? 3 : random.below(4); spoiled < 2; spoiled++)
      arena.view.setUint32(at + 4 * random.below(24), this.odd(), true)
    this.word(this.written, index + 1)
    this.keep()
  }

  /** Indices as an end would leave them that has read everything and says nothing. */
  settle(): void {
    this.word(this.written, this.peek(this.theirRead))
    this.word(this.read, this.peek(this.theirWritten))
  }

  /** Ids of the messages that the other half has written since `from`, its index then. */
  heard(from: number): string[] {
    const theirs = this.ring === 4096 ? 4096 + RING_BYTES : 4096
    const ids: string[] = []
    for (let index = from; index !== this.peek(this.theirWritten); index = (index + 1) >>> 0)
      ids.push(words.readId(this.arena.view, theirs + (index & 15) * MESSAGE_BYTES).toString(16))
    return ids
  }

  get theirIndex(): number {
    return this.peek(this.theirWritten)
  }

  /** What the other half has written where it has no business; empty: nothing. */
  trespasses(): string[] {
    const { bytes } = this.arena
    const found: string[] = []
    for (let i = 0; i < RING_BYTES; i++)
      if (bytes[this.ring + i] !== this.shadow[this.ring + i]) {
        found.push('wrote into a ring that it only reads')
        break
      }
    for (const word of [this.written, this.read])
      for (let i = 4 * word; i < 4 * word + 4; i++)
        if (bytes[i] !== this.shadow[i])
          found.push(`wrote word ${word} of the control page, which is not its own`)
    for (let i = 32; i < 4096; i++)
      if (bytes[i] !== this.shadow[i]) {
        found.push('wrote behind the words of the control page')
        break
      }
    return found
  }

  /** A word such as a careless end trusts: small, just beyond a limit, a power of two, or any. */
  odd(): number {
    const { random } = this
    return random.pick([
      random.below(20),
      1 << random.below(32),
      (1 << random.below(32)) - 1,
      -1 - random.below(4),
      random.next32(),
    ])
  }

  private scribble(): void {
    const { random, arena } = this
    for (let i = random.below(32); i >= 0; i--) {
      arena.view.setUint32(this.ring + 4 * random.below(RING_BYTES / 4), this.odd(), true)
      this.inputs++
    }
    this.keep()
  }

  private word(word: number, value: number): void {
    this.arena.view.setUint32(4 * word, value, true)
    this.inputs++
    this.keep()
  }

  private peek(word: number): number {
    return this.arena.view.getUint32(4 * word, true)
  }

  private keep(): void {
    this.shadow = this.arena.bytes.slice()
  }
}
