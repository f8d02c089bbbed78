import { DOMID_SELF, GNTCOPY_DEST_GREF, GNTCOPY_SOURCE_GREF } from './grant-abi.js'
import { COPY_BATCH, COPY_OP_BYTES, COPY_STATUS } from './hypervisor-layout.js'
import { PAGE_SHIFT, PAGE_SIZE } from './memory.js'
import type { CopyEngine } from './copy-engine.js'
import type { GrantOps, GrantStatus } from './grant-ops.js'
import type { Arena } from './memory.js'

/**
 * Write one struct by words. The high words of the frame numbers were zeroed with the page and stay 0. The index is
 * masked so that V8 knows its range and drops the overflow tests; a function beside the class, since a private method
 * costs a brand check at each call.
 */
function put(
  words: Int32Array,
  index: number,
  source: number,
  sourceWord: number,
  dest: number,
  destWord: number,
  lengthWord: number,
): void {
  const at = (index & (COPY_BATCH - 1)) * (COPY_OP_BYTES >> 2)
  words[at] = source
  words[at + 2] = sourceWord
  words[at + 4] = dest
  words[at + 6] = destWord
  words[at + 8] = lengthWord
}

/**
 * Up to 64 grant copies, carried out by one call into the copy engine. The structs (gnttab_copy, Xen
 * public/grant_table.h) lie in a page of the calling domain.
 *
 * An operation never crosses a page on either side: the caller splits. Offsets and lengths are 0 to 65535; what does
 * not fit a page comes back as -10. Nothing is checked before `run`, so numbers from a peer may be passed as they are.
 */
export class GrantCopyBatch {
  /** Operations queued. At `COPY_BATCH` run and reset before the next. */
  count = 0
  private readonly ops: GrantOps
  private readonly engine: CopyEngine
  private readonly arena: Arena
  private readonly words: Int32Array
  private readonly statuses: Int16Array
  private readonly at: number

  /** Takes a page of the domain; `dispose` gives it back. Throws NO_MEMORY. */
  constructor(ops: GrantOps) {
    const extent = ops.machine.extentOf(ops.domid)
    this.ops = ops
    this.engine = ops.engine
    this.arena = extent.allocPages(1)
    this.at = extent.base + this.arena.offset
    this.words = new Int32Array(ops.machine.buffer, this.at, COPY_BATCH * (COPY_OP_BYTES >> 2))
    this.statuses = new Int16Array(ops.machine.buffer, this.at, (COPY_BATCH * COPY_OP_BYTES) >> 1)
  }

  /** True when no further operation fits before `run` and `reset`. */
  get full(): boolean {
    return this.count === COPY_BATCH
  }

  /** Copy from a page that `dom` granted, at `offset`, to the caller's own memory. Index of the operation, -1 when full. */
  fromGrant(ref: number, dom: number, offset: number, toLocalOffset: number, length: number): number {
    const index = this.count
    if (index === COPY_BATCH) return -1
    this.count = index + 1
    this.setFromGrant(index, ref, dom, offset, toLocalOffset, length)
    return index
  }

  /**
   * As `fromGrant`, as operation `index`, for a loop that keeps the count in a local: it numbers its operations from
   * `count` on, no further than `COPY_BATCH`, and sets `count` in the end.
   */
  setFromGrant(
    index: number,
    ref: number,
    dom: number,
    offset: number,
    toLocalOffset: number,
    length: number,
  ): void {
    put(
      this.words,
      index,
      ref,
      (dom & 0xffff) | (offset << 16),
      toLocalOffset >>> PAGE_SHIFT,
      DOMID_SELF | ((toLocalOffset & (PAGE_SIZE - 1)) << 16),
      (length & 0xffff) | (GNTCOPY_SOURCE_GREF << 16),
    )
  }

  /** Copy from the caller's own memory to a page that `dom` granted writable. Index, -1 when full. */
  toGrant(fromLocalOffset: number, ref: number, dom: number, offset: number, length: number): number {
    const index = this.count
    if (index === COPY_BATCH) return -1
    this.count = index + 1
    this.setToGrant(index, fromLocalOffset, ref, dom, offset, length)
    return index
  }

  /** As `toGrant`, as operation `index`: see `setFromGrant`. */
  setToGrant(
    index: number,
    fromLocalOffset: number,
    ref: number,
    dom: number,
    offset: number,
    length: number,
  ): void {
    put(
      this.words,
      index,
      fromLocalOffset >>> PAGE_SHIFT,
      DOMID_SELF | ((fromLocalOffset & (PAGE_SIZE - 1)) << 16),
      ref,
      (dom & 0xffff) | (offset << 16),
      (length & 0xffff) | (GNTCOPY_DEST_GREF << 16),
    )
  }

  /** Copy from one granted page to another without touching the caller's memory. Index, -1 when full. */
  grantToGrant(
    fromRef: number,
    fromDom: number,
    fromOffset: number,
    toRef: number,
    toDom: number,
    toOffset: number,
    length: number,
  ): number {
    const index = this.count
    if (index === COPY_BATCH) return -1
    this.count = index + 1
    put(
      this.words,
      index,
      fromRef,
      (fromDom & 0xffff) | (fromOffset << 16),
      toRef,
      (toDom & 0xffff) | (toOffset << 16),
      (length & 0xffff) | ((GNTCOPY_SOURCE_GREF | GNTCOPY_DEST_GREF) << 16),
    )
    return index
  }

  /** Carry out what is queued, in order, in one hypercall. Returns how many failed: at 0 no status need be looked at. */
  run(): number {
    return this.count === 0 ? 0 : this.engine.copyBatch(this.at, this.count, this.ops.domid)
  }

  /** Status of an operation after `run`. */
  status(index: number): GrantStatus {
    return this.statuses[
      (index & (COPY_BATCH - 1)) * (COPY_OP_BYTES >> 1) + (COPY_STATUS >> 1)
    ] as GrantStatus
  }

  /** Forget the operations. */
  reset(): void {
    this.count = 0
  }

  /** Give the page back; the batch must not be used again. */
  dispose(): void {
    this.ops.machine.extentOf(this.ops.domid).freePages(this.arena)
  }
}
