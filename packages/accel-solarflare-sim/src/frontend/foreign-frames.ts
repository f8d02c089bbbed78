import type { Frame } from '@netaccel/core'
import { ETH_DESTINATION } from '@netaccel/core'
import { FilterKey } from '../shared/filter-key.js'
import type { LetterBox } from '../shared/letter-box.js'
import * as words from '../shared/words.js'
import type { ForeignFrames } from './receiver.js'
import type { Tally } from './tally.js'

/** Nanoseconds between two hints: one frame too many is not worth a message each. */
const LEAST_NS = 10_000_000

/** Tells the backend half which filter let through a frame that is not for this guest, so that it takes it away. */
export class ForeignFrameHints implements ForeignFrames {
  private readonly letters: LetterBox
  private readonly tally: Tally
  private readonly now: () => number
  private readonly key = new FilterKey()
  private next = 0

  constructor(letters: LetterBox, tally: Tally, now: () => number) {
    this.letters = letters
    this.tally = tally
    this.now = now
  }

  seen(frame: Frame): void {
    const now = this.now()
    if (now < this.next || !this.key.read(frame)) return
    this.next = now + LEAST_NS
    const { ip, ports } = this.key
    const sent = this.letters.send((view, at) => {
      words.writeId(view, at, words.MSG_FASTPATH)
      words.writeFastPathHint(view, at, {
        flags: words.FASTPATH_REMOVE,
        mac: words.readMacWords(frame.view, frame.offset + ETH_DESTINATION),
        port: ports & 0xffff,
        ip: ip >>> 0,
        protocol: ports >>> 16 === 1 ? 6 : 17,
      })
    })
    if (sent) this.tally.hintsSent++
  }
}
