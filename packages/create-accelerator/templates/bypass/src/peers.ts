// Whom a guest may send to: a list of addresses that the switch keeps in a page, and the guest reads.
import type { View } from '@netaccel/core'

export const MOST_PEERS = 32
// Word 0: version, one more at each change. Word 1: how many. From byte 8: upper 16 bits, lower 32 bits of each address.
const VERSION = 0
const COUNT = 4
const LIST = 8

/** The guest's side: reads only. An address is given as its upper 16 bits and its lower 32, as `getInt32` reads them. */
export class Peers {
  protected readonly view: DataView
  protected readonly at: number

  constructor(page: View) {
    this.view = page.view
    this.at = page.offset
  }

  get version(): number {
    return this.view.getUint32(this.at + VERSION, true)
  }

  has(high: number, low: number): boolean {
    const { view, at } = this
    const count = Math.min(view.getUint32(at + COUNT, true), MOST_PEERS)
    for (let place = at + LIST, i = 0; i < count; i++, place += 8)
      if (view.getInt32(place + 4, true) === low && view.getInt32(place, true) === high) return true
    return false
  }
}

/** The switch's side. */
export class PeerList extends Peers {
  /** Writes all of them anew, and the version last. */
  write(macs: readonly (readonly [high: number, low: number])[]): void {
    const { view, at } = this
    const count = Math.min(macs.length, MOST_PEERS)
    view.setUint32(at + COUNT, 0, true)
    for (let i = 0; i < count; i++) {
      const [high, low] = macs[i]
      view.setInt32(at + LIST + i * 8, high, true)
      view.setInt32(at + LIST + i * 8 + 4, low, true)
    }
    view.setUint32(at + COUNT, count, true)
    view.setUint32(at + VERSION, (this.version + 1) >>> 0, true)
  }
}
