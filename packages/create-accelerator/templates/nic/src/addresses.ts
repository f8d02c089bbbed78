// Which Ethernet addresses are behind the wire: a table that the NIC keeps in a page, and guests read.
//
// A guest may send by its own queue only what has to go out on the wire. A frame for another guest of this host must go
// by the ring and the bridge; the NIC would send it away. So a destination is accepted only while there is evidence that
// it is behind the wire (TX-11), and the NIC has that evidence: it has seen a frame from there a short while ago, and none
// from this side.
import type { View } from '@netaccel/core'

const PLACES = 512
/** Places that an address may stand in. */
const WINDOW = 4
/** Set in word 1 of a place that is taken; below it the upper 16 bits of the address. Word 0: the lower 32. */
const TAKEN = 1 << 16
/** Times that the table is swept before an address that is not seen is forgotten. */
const LIVES = 4

/** The guest's side: reads only. An address is given as its upper 16 bits and its lower 32, as `getInt32` reads them. */
export class Addresses {
  protected readonly view: DataView
  protected readonly at: number

  constructor(page: View) {
    this.view = page.view
    this.at = page.offset
  }

  has(high: number, low: number): boolean {
    return this.find(high, low) >= 0
  }

  /** Its place, or -1. */
  protected find(high: number, low: number): number {
    const first = firstPlace(high, low)
    for (let i = 0; i < WINDOW; i++) {
      const place = (first + i) & (PLACES - 1)
      const at = this.at + place * 8
      if (this.view.getInt32(at + 4, true) === (high | TAKEN) && this.view.getInt32(at, true) === low)
        return place
    }
    return -1
  }
}

/** The NIC's side. */
export class AddressTable extends Addresses {
  private readonly lives = new Uint8Array(PLACES)

  /** A frame from this address has come in from the wire. */
  learn(high: number, low: number): void {
    const known = this.find(high, low)
    const place = known >= 0 ? known : this.placeFor(high, low)
    this.lives[place] = LIVES
    if (known < 0) this.put(place, high | TAKEN, low)
  }

  /** A frame from this address has gone out: it is on this side. */
  forget(high: number, low: number): void {
    const place = this.find(high, low)
    if (place >= 0) this.put(place, 0, 0)
  }

  /** To be called at intervals. */
  sweep(): void {
    for (let place = 0; place < PLACES; place++) {
      if (this.lives[place] === 0) continue
      this.lives[place]--
      if (this.lives[place] === 0) this.put(place, 0, 0)
    }
  }

  /** The place of its window whose address was not seen for longest. */
  private placeFor(high: number, low: number): number {
    const first = firstPlace(high, low)
    let oldest = first
    for (let i = 1; i < WINDOW; i++) {
      const place = (first + i) & (PLACES - 1)
      if (this.lives[place] < this.lives[oldest]) oldest = place
    }
    return oldest
  }

  private put(place: number, word1: number, word0: number): void {
    const at = this.at + place * 8
    if (word1 === 0) this.lives[place] = 0
    // Taken last, and given up before it is written over, so that no guest reads half an address.
    this.view.setInt32(at + 4, 0, true)
    this.view.setInt32(at, word0, true)
    this.view.setInt32(at + 4, word1, true)
  }
}

function firstPlace(high: number, low: number): number {
  const hash = Math.imul(low ^ (high << 15), 0x9e3779b1)
  return (hash ^ (hash >>> 15)) & (PLACES - 1)
}
