/** Places that one lookup looks at. */
const WAYS = 8
/** Sweeps that an entry outlives without being seen. */
const LIVES = 4
/** In the word of the first 2 bytes: the place is taken. */
const TAKEN = 1 << 16

/**
 * The remote addresses that may be reached past the bridge: those seen as the source of frames that came by the NIC.
 * An address seen there is not on this host, so what is sent to it need not pass the host's bridge.
 *
 * Bounded: `sets` times 8 places; a new address takes the place of the one of its set that was seen longest ago.
 * Entries age: one that was not seen for 4 calls of {@link sweep} is gone (the original never forgot, so a lost LOCALMAC
 * sent local traffic to the wire for ever). Lookups and learning read no clock and allocate
 * nothing; the last 4 bytes of an address are best passed as a signed number, which is never boxed.
 */
export class MacTable {
  readonly capacity: number
  /** Called when an address was learnt while none was known: time to begin sweeping. */
  onFirst: () => void
  private readonly highs: Uint32Array
  private readonly lows: Int32Array
  /** Number of the sweep before which the address was last seen. */
  private readonly seen: Uint32Array
  private readonly setMask: number
  /** Where the last address was found, asked for and learnt: hints, which are compared again. */
  private lastFound: number
  private lastLearnt: number
  private known: number
  private sweeps: number

  /** `sets` is a power of two. */
  constructor(sets = 64) {
    this.capacity = sets * WAYS
    this.onFirst = ignore
    this.highs = new Uint32Array(this.capacity)
    this.lows = new Int32Array(this.capacity)
    this.seen = new Uint32Array(this.capacity)
    this.setMask = sets - 1
    this.lastFound = 0
    this.lastLearnt = 0
    this.known = 0
    this.sweeps = 0
  }

  get size(): number {
    return this.known
  }

  /** True while the evidence for this address stands. */
  has(high: number, low: number): boolean {
    // Frames to one address come in runs: look first where the last was.
    const { lastFound } = this
    if (this.lows[lastFound] === low && this.highs[lastFound] === (high | TAKEN)) return true
    const place = this.find(high, low)
    if (place < 0) return false
    this.lastFound = place
    return true
  }

  /** A frame of this address has come by the NIC. True: it was not known. */
  learn(high: number, low: number): boolean {
    const { lastLearnt } = this
    const same = this.lows[lastLearnt] === low && this.highs[lastLearnt] === (high | TAKEN)
    const known = same ? lastLearnt : this.find(high, low)
    if (known >= 0) {
      this.lastLearnt = known
      this.seen[known] = this.sweeps
      return false
    }
    const place = this.oldest(this.firstOf(high, low))
    if (this.highs[place] === 0) this.known++
    this.highs[place] = high | TAKEN
    this.lows[place] = low
    this.seen[place] = this.sweeps
    if (this.known === 1) this.onFirst()
    return true
  }

  /** The address is on this host. True: it stood here. */
  remove(high: number, low: number): boolean {
    const place = this.find(high, low)
    if (place < 0) return false
    this.highs[place] = 0
    this.known--
    return true
  }

  /** A quarter of an entry's life has passed. False: nothing is known any more, sweeping may stop. */
  sweep(): boolean {
    this.sweeps++
    for (let i = 0; i < this.capacity; i++) {
      if (this.highs[i] === 0 || this.sweeps - this.seen[i] < LIVES) continue
      this.highs[i] = 0
      this.known--
    }
    return this.known > 0
  }

  private firstOf(high: number, low: number): number {
    let hash = Math.imul(low ^ (high << 15), 0x9e3779b1)
    hash ^= hash >>> 15
    return (hash & this.setMask) * WAYS
  }

  private find(high: number, low: number): number {
    const { highs, lows } = this
    const taken = high | TAKEN
    const last = low | 0
    const first = this.firstOf(high, low)
    for (let i = first; i < first + WAYS; i++) if (lows[i] === last && highs[i] === taken) return i
    return -1
  }

  /** A free place of the set, or the one seen longest ago. */
  private oldest(first: number): number {
    const { highs, seen } = this
    let oldest = first
    for (let i = first; i < first + WAYS; i++) {
      if (highs[i] === 0) return i
      if (seen[i] < seen[oldest]) oldest = i
    }
    return oldest
  }
}

function ignore(): void {}
