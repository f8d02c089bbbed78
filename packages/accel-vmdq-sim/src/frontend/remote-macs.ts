const PLACES = 256
/** Sweeps that an address outlives without being seen. */
const LIVES = 4

/**
 * Addresses that were seen as senders of frames that the NIC steered to us: they are behind the wire. One place for each
 * hash; a newer address takes the place of an older one. An address that was not seen for four sweeps is forgotten, so
 * one that has moved to this host is reached again (TX-11).
 */
export class RemoteMacs {
  private readonly high = new Int32Array(PLACES)
  private readonly low = new Int32Array(PLACES)
  private readonly lives = new Uint8Array(PLACES)

  has(high: number, low: number): boolean {
    const at = placeOf(high, low)
    return this.lives[at] > 0 && this.high[at] === high && this.low[at] === low
  }

  /** True: it was not known. */
  learn(high: number, low: number): boolean {
    const known = this.has(high, low)
    const at = placeOf(high, low)
    this.high[at] = high
    this.low[at] = low
    this.lives[at] = LIVES
    return !known
  }

  sweep(): void {
    for (let at = 0; at < PLACES; at++) if (this.lives[at] > 0) this.lives[at]--
  }
}

function placeOf(high: number, low: number): number {
  const hash = Math.imul(low ^ (high << 15), 0x9e3779b1)
  return (hash ^ (hash >>> 15)) & (PLACES - 1)
}
