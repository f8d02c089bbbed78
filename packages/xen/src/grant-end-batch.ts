import { copyEngine } from './copy-engine.js'
import { MAX_GRANT_FRAMES } from './grant-abi.js'
import type { CopyEngine, CopyEngineKind } from './copy-engine.js'
import type { GrantTable } from './grant-table.js'
import type { Arena } from './memory.js'

/** References in one batch: a ring's worth. */
export const END_BATCH = 256

/**
 * End the access to many references in one call into the copy engine: what netfront does with the answers of a burst
 * (3 ns a reference, against 11 for `tryEnd`: an Atomics call from JavaScript is not inlined).
 *
 * `add` up to 256, `run`, look, `reset`. References that ended are released by `run`; those in use stay claimed, the
 * caller's to deal with (`GrantTable.endGrant` tries again by and by).
 */
export class GrantEndBatch {
  count = 0
  #table: GrantTable
  #engine: CopyEngine
  #arena: Arena
  #refs: Int32Array
  #results: Int32Array
  #frames: Int32Array
  #known = 0
  #at: number

  /** Takes a page of the domain; `dispose` gives it back. Throws NO_MEMORY. */
  constructor(table: GrantTable, engine: CopyEngineKind = 'wasm') {
    const { machine, extent } = table
    this.#table = table
    this.#engine = copyEngine(machine, engine)
    this.#arena = extent.allocPages(1)
    this.#at = extent.base + this.#arena.offset
    this.#refs = new Int32Array(machine.buffer, this.#at, END_BATCH)
    this.#results = new Int32Array(machine.buffer, this.#at + END_BATCH * 4, END_BATCH)
    this.#frames = new Int32Array(machine.buffer, this.#at + END_BATCH * 8, MAX_GRANT_FRAMES)
  }

  get full(): boolean {
    return this.count === END_BATCH
  }

  /** Queue a claimed reference; its index, -1 when the batch is full. Throws BAD_GRANT if it is not claimed. */
  add(ref: number): number {
    const index = this.count
    if (index === END_BATCH) return -1
    this.#table.checkClaimed(ref)
    this.#refs[index & (END_BATCH - 1)] = ref
    this.count = index + 1
    return index
  }

  /** End them all and release those that ended; how many are still in use. */
  run(): number {
    const { count } = this
    const table = this.#table
    if (table.frames !== this.#known) this.#known = table.listFrames(this.#frames)
    const inUse = this.#engine.endGrants(this.#at, this.#at + END_BATCH * 4, count, this.#at + END_BATCH * 8)
    const refs = this.#refs
    if (inUse === 0) for (let index = 0; index < count; index++) table.release(refs[index])
    else for (let index = 0; index < count; index++) if (this.ended(index)) table.release(refs[index])
    return inUse
  }

  /** True if the reference at `index` was ended by `run`. */
  ended(index: number): boolean {
    return this.#results[index] !== 0
  }

  reset(): void {
    this.count = 0
  }

  /** Give the page back; the batch must not be used again. */
  dispose(): void {
    this.#table.extent.freePages(this.#arena)
  }
}
