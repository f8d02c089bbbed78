import type { LetterBox } from '../shared/letter-box.js'
import * as words from '../shared/words.js'

/** Addresses that wait for room in the ring; beyond, the oldest is given up. */
const MOST_WAITING = 64

/**
 * Tells the guest which addresses are on this host. One that finds the ring full waits and is sent when there is room; the
 * original lost it, and traffic to that address went to the wire until the guest's ARP table changed.
 */
export class LocalMacs {
  private readonly letters: LetterBox
  private readonly sent: { value: number }
  private waiting: words.MacWords[] = []

  constructor(letters: LetterBox, sent: { value: number }) {
    this.letters = letters
    this.sent = sent
  }

  tell(high: number, low: number): void {
    if (this.waiting.some((mac) => mac.high === high && mac.low === low)) return
    if (this.waiting.length === MOST_WAITING) this.waiting.shift()
    this.waiting.push({ high, low })
    this.pump()
  }

  /** Sends what waits, as far as there is room. To be called at each sign of room. */
  pump(): void {
    while (this.waiting.length > 0) {
      const mac = this.waiting[0]
      const sent = this.letters.send((view, at) => {
        words.writeId(view, at, words.MSG_LOCALMAC)
        words.writeLocalMac(view, at, { flags: words.LOCALMAC_ADD, mac })
      })
      if (!sent) return
      this.waiting.shift()
      this.sent.value++
    }
  }
}
