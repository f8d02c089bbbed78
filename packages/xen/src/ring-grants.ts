import { copyEngine } from './copy-engine.js'
import { XenError } from './errors.js'
import { GTF_PERMIT_ACCESS, GTF_READONLY } from './grant-abi.js'
import { STORES_IN_ORDER } from './store-order.js'
import type { CopyEngine, CopyEngineKind } from './copy-engine.js'
import type { GrantTable } from './grant-table.js'
import type { Arena, Page } from './memory.js'

/** Slots of the largest ring of one page. */
const MOST_SLOTS = 256

export interface RingGrantsOptions {
  /** 1 to 256. */
  readonly slots: number
  /** The domain at the other end of the ring. */
  readonly domid: number
  readonly access: 'ro' | 'rw'
  /** wasm unless said. */
  readonly engine?: CopyEngineKind
}

/**
 * One grant reference for each slot of a ring, claimed once: where its entry lies is looked up once too, so that
 * permitting is two stores. Ends go through the copy engine many at a time: `queueEnd`, `end`, look, `reset` (3 ns each,
 * against 11 for `GrantTable.tryEnd`: an Atomics call from JavaScript is not inlined).
 *
 * Fields are TypeScript's `private` in the classes of the frame path: a field named with # holds undefined first, and V8
 * then knows neither its type nor that it never changes.
 */
export class RingGrants {
  /** The reference of each slot. */
  readonly refs: Int32Array
  /** Ends queued. */
  queued = 0
  /** Slots whose end is queued. A loop may write them here itself, from 0 on, and tell `end` how many. */
  readonly queue: Int32Array
  private readonly table: GrantTable
  private readonly engine: CopyEngine
  private readonly arena: Arena
  private readonly words: Int32Array
  private readonly flags: number
  private readonly at: number
  /** Machine byte offset of each slot's entry; what came of the ends. With the queue in a page of the domain. */
  private readonly entries: Int32Array
  private readonly results: Int32Array

  /** Takes a page of the domain and a reference per slot; `close` gives them back. Throws NO_MEMORY, NO_GRANTS. */
  constructor(table: GrantTable, { slots, domid, access, engine = 'wasm' }: RingGrantsOptions) {
    if (!(slots >= 1 && slots <= MOST_SLOTS))
      throw new XenError('BAD_ARGUMENT', `a ring has 1 to ${MOST_SLOTS} slots to grant, not ${slots}`)
    const { machine, extent } = table
    if (!table.reserve(slots))
      throw new XenError('NO_GRANTS', `domain ${extent.domid} has no ${slots} grant references for a ring`)
    this.table = table
    this.engine = copyEngine(machine, engine)
    this.words = machine.words
    this.flags = GTF_PERMIT_ACCESS | (access === 'ro' ? GTF_READONLY : 0) | (domid << 16)
    this.arena = extent.allocPages(1)
    this.at = extent.base + this.arena.offset
    this.entries = new Int32Array(machine.buffer, this.at, MOST_SLOTS)
    this.queue = new Int32Array(machine.buffer, this.at + MOST_SLOTS * 4, MOST_SLOTS)
    this.results = new Int32Array(machine.buffer, this.at + MOST_SLOTS * 8, MOST_SLOTS)
    this.refs = new Int32Array(slots)
    let claimed = 0
    try {
      for (; claimed < slots; claimed++) {
        this.refs[claimed] = table.claim()
        this.entries[claimed] = table.addressOf(this.refs[claimed])
      }
    } catch (error) {
      while (claimed > 0) table.release(this.refs[--claimed])
      extent.freePages(this.arena)
      throw error
    }
  }

  /**
   * The other end may use page `gfn` through the reference of `slot`. As `GrantTable.permit`: the flags are written last,
   * and the ring's producer makes both visible.
   */
  permit(slot: number, gfn: Page): void {
    const words = this.words
    const at = this.entries[slot] >> 2
    words[at + 1] = gfn
    if (STORES_IN_ORDER === 1) words[at] = this.flags
    else Atomics.store(words, at, this.flags)
  }

  /** End the access through `slot` with the next `end`. At most 256. */
  queueEnd(slot: number): void {
    this.queue[this.queued++] = slot
  }

  /** End the first `count` that are queued, all unless said; how many are still in use, and so have not ended. */
  end(count: number = this.queued): number {
    const at = this.at
    return this.engine.endGrants(at, at + MOST_SLOTS * 4, count, at + MOST_SLOTS * 8)
  }

  /** True if the end queued as number `index` has come. */
  ended(index: number): boolean {
    return this.results[index] !== 0
  }

  /** Forget what was queued. */
  reset(): void {
    this.queued = 0
  }

  /** End one access now; false while it is in use. */
  tryEnd(slot: number): boolean {
    return this.table.tryEnd(this.refs[slot])
  }

  /** Give page and references back, but those for which `keep` says true: somebody else releases them. */
  close(keep: (slot: number) => boolean = () => false): void {
    for (let slot = 0; slot < this.refs.length; slot++) if (!keep(slot)) this.table.release(this.refs[slot])
    this.table.extent.freePages(this.arena)
  }
}
