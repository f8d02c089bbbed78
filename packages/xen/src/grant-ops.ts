import { XenError } from './errors.js'
import { GNTMAP_DEVICE, GNTMAP_HOST, GNTMAP_READONLY, GNTST_BAD_DOMAIN } from './grant-abi.js'
import { GrantMaps } from './grant-maps.js'
import { enterHypercall, leaveHypercall } from './hypercall.js'
import { DOMAIN_TRANSLATED } from './hypervisor-layout.js'
import { IoPage, MappedPage } from './mapped-page.js'
import { copyEngine } from './copy-engine.js'
import type { CopyEngine, CopyEngineKind } from './copy-engine.js'
import type { Machine } from './machine.js'
import type { Mapping } from './maptrack.js'

/** GNTST_*: 0 okay, -1 to -13 as in Xen public/grant_table.h. */
export type GrantStatus = 0 | -1 | -2 | -3 | -4 | -5 | -6 | -7 | -8 | -9 | -10 | -11 | -12 | -13

/** What a hypervisor answers that has no such operation, in place of a status. */
export const ENOSYS = -38

const LOW_WORD = 2 ** 32

export interface GrantOpsOptions {
  /** Most frames of 256 mappings; 1024 unless said (Xen gnttab_max_maptrack_frames). */
  readonly maptrackFrames?: number
  /** Which copy engine; 'wasm' unless said. Results are the same. */
  readonly engine?: CopyEngineKind
  /** False: the hypervisor is one without GNTTABOP_unmap_and_replace, as before Xen 3.1. */
  readonly unmapAndReplace?: boolean
}

/**
 * The grant operations of one calling domain: the hypervisor's half, on the caller's thread. What another domain wrote
 * never throws; it comes back as a status.
 */
export class GrantOps {
  readonly machine: Machine
  readonly domid: number
  readonly engine: CopyEngine
  #maps: GrantMaps
  #replaces: boolean

  constructor(machine: Machine, callerDomid: number, options: GrantOpsOptions = {}) {
    if (!machine.hasDomain(callerDomid))
      throw new XenError(
        'BAD_DOMAIN',
        `${machine.name} has no domain ${callerDomid}: create its extent first`,
      )
    this.machine = machine
    this.domid = callerDomid
    this.engine = copyEngine(machine, options.engine ?? 'wasm')
    this.#maps = new GrantMaps(machine, callerDomid, options.maptrackFrames)
    this.#replaces = options.unmapAndReplace ?? true
  }

  /** Mappings this domain holds. */
  get mapped(): number {
    return this.#maps.maptrack.used
  }

  mappings(): Mapping[] {
    return this.#maps.maptrack.list()
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
    const { pins } = this.#maps
    return new MappedPage(this.machine.buffer, pins.address, pins.gfn, {
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
    const { gfn } = this.#maps.pins
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
   * byte offset of the page (`MappedPage.hostAddr`), or that of a VM area's page (`VmArea.addressOf`).
   */
  unmapHandle(handle: number, hostAddr: number, devBusAddr: number): GrantStatus {
    if (!enterHypercall(this.machine, this.domid)) return GNTST_BAD_DOMAIN
    const high = Math.floor(hostAddr / LOW_WORD)
    const status = this.#maps.unmap(handle, hostAddr - high * LOW_WORD, high, devBusAddr) as GrantStatus
    leaveHypercall(this.machine, this.domid)
    return status
  }

  /**
   * GNTTABOP_unmap_and_replace (operation 7): `hostAddr`, an address of a VM area that shows the grant of `handle`, shows
   * from here on, with nothing in between, the page that `newAddr` shows; that one shows nothing any more, and the grant is
   * let go. For paravirtual domains: in a translated one (HVM, PVH) every `newAddr` but 0 is refused with -1. A `newAddr` of
   * 0 is a plain unmap. On -1 `newAddr` may have lost its page, as on Xen.
   */
  unmapAndReplace(handle: number, hostAddr: number, newAddr: number): GrantStatus | typeof ENOSYS {
    if (!this.#replaces) return ENOSYS
    if (newAddr === 0) return this.unmapHandle(handle, hostAddr, 0)
    if (!enterHypercall(this.machine, this.domid)) return GNTST_BAD_DOMAIN
    const status = this.#maps.replace(handle, hostAddr, newAddr) as GrantStatus
    leaveHypercall(this.machine, this.domid)
    return status
  }

  /** What operation 7 answers for no structs at all, which is how a driver asks whether the hypervisor knows it. */
  probeUnmapAndReplace(): 0 | typeof ENOSYS {
    return this.#replaces ? 0 : ENOSYS
  }

  /** The domain's addresses are translated for it, so {@link unmapAndReplace} is refused (XENFEAT_auto_translated_physmap). */
  get translated(): boolean {
    return this.machine.words[(this.machine.record(this.domid) + DOMAIN_TRANSLATED) >> 2] !== 0
  }

  /** For a batch: `count` handles are free now, if the limit allows so many. */
  reserveHandles(count: number): void {
    this.#maps.maptrack.reserve(count)
  }

  /**
   * Let go of every mapping, as Xen's gnttab_release_mappings does when the domain dies. Works for a dying domain.
   * Returns how many there were.
   */
  releaseMappings(): number {
    const mappings = this.#maps.maptrack.list()
    for (const { handle, flags } of mappings) this.#maps.drop(handle, flags)
    return mappings.length
  }

  #mapOp(dom: number, ref: number, flags: number, io: boolean): number {
    if (!enterHypercall(this.machine, this.domid)) return GNTST_BAD_DOMAIN
    const result = this.#maps.map(dom, ref, flags, io)
    leaveHypercall(this.machine, this.domid)
    return result
  }
}
