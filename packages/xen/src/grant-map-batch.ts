import { GNTMAP_HOST, GNTMAP_READONLY } from './grant-abi.js'
import {
  COPY_BATCH,
  MAP_ADDRESS_HIGH,
  MAP_DOMID,
  MAP_FLAGS,
  MAP_HANDLE,
  MAP_OP_BYTES,
  MAP_REF,
  MAP_STATUS,
  UNMAP_ADDRESS_HIGH,
  UNMAP_HANDLE,
  UNMAP_OP_BYTES,
  UNMAP_STATUS,
  VM_HIGH,
} from './hypervisor-layout.js'
import { PAGE_SHIFT } from './memory.js'
import type { CopyEngine } from './copy-engine.js'
import type { GrantOps, GrantStatus } from './grant-ops.js'
import type { Arena } from './memory.js'
import type { VmArea } from './vm-area.js'

/** Operations of one hypercall, of either kind. */
export const MAP_BATCH = COPY_BATCH
const MAP_WORDS = MAP_OP_BYTES >> 2
const UNMAP_WORDS = UNMAP_OP_BYTES >> 2

/**
 * Up to 64 pages mapped, or unmapped, at pages of a VM area by one hypercall. The structs (gnttab_map_grant_ref,
 * gnttab_unmap_grant_ref, Xen public/grant_table.h) lie in a page of the calling domain. Mappings are read-only and for the
 * host (GNTMAP_host_map | GNTMAP_readonly), as a backend makes them of what a guest sends.
 *
 * Nothing is checked before the call, so references from a peer may be passed as they are.
 */
export class GrantMapBatch {
  /** Operations queued. At `MAP_BATCH` run them before the next. */
  maps = 0
  unmaps = 0
  private readonly ops: GrantOps
  private readonly engine: CopyEngine
  private readonly arena: Arena
  private readonly mapAt: number
  private readonly unmapAt: number
  private readonly mapWords: Int32Array
  private readonly unmapWords: Int32Array
  /** The low word of the address of the area's first page. */
  private readonly first: number

  /** Takes a page of the domain until `dispose`. */
  constructor(ops: GrantOps, area: VmArea) {
    const { machine } = ops
    const extent = machine.extentOf(ops.domid)
    this.ops = ops
    this.engine = ops.engine
    this.arena = extent.allocPages(1)
    this.mapAt = extent.base + this.arena.offset
    this.unmapAt = this.mapAt + MAP_BATCH * MAP_OP_BYTES
    this.mapWords = new Int32Array(machine.buffer, this.mapAt, MAP_BATCH * MAP_WORDS)
    this.unmapWords = new Int32Array(machine.buffer, this.unmapAt, MAP_BATCH * UNMAP_WORDS)
    this.first = (area.addressOf(0) % 2 ** 32) | 0
    for (let index = 0; index < MAP_BATCH; index++) {
      this.mapWords[index * MAP_WORDS + (MAP_ADDRESS_HIGH >> 2)] = VM_HIGH
      this.mapWords[index * MAP_WORDS + (MAP_FLAGS >> 2)] = GNTMAP_HOST | GNTMAP_READONLY
      this.unmapWords[index * UNMAP_WORDS + (UNMAP_ADDRESS_HIGH >> 2)] = VM_HIGH
    }
  }

  /** Map what `dom` granted by `ref` at page `page` of the area. Index of the operation; there is room for it. */
  map(page: number, dom: number, ref: number): number {
    const index = this.maps++
    const { mapWords } = this
    const at = (index & (MAP_BATCH - 1)) * MAP_WORDS
    mapWords[at] = (this.first + (page << PAGE_SHIFT)) | 0
    mapWords[at + (MAP_REF >> 2)] = ref
    mapWords[at + (MAP_DOMID >> 2)] = dom & 0xffff
    return index
  }

  /** Unmap what page `page` shows by `handle`. */
  unmap(page: number, handle: number): number {
    const index = this.unmaps++
    const { unmapWords } = this
    const at = (index & (MAP_BATCH - 1)) * UNMAP_WORDS
    unmapWords[at] = (this.first + (page << PAGE_SHIFT)) | 0
    unmapWords[at + (UNMAP_HANDLE >> 2)] = handle
    return index
  }

  /** Carry out the maps. Returns how many failed: at 0 no status need be looked at. Forgotten with the next `reset`. */
  runMaps(): number {
    this.ops.reserveHandles(this.maps)
    return this.engine.mapBatch(this.mapAt, this.maps, this.ops.domid)
  }

  runUnmaps(): number {
    return this.engine.unmapBatch(this.unmapAt, this.unmaps, this.ops.domid)
  }

  mapStatus(index: number): GrantStatus {
    return (this.mapWords[index * MAP_WORDS + (MAP_STATUS >> 2)] >> 16) as GrantStatus
  }

  /** Of an operation that was okay. */
  handle(index: number): number {
    return this.mapWords[index * MAP_WORDS + (MAP_HANDLE >> 2)]
  }

  unmapStatus(index: number): GrantStatus {
    return ((this.unmapWords[index * UNMAP_WORDS + (UNMAP_STATUS >> 2)] << 16) >> 16) as GrantStatus
  }

  resetMaps(): void {
    this.maps = 0
  }

  resetUnmaps(): void {
    this.unmaps = 0
  }

  /** Give the page back; the batch must not be used again. */
  dispose(): void {
    this.ops.machine.extentOf(this.ops.domid).freePages(this.arena)
  }
}
