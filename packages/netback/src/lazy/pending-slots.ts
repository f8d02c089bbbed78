/** Requests whose page may be mapped at once: as many as the ring has (Linux MAX_PENDING_REQS). */
export const MAX_PENDING = 256
export const NONE = -1
const MASK = MAX_PENDING - 1

/**
 * The requests of a queue whose pages are mapped, each in a slot: what is answered when its page is let go. A slot goes
 * from the pool (pending_ring) to a fragment of a packet, from there to the ring of those to be let go (dealloc_ring), and
 * back.
 */
export class PendingSlots {
  readonly gref: Uint32Array
  /** Of the request; NONE: nobody waits for an answer. */
  readonly id: Int32Array
  /** What it is answered; OKAY unless said. */
  readonly status: Int8Array
  /** Extra infos that are answered with it. */
  readonly extras: Uint8Array
  /** Its page of the VM area, which may change with each use. */
  readonly page: Int32Array
  /** Of the mapping; NONE: there is none. */
  readonly handle: Int32Array
  private readonly ending: Int32Array
  private produced: number
  private consumed: number
  private readonly pool: Int32Array
  private poolCount: number

  constructor() {
    this.gref = new Uint32Array(MAX_PENDING)
    this.id = new Int32Array(MAX_PENDING).fill(NONE)
    this.status = new Int8Array(MAX_PENDING)
    this.extras = new Uint8Array(MAX_PENDING)
    this.page = Int32Array.from({ length: MAX_PENDING }, (_, slot) => slot)
    this.handle = new Int32Array(MAX_PENDING).fill(NONE)
    this.ending = new Int32Array(MAX_PENDING)
    this.produced = 0
    this.consumed = 0
    this.pool = Int32Array.from({ length: MAX_PENDING }, (_, slot) => MASK - slot)
    this.poolCount = MAX_PENDING
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
    return slot
  }

  /** The request has been answered, and its page is not mapped. */
  give(slot: number): void {
    this.id[slot] = NONE
    this.status[slot] = 0
    this.pool[this.poolCount++] = slot
  }

  /** It is to be let go. */
  end(slot: number): void {
    this.ending[this.produced & MASK] = slot
    this.produced = (this.produced + 1) | 0
  }

  /** Slots that are to be let go. */
  get endingCount(): number {
    return (this.produced - this.consumed) | 0
  }

  /** The one that is to be let go behind `place` others. */
  endingAt(place: number): number {
    return this.ending[(this.consumed + place) & MASK]
  }

  /** Exchange two of those that are to be let go. */
  swapEnding(one: number, other: number): void {
    const slot = this.endingAt(one)
    this.ending[(this.consumed + one) & MASK] = this.endingAt(other)
    this.ending[(this.consumed + other) & MASK] = slot
  }

  /** The first `count` of them have been let go. */
  ended(count: number): void {
    this.consumed = (this.consumed + count) | 0
  }

  /** The guest is gone: no answer is due any more. */
  forgetIds(): void {
    this.id.fill(NONE)
  }
}
