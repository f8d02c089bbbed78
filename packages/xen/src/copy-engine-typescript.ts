import { foldSum, sumBytes, wordsOf } from '@netaccel/packet'
import {
  DOMID_SELF,
  GNTCOPY_DEST_GREF,
  GNTCOPY_SOURCE_GREF,
  GNTST_BAD_COPY_ARG,
  GNTST_BAD_DOMAIN,
  GNTST_BAD_PAGE,
  GNTST_OKAY,
  GNTST_PERMISSION_DENIED,
} from './grant-abi.js'
import { GrantMaps } from './grant-maps.js'
import { GrantPins } from './grant-pins.js'
import { FrameMoves } from './frame-moves-typescript.js'
import { endAccess } from './grant-end.js'
import { enterHypercall, leaveHypercall, livingRecord } from './hypercall.js'
import {
  COPY_DEST_DOMID,
  COPY_DEST_HIGH,
  COPY_DEST_OFFSET,
  COPY_DEST_REF,
  COPY_FLAGS,
  COPY_LENGTH,
  COPY_OP_BYTES,
  COPY_SOURCE_DOMID,
  COPY_SOURCE_HIGH,
  COPY_SOURCE_OFFSET,
  COPY_SOURCE_REF,
  COPY_STATUS,
  DOMAIN_EXTENT_BASE,
  DOMAIN_EXTENT_PAGES,
  MAP_OP_BYTES,
  MAP_STATUS,
  PIN_HOST_READ,
  PIN_HOST_WRITE,
  UNMAP_OP_BYTES,
  UNMAP_STATUS,
} from './hypervisor-layout.js'
import { PAGE_SHIFT, PAGE_SIZE } from './memory.js'
import type { CopyEngine } from './copy-engine.js'
import type { Machine } from './machine.js'
import type { WordView } from '@netaccel/packet'

/**
 * The copy engine in plain TypeScript: the reference the wasm module is tested against, and what runs where there is no
 * WebAssembly. After gnttab_copy in Xen grant_table.c.
 */
export class TypeScriptCopyEngine implements CopyEngine {
  readonly kind = 'typescript'
  protected readonly machine: Machine
  protected readonly pins: GrantPins
  #caller = 0
  #packetWords: WordView
  #moves: FrameMoves
  readonly #maps = new Map<number, GrantMaps>()

  constructor(machine: Machine, pins: GrantPins = new GrantPins(machine)) {
    this.machine = machine
    this.pins = pins
    this.#packetWords = wordsOf(machine.bytes)
    this.#moves = new FrameMoves(this.#packetWords)
  }

  copyBatch(ops: number, count: number, caller: number): number {
    const { machine } = this
    let failed = 0
    this.#caller = caller
    const entered = enterHypercall(machine, caller)
    for (let index = 0; index < count; index++) {
      const op = ops + index * COPY_OP_BYTES
      const status = entered ? this.copyOne(op) : GNTST_BAD_DOMAIN
      machine.halves[(op + COPY_STATUS) >> 1] = status
      if (status !== GNTST_OKAY) failed++
    }
    if (entered) leaveHypercall(machine, caller)
    return failed
  }

  mapBatch(ops: number, count: number, caller: number): number {
    const { halves } = this.machine
    const maps = this.#mapsOf(caller)
    const entered = enterHypercall(this.machine, caller)
    let failed = 0
    for (let index = 0; index < count; index++) {
      const op = ops + index * MAP_OP_BYTES
      const status = entered ? maps.mapStruct(op) : GNTST_BAD_DOMAIN
      halves[(op + MAP_STATUS) >> 1] = status
      if (status !== GNTST_OKAY) failed++
    }
    if (entered) leaveHypercall(this.machine, caller)
    return failed
  }

  unmapBatch(ops: number, count: number, caller: number): number {
    const { halves } = this.machine
    const maps = this.#mapsOf(caller)
    const entered = enterHypercall(this.machine, caller)
    let failed = 0
    for (let index = 0; index < count; index++) {
      const op = ops + index * UNMAP_OP_BYTES
      const status = entered ? maps.unmapStruct(op) : GNTST_BAD_DOMAIN
      halves[(op + UNMAP_STATUS) >> 1] = status
      if (status !== GNTST_OKAY) failed++
    }
    if (entered) leaveHypercall(this.machine, caller)
    return failed
  }

  /** Handles are reserved before the batch, so that no table grows here. */
  #mapsOf(caller: number): GrantMaps {
    let maps = this.#maps.get(caller)
    if (maps === undefined) this.#maps.set(caller, (maps = new GrantMaps(this.machine, caller, 0)))
    return maps
  }

  copy(to: number, from: number, length: number): void {
    this.machine.bytes.copyWithin(to, from, from + length)
  }

  checksum(address: number, length: number, initial: number): number {
    return foldSum(sumBytes(this.#packetWords, address, length) + initial)
  }

  moveFrames(list: number, count: number): void {
    this.#moves.carryOut(list, count)
  }

  endGrants(entries: number, queue: number, count: number, results: number): number {
    const { words } = this.machine
    let busy = 0
    for (let index = 0; index < count; index++) {
      const ended = this.endGrant(words[(entries >> 2) + words[(queue >> 2) + index]])
      words[(results >> 2) + index] = ended ? 1 : 0
      if (!ended) busy++
    }
    return busy
  }

  protected endGrant(entry: number): boolean {
    return endAccess(this.machine.halves, entry >> 1)
  }

  /** One operation; its struct lies in the caller's memory, so each field is read once. */
  protected copyOne(op: number): number {
    const { words, halves } = this.machine
    const length = halves[(op + COPY_LENGTH) >> 1]
    if (length === 0) return GNTST_OKAY
    const flags = halves[(op + COPY_FLAGS) >> 1]
    const fromDomid = halves[(op + COPY_SOURCE_DOMID) >> 1]
    const toDomid = halves[(op + COPY_DEST_DOMID) >> 1]
    const fromOffset = halves[(op + COPY_SOURCE_OFFSET) >> 1]
    const toOffset = halves[(op + COPY_DEST_OFFSET) >> 1]
    const fromGrant = (flags & GNTCOPY_SOURCE_GREF) !== 0
    const toGrant = (flags & GNTCOPY_DEST_GREF) !== 0
    const fromRecord = this.domain(fromGrant, fromDomid)
    if (fromRecord < 0) return fromRecord
    const toRecord = this.domain(toGrant, toDomid)
    if (toRecord < 0) return toRecord

    const from = this.claim(fromGrant, fromRecord, words, op + COPY_SOURCE_REF, op + COPY_SOURCE_HIGH, false)
    if (from < 0) return from
    const fromShared = this.pins.shared
    const fromActive = this.pins.active
    const to = this.claim(toGrant, toRecord, words, op + COPY_DEST_REF, op + COPY_DEST_HIGH, true)
    const toShared = this.pins.shared
    const toActive = this.pins.active
    let status = to < 0 ? to : GNTST_OKAY
    if (status === GNTST_OKAY) {
      if (this.fits(fromOffset, length) && this.fits(toOffset, length))
        this.machine.bytes.copyWithin(to + toOffset, from + fromOffset, from + fromOffset + length)
      else status = GNTST_BAD_COPY_ARG
      if (toGrant) this.pins.release(toShared, toActive, this.#caller, PIN_HOST_WRITE, true)
    }
    if (fromGrant) this.pins.release(fromShared, fromActive, this.#caller, PIN_HOST_READ, false)
    return status
  }

  protected fits(offset: number, length: number): boolean {
    return offset + length <= PAGE_SIZE
  }

  /** Record of the domain that one side names, or a status. Without a grant only the caller's own memory will do. */
  protected domain(grant: boolean, domid: number): number {
    if (!grant && domid !== DOMID_SELF) return GNTST_PERMISSION_DENIED
    const record = livingRecord(this.machine, domid === DOMID_SELF ? this.#caller : domid)
    return record < 0 ? GNTST_BAD_DOMAIN : record
  }

  /** Machine address of the page of one side, pinned if it is a grant; or a status. */
  protected claim(
    grant: boolean,
    record: number,
    words: Int32Array,
    low: number,
    high: number,
    write: boolean,
  ): number {
    const number = words[low >> 2] >>> 0
    if (!grant) {
      if (words[high >> 2] !== 0 || number >= words[(record + DOMAIN_EXTENT_PAGES) >> 2])
        return GNTST_BAD_PAGE
      return words[(record + DOMAIN_EXTENT_BASE) >> 2] + (number << PAGE_SHIFT)
    }
    const increment = write ? PIN_HOST_WRITE : PIN_HOST_READ
    const status = this.pins.acquire(record, number, this.#caller, write, increment, false, false)
    return status === GNTST_OKAY ? this.pins.address : status
  }
}
