/** Ways of one set: an address has that many places, so a lookup or an insertion looks at no more. */
const WAYS = 4

/** No port: the address is not known. */
export const UNKNOWN_PORT = -1

export interface MacTableOptions {
  /** Most addresses held; rounded up to a power of two. Default 4096. */
  readonly capacity?: number
  /** Most addresses learnt behind one port. Default a quarter of the capacity. */
  readonly perPort?: number
  /** How long an address is kept without a frame from it, ns. Default 300 s, as Linux br_fdb does. */
  readonly ageingNs?: number
}

/**
 * Which address was last seen behind which port. Four-way set associative over typed arrays: bounded in memory
 * and in work whatever the stations do, and nothing is allocated after construction. In a full set the address that
 * was silent longest gives way; a port at its own limit learns nothing new, so one port cannot push out all others.
 */
export class MacTable {
  readonly capacity: number
  readonly perPort: number
  readonly ageingNs: number
  /** The time now, ns, written before each use. In an array: a time handed over as an argument would be boxed. */
  readonly clock: Float64Array
  private readonly mask: number
  private readonly high: Uint32Array
  private readonly low: Uint16Array
  private readonly port: Int16Array
  private readonly seen: Float64Array
  private readonly learnt: Uint32Array
  private used: number

  constructor(options: MacTableOptions = {}, maxPorts = 256) {
    const { capacity = 4096, ageingNs = 300e9 } = options
    let rounded = WAYS
    while (rounded < capacity) rounded *= 2
    this.capacity = rounded
    this.perPort = options.perPort ?? rounded / 4
    this.ageingNs = ageingNs
    this.clock = new Float64Array(1)
    this.mask = rounded / WAYS - 1
    this.high = new Uint32Array(rounded)
    this.low = new Uint16Array(rounded)
    this.port = new Int16Array(rounded).fill(UNKNOWN_PORT)
    this.seen = new Float64Array(rounded)
    this.learnt = new Uint32Array(maxPorts)
    this.used = 0
  }

  /** Addresses held, aged ones that nobody has asked for included. */
  get size(): number {
    return this.used
  }

  /** The port behind which the address was last seen, or {@link UNKNOWN_PORT}. `high`, `low`: its first 4, last 2 bytes. */
  lookup(high: number, low: number): number {
    const now = this.clock[0]
    const first = this.firstOf(high, low)
    for (let i = first; i < first + WAYS; i++) {
      if (this.high[i] !== high || this.low[i] !== low || this.port[i] === UNKNOWN_PORT) continue
      if (now - this.seen[i] <= this.ageingNs) return this.port[i]
      this.clear(i)
      return UNKNOWN_PORT
    }
    return UNKNOWN_PORT
  }

  /** The address has sent a frame by `port`. A station that moved is found behind its new port at once. */
  learn(high: number, low: number, port: number): void {
    const now = this.clock[0]
    const first = this.firstOf(high, low)
    let place = first
    for (let i = first; i < first + WAYS; i++) {
      if (this.high[i] === high && this.low[i] === low && this.port[i] !== UNKNOWN_PORT) {
        this.seen[i] = now
        if (this.port[i] !== port) this.move(i, port)
        return
      }
      if (this.port[place] === UNKNOWN_PORT) continue
      if (this.port[i] === UNKNOWN_PORT || this.seen[i] < this.seen[place]) place = i
    }
    if (this.learnt[port] >= this.perPort) return
    if (this.port[place] !== UNKNOWN_PORT) this.clear(place)
    this.high[place] = high
    this.low[place] = low
    this.port[place] = port
    this.seen[place] = now
    this.learnt[port]++
    this.used++
  }

  /** Forget every address behind a port that is going away. */
  forget(port: number): void {
    for (let i = 0; i < this.port.length; i++) if (this.port[i] === port) this.clear(i)
  }

  private firstOf(high: number, low: number): number {
    // Multiplicative hashing (Knuth): the vendor's half of a MAC hardly varies, so both halves are mixed in.
    const mixed = Math.imul(high ^ (low << 15) ^ low, 0x9e3779b1) >>> 0
    return ((mixed >>> 16) & this.mask) * WAYS
  }

  private move(place: number, port: number): void {
    this.learnt[this.port[place]]--
    this.learnt[port]++
    this.port[place] = port
  }

  private clear(place: number): void {
    this.learnt[this.port[place]]--
    this.port[place] = UNKNOWN_PORT
    this.used--
  }
}
