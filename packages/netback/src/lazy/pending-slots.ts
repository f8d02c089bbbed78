/** Requests whose page may be mapped at once: as many as the ring has (Linux MAX_PENDING_REQS). */
export const MAX_PENDING = 256
export const NONE = -1

/**
 * The requests of a queue whose pages are mapped, each in a slot: what is answered when its page is let go, and in a list
 * by age. A slot goes from the pool (pending_ring) to the list, from there to the ring of those to be let go, and back.
 */
export class PendingSlots {
  readonly gref: Uint32Array
  /** Of the request; NONE: nobody waits for an answer. */
  readonly id: Int32Array
  readonly status: Int8Array
  /** Extra infos that are answered with it. */
  readonly extras: Uint8Array
  /** Its page of the VM area, which may change with each use. */
  readonly page: Int32Array
  /** Of the mapping; NONE: there is none. */
  readonly handle: Int32Array
  /** The frame, by its index in the pool, and the fragment of it that the page is. */
  readonly frame: Int32Array
  readonly fragment: Uint8Array
  /** When it was taken, ns. */
  readonly since: Float64Array
  /** The slots to be let go, in the order in which their frames have left. */
  private readonly ending: Int32Array
  private produced: number
  private consumed: number
  private readonly dying: Uint8Array
  private readonly pool: Int32Array
  private poolCount: number
  private readonly previous: Int32Array
  private readonly following: Int32Array
  private readonly listed: Uint8Array
  private first: number
  private last: number

  constructor() {
    this.gref = new Uint32Array(MAX_PENDING)
    this.id = new Int32Array(MAX_PENDING).fill(NONE)
    this.status = new Int8Array(MAX_PENDING)
    this.extras = new Uint8Array(MAX_PENDING)
    this.page = Int32Array.from({ length: MAX_PENDING }, (_, slot) => slot)
    this.handle = new Int32Array(MAX_PENDING).fill(NONE)
    this.frame = new Int32Array(MAX_PENDING)
    this.fragment = new Uint8Array(MAX_PENDING)
    this.since = new Float64Array(MAX_PENDING)
    this.ending = new Int32Array(MAX_PENDING)
    this.produced = 0
    this.consumed = 0
    this.dying = new Uint8Array(MAX_PENDING)
    this.pool = Int32Array.from({ length: MAX_PENDING }, (_, slot) => MAX_PENDING - 1 - slot)
    this.poolCount = MAX_PENDING
    this.previous = new Int32Array(MAX_PENDING)
    this.following = new Int32Array(MAX_PENDING)
    this.listed = new Uint8Array(MAX_PENDING)
    this.first = NONE
    this.last = NONE
  }

  get free(): number {
    return this.poolCount
  }

  /** A slot for a request. There is one. */
  take(id: number, extras: number, gref: number): number {
    const slot = this.pool[--this.poolCount]
    this.id[slot] = id
    this.extras[slot] = extras
    this.gref[slot] = gref
    this.status[slot] = 0
    return slot
  }

  /** The request has been answered, and its page is not mapped. */
  give(slot: number): void {
    this.id[slot] = NONE
    this.dying[slot] = 0
    this.pool[this.poolCount++] = slot
  }

  /** The oldest that is listed; NONE: none is. */
  get oldest(): number {
    return this.first
  }

  /** The next younger one. */
  after(slot: number): number {
    return this.following[slot]
  }

  /** List a slot as the youngest. */
  list(slot: number): void {
    this.previous[slot] = this.last
    this.following[slot] = NONE
    if (this.last === NONE) this.first = slot
    else this.following[this.last] = slot
    this.last = slot
    this.listed[slot] = 1
  }

  unlist(slot: number): void {
    if (this.listed[slot] === 0) return
    this.listed[slot] = 0
    const before = this.previous[slot]
    const behind = this.following[slot]
    if (before === NONE) this.first = behind
    else this.following[before] = behind
    if (behind === NONE) this.last = before
    else this.previous[behind] = before
  }

  /** It is to be let go. Listed it stays until then. */
  end(slot: number): void {
    this.dying[slot] = 1
    this.ending[this.produced & (MAX_PENDING - 1)] = slot
    this.produced = (this.produced + 1) | 0
  }

  /** Its frame has left. */
  isEnding(slot: number): boolean {
    return this.dying[slot] !== 0
  }

  get endingCount(): number {
    return (this.produced - this.consumed) | 0
  }

  /** The one that has been to be let go for longest, off the list. There is one. */
  nextEnding(): number {
    const slot = this.ending[this.consumed & (MAX_PENDING - 1)]
    this.consumed = (this.consumed + 1) | 0
    this.unlist(slot)
    return slot
  }

  /** The guest is gone: no answer is due any more. */
  forgetIds(): void {
    this.id.fill(NONE)
  }
}
