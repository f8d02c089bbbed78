import { MESSAGE_BYTES } from './words.js'
import type { MessagePages } from '@netaccel/core'

/** Messages taken in one go; a peer that writes as fast as we read gets its next turn later. */
const MOST_AT_ONCE = 64

/** Puts one message of 128 bytes down. */
export type WriteMessage = (view: DataView, at: number) => void

/** What came of reading the messages that stood there. */
export type ReadOutcome = 'empty' | 'more' | 'bad'

/** One end of the two message rings: what a message is written with, and the loop that reads. */
export class LetterBox {
  private readonly pages: MessagePages
  private readonly bytes = new Uint8Array(MESSAGE_BYTES)
  private readonly view = new DataView(this.bytes.buffer)

  constructor(pages: MessagePages) {
    this.pages = pages
  }

  /** A message of our own accord: needs more than half of the ring. False: no room; there will be a sign when there is. */
  send(write: WriteMessage): boolean {
    return this.put(write, 'ordinary')
  }

  /** An answer: may use the whole ring. False: the other half does not read. */
  reply(write: WriteMessage): boolean {
    return this.put(write, 'reply')
  }

  /** Reads what stands there; each message is a copy that nobody else writes. */
  read(each: (view: DataView, at: number) => void): ReadOutcome {
    for (let i = 0; i < MOST_AT_ONCE; i++) {
      const got = this.pages.receive()
      if (got === 'bad') return 'bad'
      if (got === 'none') return 'empty'
      each(this.pages.message, 0)
    }
    return 'more'
  }

  private put(write: WriteMessage, kind: 'ordinary' | 'reply'): boolean {
    this.bytes.fill(0)
    write(this.view, 0)
    return this.pages.send(this.bytes, kind) === 'sent'
  }
}
