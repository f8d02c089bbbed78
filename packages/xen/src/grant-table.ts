import { DeferredGrants } from './deferred-grants.js'
import { XenError } from './errors.js'
import {
  GNTTAB_RESERVED_ENTRIES,
  GRANTS_PER_FRAME,
  GTF_PCD,
  GTF_PERMIT_ACCESS,
  GTF_PWT,
  GTF_READONLY,
  MAX_GRANT_FRAMES,
} from './grant-abi.js'
import { endAccess } from './grant-end.js'
import { addGrantFrame } from './grant-frames.js'
import { STORES_IN_ORDER } from './store-order.js'
import type { After } from './deferred-grants.js'
import type { Extent } from './extent.js'
import type { Machine } from './machine.js'
import type { Arena, Page } from './memory.js'

export interface GrantTableOptions {
  /** Frames of 512 references to begin with; 1 unless said. */
  readonly frames?: number
  /** Most frames; 64 unless said (Xen gnttab_max_frames). */
  readonly maxFrames?: number
  /** The domain engine's timer, for ends of access that must wait. Without it, call `retryDeferred`. */
  readonly after?: After
  /** A peer has kept a grant in use for a minute after its end was asked for. */
  readonly stuck?: (ref: number) => void
}

const END = -1
const CLAIMED = -2

/**
 * The guest's half of grants: version 1 entries in the domain's own pages. A reference is claimed, permitted, ended and
 * released; the first and last are free-list work, the middle two write the entry.
 */
export class GrantTable {
  readonly machine: Machine
  readonly extent: Extent
  readonly maxFrames: number
  #words: Int32Array
  #halves: Uint16Array
  /** Domain-relative byte offset of each table frame. */
  #frames = new Int32Array(MAX_GRANT_FRAMES)
  #frameCount = 0
  /** Free references as a list: the next one, or END for the last, or CLAIMED. */
  #next = new Int32Array(0)
  #head = END
  #freeCount = 0
  #deferred: DeferredGrants

  constructor(machine: Machine, extent: Extent, options: GrantTableOptions = {}) {
    const { frames = 1, maxFrames = MAX_GRANT_FRAMES } = options
    if (!(frames >= 1 && maxFrames >= frames && maxFrames <= MAX_GRANT_FRAMES))
      throw new XenError(
        'BAD_ARGUMENT',
        `a grant table has 1 to ${MAX_GRANT_FRAMES} frames, not ${frames} to ${maxFrames}`,
      )
    this.machine = machine
    this.extent = extent
    this.maxFrames = maxFrames
    this.#words = extent.words
    this.#halves = new Uint16Array(machine.buffer, extent.base, extent.length >> 1)
    this.#deferred = new DeferredGrants({
      after: options.after,
      stuck: options.stuck,
      tryEnd: (ref) => this.tryEnd(ref),
      finish: (ref, arena) => this.#finish(ref, arena),
    })
    while (this.#frameCount < frames) this.#addFrame()
  }

  /** References free without growing. */
  get free(): number {
    return this.#freeCount
  }

  /** References claimed, those whose end is deferred included. */
  get inUse(): number {
    return this.#frameCount * GRANTS_PER_FRAME - GNTTAB_RESERVED_ENTRIES - this.#freeCount
  }

  /** Ends of access that wait for a peer. */
  get deferred(): number {
    return this.#deferred.size
  }

  get frames(): number {
    return this.#frameCount
  }

  /** Claim a reference, growing the table if it must. Throws NO_GRANTS. */
  claim(): number {
    const ref = this.tryClaim()
    if (ref < 0)
      throw new XenError(
        'NO_GRANTS',
        `domain ${this.extent.domid} has all ${this.inUse} grant references in use and its table may not pass ${this.maxFrames} frames`,
      )
    return ref
  }

  /** As `claim`; -1 when there is none. */
  tryClaim(): number {
    if (this.#freeCount === 0 && !this.#tryGrow()) return -1
    const next = this.#next
    const ref = this.#head
    this.#head = next[ref]
    next[ref] = CLAIMED
    this.#freeCount--
    return ref
  }

  /** Grow now until `count` references are free, so that the frame path never does. False if the table may not. */
  reserve(count: number): boolean {
    while (this.#freeCount < count) if (!this.#tryGrow()) return false
    return true
  }

  /**
   * Fill in an entry: `domid` may use page `gfn`; the flags are written last. The grantee learns the reference from a
   * ring or the store, whose own publishing makes the entry visible. References 0 to 7 may be permitted without a claim
   * (by the builder of the domain).
   */
  permit(ref: number, domid: number, gfn: Page, readonly: boolean): void {
    const words = this.#words
    const frame = ref >>> 9
    if (frame >= this.#frameCount) throw this.#noSuch(ref)
    const index = (this.#frames[frame] + ((ref & 511) << 3)) >> 2
    const flags = (readonly ? GTF_PERMIT_ACCESS | GTF_READONLY : GTF_PERMIT_ACCESS) | (domid << 16)
    words[index + 1] = gfn
    if (STORES_IN_ORDER === 1) words[index] = flags
    else Atomics.store(words, index, flags)
  }

  /**
   * End access if nobody uses the page. False while in use: neither the page nor the reference may be reused. See
   * `RingGrants` for many at a time.
   */
  tryEnd(ref: number): boolean {
    return endAccess(this.#halves, this.#entry(ref) >> 1)
  }

  /** Give an ended reference back. Throws BAD_GRANT if it is not claimed. */
  release(ref: number): void {
    const next = this.#next
    if (next[ref] !== CLAIMED) throw this.#notClaimed(ref)
    next[ref] = this.#head
    this.#head = ref
    this.#freeCount++
  }

  /** Claim and permit. 'io' is for a page of `Machine.ioPage`: uncached, read and write. Throws NO_GRANTS. */
  grant(domid: number, gfn: Page, access: 'ro' | 'rw' | 'io'): number {
    const ref = this.claim()
    const flags = access === 'ro' ? GTF_READONLY : access === 'io' ? GTF_PWT | GTF_PCD : 0
    const index = this.#entry(ref) >> 2
    this.#words[index + 1] = gfn
    Atomics.store(this.#words, index, GTF_PERMIT_ACCESS | flags | (domid << 16))
    return ref
  }

  /**
   * End access for good and give up the pages. True: done, the reference is free and `arena` is back in the extent.
   * False: the peer still uses it; both stay out of use and the end is tried again every second, ten a pass.
   */
  endGrant(ref: number, arena?: Arena): boolean {
    if (this.tryEnd(ref)) {
      this.#finish(ref, arena)
      return true
    }
    this.#deferred.add(ref, arena)
    return false
  }

  /** One pass over the deferred ends. */
  retryDeferred(): void {
    this.#deferred.retry()
  }

  /** The domain goes away: no more timers. */
  stop(): void {
    this.#deferred.stop()
  }

  /** Machine byte offset of an entry; it stays there. Throws BAD_GRANT if there is none. */
  addressOf(ref: number): number {
    return this.extent.base + this.#entry(ref)
  }

  /** Flags of an entry as they are now, for tests and tools. */
  flagsOf(ref: number): number {
    return Atomics.load(this.#halves, this.#entry(ref) >> 1)
  }

  /** Domain-relative byte offset of an entry. */
  #entry(ref: number): number {
    if (ref >>> 9 >= this.#frameCount) throw this.#noSuch(ref)
    return (this.#frames[ref >>> 9] + ((ref & 511) << 3)) | 0
  }

  #noSuch(ref: number): XenError {
    return new XenError('BAD_GRANT', `domain ${this.extent.domid} has no grant reference ${ref}`)
  }

  #finish(ref: number, arena: Arena | undefined): void {
    this.release(ref)
    if (arena !== undefined) this.extent.freePages(arena)
  }

  #tryGrow(): boolean {
    if (this.#frameCount >= this.maxFrames || this.extent.pagesFree === 0) return false
    this.#addFrame()
    return true
  }

  #addFrame(): void {
    const arena = this.extent.allocPages(1)
    addGrantFrame(this.machine, this.extent.domid, arena.pages[0])
    const first = this.#frameCount * GRANTS_PER_FRAME
    this.#frames[this.#frameCount++] = arena.offset
    const next = new Int32Array(first + GRANTS_PER_FRAME)
    next.set(this.#next)
    this.#next = next
    for (let ref = first + GRANTS_PER_FRAME - 1; ref >= Math.max(first, GNTTAB_RESERVED_ENTRIES); ref--) {
      next[ref] = this.#head
      this.#head = ref
      this.#freeCount++
    }
  }

  #notClaimed(ref: number): XenError {
    return new XenError(
      'BAD_GRANT',
      `grant reference ${ref} of domain ${this.extent.domid} is not claimed: released twice?`,
    )
  }
}
