import type { MacWords } from './mac-words.js'

/** Addresses that one NIC can hold: far more than its VIs and the stations of one bridge. */
const PLACES = 2048

/**
 * Destinations that are on this host, in typed arrays: open addressing, never more than half full. An address may be
 * entered by several, a VI and a station of the bridge for instance, and stays until the last has taken it out.
 */
export class AddressTable {
  private readonly highs: Int32Array
  private readonly lows: Int32Array
  /** How often the address was entered; 0: the place is free. */
  private readonly counts: Int32Array
  private used: number

  constructor() {
    this.highs = new Int32Array(PLACES)
    this.lows = new Int32Array(PLACES)
    this.counts = new Int32Array(PLACES)
    this.used = 0
  }

  get size(): number {
    return this.used
  }

  /** `low` signed. */
  has(high: number, low: number): boolean {
    return this.counts[this.placeOf(high, low)] > 0
  }

  /** False: the table is full, and the address is not in it. */
  add({ high, low }: MacWords): boolean {
    const place = this.placeOf(high, low)
    if (this.counts[place] === 0) {
      if (this.used >= PLACES / 2) return false
      this.highs[place] = high
      this.lows[place] = low
      this.used++
    }
    this.counts[place]++
    return true
  }

  /** Undoes one {@link add}; without one it does nothing. */
  remove({ high, low }: MacWords): void {
    const place = this.placeOf(high, low)
    if (this.counts[place] === 0 || --this.counts[place] > 0) return
    this.used--
    this.closeGap(place)
  }

  /** The place of the address, or the free one where it would stand. */
  private placeOf(high: number, low: number): number {
    const { highs, lows, counts } = this
    let place = homeOf(high, low)
    while (counts[place] > 0 && (lows[place] !== low || highs[place] !== high))
      place = (place + 1) & (PLACES - 1)
    return place
  }

  /** Moves up what stood behind a place that has become free, so that no search ends early (Knuth 6.4, algorithm R). */
  private closeGap(free: number): void {
    const { highs, lows, counts } = this
    let gap = free
    for (let i = (free + 1) & (PLACES - 1); counts[i] > 0; i = (i + 1) & (PLACES - 1)) {
      const home = homeOf(highs[i], lows[i])
      if (((i - home) & (PLACES - 1)) < ((i - gap) & (PLACES - 1))) continue
      highs[gap] = highs[i]
      lows[gap] = lows[i]
      counts[gap] = counts[i]
      counts[i] = 0
      gap = i
    }
  }
}

function homeOf(high: number, low: number): number {
  return (Math.imul(low ^ (high << 13), 0x9e3779b1) >>> 16) & (PLACES - 1)
}
