import { XenError } from './errors.js'
import {
  GNTMAP_APPLICATION,
  GNTMAP_CONTAINS_PTE,
  GNTMAP_DEVICE,
  GNTMAP_HOST,
  GNTMAP_READONLY,
  GNTST_BAD_DEV_ADDR,
  GNTST_BAD_DOMAIN,
  GNTST_BAD_GNTREF,
  GNTST_BAD_HANDLE,
  GNTST_GENERAL_ERROR,
  GNTST_NO_SPACE,
  GNTST_OKAY,
} from './grant-abi.js'
import { GrantPins } from './grant-pins.js'
import { enterHypercall, leaveHypercall, livingRecord } from './hypercall.js'
import { PIN_DEVICE_READ, PIN_DEVICE_WRITE, PIN_HOST_READ, PIN_HOST_WRITE } from './hypervisor-layout.js'
import { IoPage, MappedPage } from './mapped-page.js'
import { Maptrack } from './maptrack.js'
import { copyEngine } from './copy-engine.js'
import type { CopyEngine, CopyEngineKind } from './copy-engine.js'
import type { Machine } from './machine.js'
import type { Mapping } from './maptrack.js'

/** GNTST_*: 0 okay, -1 to -13 as in Xen public/grant_table.h. */
export type GrantStatus = 0 | -1 | -2 | -3 | -4 | -5 | -6 | -7 | -8 | -9 | -10 | -11 | -12 | -13

export interface GrantOpsOptions {
  /** Most frames of 256 mappings; 1024 unless said (Xen gnttab_max_maptrack_frames). */
  readonly maptrackFrames?: number
  /** Which copy engine; 'wasm' unless said. Results are the same. */
  readonly engine?: CopyEngineKind
}

/** Which counters a mapping with these flags raises. */
function pinIncrement(flags: number): number {
  const readonly = (flags & GNTMAP_READONLY) !== 0
  const host = (flags & GNTMAP_HOST) === 0 ? 0 : readonly ? PIN_HOST_READ : PIN_HOST_WRITE
  const device = (flags & GNTMAP_DEVICE) === 0 ? 0 : readonly ? PIN_DEVICE_READ : PIN_DEVICE_WRITE
  return host + device
}

/**
 * The grant operations of one calling domain: the hypervisor's half, on the caller's thread. What another domain wrote
 * never throws; it comes back as a status.
 */
export class GrantOps {
  readonly machine: Machine
  readonly domid: number
  readonly engine: CopyEngine
  #pins: GrantPins
  #maptrack: Maptrack

  constructor(machine: Machine, callerDomid: number, options: GrantOpsOptions = {}) {
    if (!machine.hasDomain(callerDomid))
      throw new XenError(
        'BAD_DOMAIN',
        `${machine.name} has no domain ${callerDomid}: create its extent first`,
      )
    this.machine = machine
    this.domid = callerDomid
    this.engine = copyEngine(machine, options.engine ?? 'wasm')
    this.#pins = new GrantPins(machine)
    this.#maptrack = new Maptrack(machine, callerDomid, options.maptrackFrames)
  }

  /** Mappings this domain holds. */
  get mapped(): number {
    return this.#maptrack.used
  }

  mappings(): Mapping[] {
    return this.#maptrack.list()
  }

  /**
   * GNTTABOP_map_grant_ref: map a page that domain `dom` granted to this one. `flags` are GNTMAP_*; read-only comes from
   * `access`. The page is the caller's to use until `unmap`; there is no MMU here, so a range kept longer still shows
   * the page, and 'ro' is a promise.
   */
  map(dom: number, ref: number, access: 'ro' | 'rw', flags: number = GNTMAP_HOST): MappedPage | GrantStatus {
    const all = access === 'ro' ? flags | GNTMAP_READONLY : flags & ~GNTMAP_READONLY
    const handle = this.#mapOp(dom, ref, all, false)
    if (handle < 0) return handle as GrantStatus
    return new MappedPage(this.machine.buffer, this.#pins.address, this.#pins.gfn, {
      handle,
      dom,
      ref,
      access,
      flags: all,
    })
  }

  /**
   * As `map`, for an I/O page (`Machine.ioPage`), always read and write. Its registers are reached through the methods of
   * the result; a write calls the owner's handler.
   */
  mapIo(dom: number, ref: number): IoPage | GrantStatus {
    const handle = this.#mapOp(dom, ref, GNTMAP_HOST, true)
    if (handle < 0) return handle as GrantStatus
    const { gfn } = this.#pins
    return new IoPage(this.machine.io, gfn, { handle, dom, ref, access: 'rw', flags: GNTMAP_HOST })
  }

  /** GNTTABOP_unmap_grant_ref for both parts of a mapping. */
  unmap(page: MappedPage | IoPage): GrantStatus {
    const device = (page.flags & GNTMAP_DEVICE) === 0 ? 0 : page.hostAddr
    const host = (page.flags & GNTMAP_HOST) === 0 ? 0 : page.hostAddr
    return this.unmapHandle(page.handle, host, device)
  }

  /**
   * GNTTABOP_unmap_grant_ref as the hypercall has it. A part whose address is 0 stays mapped. An address is the machine
   * byte offset of the page (`MappedPage.hostAddr`).
   */
  unmapHandle(handle: number, hostAddr: number, devBusAddr: number): GrantStatus {
    if (!enterHypercall(this.machine, this.domid)) return GNTST_BAD_DOMAIN
    const status = this.#unmapOp(handle, hostAddr, devBusAddr)
    leaveHypercall(this.machine, this.domid)
    return status
  }

  /**
   * Let go of every mapping, as Xen's gnttab_release_mappings does when the domain dies. Works for a dying domain.
   * Returns how many there were.
   */
  releaseMappings(): number {
    const mappings = this.#maptrack.list()
    for (const { handle, flags } of mappings) this.#drop(handle, flags)
    return mappings.length
  }

  #mapOp(dom: number, ref: number, flags: number, io: boolean): number {
    if (!enterHypercall(this.machine, this.domid)) return GNTST_BAD_DOMAIN
    const result = this.#mapChecked(dom, ref, flags, io)
    leaveHypercall(this.machine, this.domid)
    return result
  }

  /** The checks in Xen's order; a handle, or a status below 0. */
  #mapChecked(dom: number, ref: number, flags: number, io: boolean): number {
    if ((flags & (GNTMAP_DEVICE | GNTMAP_HOST)) === 0) return GNTST_BAD_GNTREF
    if ((flags & (GNTMAP_APPLICATION | GNTMAP_CONTAINS_PTE)) !== 0) return GNTST_GENERAL_ERROR
    const record = livingRecord(this.machine, dom)
    if (record < 0) return GNTST_BAD_DOMAIN
    const handle = this.#maptrack.take()
    if (handle < 0) return GNTST_NO_SPACE
    const write = (flags & GNTMAP_READONLY) === 0
    const status = this.#pins.acquire(record, ref, this.domid, write, pinIncrement(flags), true, io)
    if (status !== GNTST_OKAY) {
      this.#maptrack.give(handle)
      return status
    }
    this.#maptrack.set(handle, dom, ref, flags)
    return handle
  }

  #unmapOp(handle: number, hostAddr: number, devBusAddr: number): GrantStatus {
    const flags = this.#maptrack.flags(handle)
    if (flags === 0) return GNTST_BAD_HANDLE
    const address = this.#addressOf(handle)
    const device = devBusAddr === 0 ? 0 : flags & GNTMAP_DEVICE
    const host = hostAddr === 0 ? 0 : flags & GNTMAP_HOST
    if (device !== 0 && devBusAddr !== address) return GNTST_BAD_DEV_ADDR
    if (host !== 0 && hostAddr !== address) return GNTST_GENERAL_ERROR
    if (host + device !== 0) this.#drop(handle, (flags & GNTMAP_READONLY) | host | device)
    return GNTST_OKAY
  }

  /** Drop the parts of a mapping named in `parts`; the handle is free when neither is left. */
  #drop(handle: number, parts: number): void {
    const dom = this.#maptrack.domid(handle)
    const ref = this.#maptrack.ref(handle)
    const left = this.#maptrack.flags(handle) & ~(parts & (GNTMAP_DEVICE | GNTMAP_HOST))
    const pins = this.#pins
    // A pinned entry's domain cannot go away, so its record and table are there.
    pins.locate(this.machine.record(dom), ref)
    if ((left & (GNTMAP_DEVICE | GNTMAP_HOST)) === 0) this.#maptrack.give(handle)
    else this.#maptrack.set(handle, dom, ref, left)
    pins.release(pins.shared, pins.active, this.domid, pinIncrement(parts), (parts & GNTMAP_READONLY) === 0)
  }

  #addressOf(handle: number): number {
    const record = this.machine.record(this.#maptrack.domid(handle))
    return this.#pins.addressOfPinned(record, this.#maptrack.ref(handle))
  }
}
