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
import { livingRecord } from './hypercall.js'
import {
  DOMAIN_TRANSLATED,
  MAP_ADDRESS,
  MAP_ADDRESS_HIGH,
  MAP_DOMID,
  MAP_FLAGS,
  MAP_HANDLE,
  MAP_REF,
  PIN_DEVICE_READ,
  PIN_DEVICE_WRITE,
  PIN_HOST_READ,
  PIN_HOST_WRITE,
  UNMAP_ADDRESS,
  UNMAP_ADDRESS_HIGH,
  UNMAP_DEVICE,
  UNMAP_DEVICE_HIGH,
  UNMAP_HANDLE,
  VM_HIGH,
} from './hypervisor-layout.js'
import { Maptrack } from './maptrack.js'
import { changeIommu, vmEntry, vmEntryAt } from './vm-tables.js'
import type { Machine } from './machine.js'

const LOW_WORD = 2 ** 32

/** Which counters a mapping with these flags raises. */
export function pinIncrement(flags: number): number {
  const readonly = (flags & GNTMAP_READONLY) !== 0
  const host = (flags & GNTMAP_HOST) === 0 ? 0 : readonly ? PIN_HOST_READ : PIN_HOST_WRITE
  const device = (flags & GNTMAP_DEVICE) === 0 ? 0 : readonly ? PIN_DEVICE_READ : PIN_DEVICE_WRITE
  return host + device
}

/**
 * The map operations of one calling domain, each within a hypercall that the caller has entered: after map_grant_ref,
 * unmap_common and replace_grant_pv_mapping in Xen (xen/common/grant_table.c, xen/arch/x86/pv/grant_table.c).
 * assembly/grant-maps.ts is the twin of `mapStruct` and `unmapStruct`: change both.
 */
export class GrantMaps {
  readonly maptrack: Maptrack
  readonly pins: GrantPins
  readonly #machine: Machine
  readonly #domid: number
  readonly #own: number

  constructor(machine: Machine, domid: number, maptrackFrames?: number) {
    this.maptrack = new Maptrack(machine, domid, maptrackFrames)
    this.pins = new GrantPins(machine)
    this.#machine = machine
    this.#domid = domid
    this.#own = machine.record(domid)
  }

  /** The checks in Xen's order; a handle, or a status below 0. `io`: an I/O page. What `pins` has found stays there. */
  map(dom: number, ref: number, flags: number, io: boolean): number {
    if ((flags & (GNTMAP_DEVICE | GNTMAP_HOST)) === 0) return GNTST_BAD_GNTREF
    if ((flags & (GNTMAP_APPLICATION | GNTMAP_CONTAINS_PTE)) !== 0) return GNTST_GENERAL_ERROR
    const record = livingRecord(this.#machine, dom)
    if (record < 0) return GNTST_BAD_DOMAIN
    const handle = this.maptrack.take()
    if (handle < 0) return GNTST_NO_SPACE
    const write = (flags & GNTMAP_READONLY) === 0
    const status = this.pins.acquire(record, ref, this.#domid, write, pinIncrement(flags), true, io)
    if (status !== GNTST_OKAY) {
      this.maptrack.give(handle)
      return status
    }
    this.maptrack.set(handle, dom, ref, flags)
    return handle
  }

  /** One gnttab_map_grant_ref at machine offset `op`, at an address of a VM area; a status. The handle goes into it. */
  mapStruct(op: number): number {
    const { halves, words } = this.#machine
    const low = words[(op + MAP_ADDRESS) >> 2]
    const high = words[(op + MAP_ADDRESS_HIGH) >> 2]
    const flags = words[(op + MAP_FLAGS) >> 2]
    const handle = this.map(halves[(op + MAP_DOMID) >> 1], words[(op + MAP_REF) >> 2] >>> 0, flags, false)
    if (handle < 0) return handle
    const entry = vmEntry(this.#machine, this.#own, low, high)
    if (entry < 0 || words[entry] !== 0) {
      this.drop(handle, flags)
      return GNTST_GENERAL_ERROR
    }
    words[entry] = this.pins.address
    changeIommu(this.#machine, this.#own, this.pins.address, 1)
    words[(op + MAP_HANDLE) >> 2] = handle
    return GNTST_OKAY
  }

  /** One gnttab_unmap_grant_ref at machine offset `op`; a status. */
  unmapStruct(op: number): number {
    const { words } = this.#machine
    return this.unmap(
      words[(op + UNMAP_HANDLE) >> 2],
      words[(op + UNMAP_ADDRESS) >> 2] >>> 0,
      words[(op + UNMAP_ADDRESS_HIGH) >> 2] >>> 0,
      (words[(op + UNMAP_DEVICE_HIGH) >> 2] >>> 0) * LOW_WORD + (words[(op + UNMAP_DEVICE) >> 2] >>> 0),
    )
  }

  /** unmap_common: a part whose address is 0 stays mapped. The address of the host part comes in its two words. */
  unmap(handle: number, low: number, high: number, device: number): number {
    const flags = this.maptrack.flags(handle)
    if (flags === 0) return GNTST_BAD_HANDLE
    const place = this.#placeOf(handle)
    const devicePart = device === 0 ? 0 : flags & GNTMAP_DEVICE
    const hostPart = low === 0 && high === 0 ? 0 : flags & GNTMAP_HOST
    if (devicePart !== 0 && device !== place) return GNTST_BAD_DEV_ADDR
    if (hostPart !== 0 && !this.#unmapAt(low, high, place)) return GNTST_GENERAL_ERROR
    if (hostPart + devicePart !== 0) this.drop(handle, (flags & GNTMAP_READONLY) | hostPart | devicePart)
    return GNTST_OKAY
  }

  /**
   * unmap_and_replace with a `newAddress` that is not 0: `address` shows from here on what `newAddress` showed, and that
   * nothing. As on Xen the page is taken away from `newAddress` before `address` is looked at, and is not put back when
   * that turns out not to show the grant.
   */
  replace(handle: number, address: number, newAddress: number): number {
    const { words } = this.#machine
    const flags = this.maptrack.flags(handle)
    if (flags === 0) return GNTST_BAD_HANDLE
    if (address === 0 || (flags & GNTMAP_HOST) === 0) return GNTST_OKAY
    if (words[(this.#own + DOMAIN_TRANSLATED) >> 2] !== 0) return GNTST_GENERAL_ERROR
    const from = vmEntryAt(this.#machine, this.#own, newAddress)
    if (from < 0) return GNTST_GENERAL_ERROR
    const stolen = words[from]
    words[from] = 0
    const entry = vmEntryAt(this.#machine, this.#own, address)
    const place = this.#placeOf(handle)
    if (entry < 0 || words[entry] !== place) return GNTST_GENERAL_ERROR
    Atomics.store(words, entry, stolen)
    changeIommu(this.#machine, this.#own, place, -1)
    this.drop(handle, (flags & GNTMAP_READONLY) | GNTMAP_HOST)
    return GNTST_OKAY
  }

  /** Drop the parts of a mapping named in `parts`; the handle is free when neither is left. */
  drop(handle: number, parts: number): void {
    const dom = this.maptrack.domid(handle)
    const ref = this.maptrack.ref(handle)
    const left = this.maptrack.flags(handle) & ~(parts & (GNTMAP_DEVICE | GNTMAP_HOST))
    const { pins } = this
    // A pinned entry's domain cannot go away, so its record and table are there.
    pins.locate(this.#machine.record(dom), ref)
    if ((left & (GNTMAP_DEVICE | GNTMAP_HOST)) === 0) this.maptrack.give(handle)
    else this.maptrack.set(handle, dom, ref, left)
    pins.release(pins.shared, pins.active, this.#domid, pinIncrement(parts), (parts & GNTMAP_READONLY) === 0)
  }

  /** The address shows the page at `place`, and from here on nothing. A page mapped without an area is at its own place. */
  #unmapAt(low: number, high: number, place: number): boolean {
    if (high !== VM_HIGH) return high * LOW_WORD + low === place
    const entry = vmEntry(this.#machine, this.#own, low | 0, high)
    if (entry < 0 || this.#machine.words[entry] !== place) return false
    this.#machine.words[entry] = 0
    changeIommu(this.#machine, this.#own, place, -1)
    return true
  }

  #placeOf(handle: number): number {
    const record = this.#machine.record(this.maptrack.domid(handle))
    return this.pins.addressOfPinned(record, this.maptrack.ref(handle))
  }
}
