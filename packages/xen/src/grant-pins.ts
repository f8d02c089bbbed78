import {
  GNTST_BAD_GNTREF,
  GNTST_BAD_PAGE,
  GNTST_GENERAL_ERROR,
  GNTST_OKAY,
  GTF_PERMIT_ACCESS,
  GTF_READING,
  GTF_READONLY,
  GTF_SUB_PAGE,
  GTF_TYPE_MASK,
  GTF_WRITING,
} from './grant-abi.js'
import {
  ACTIVE_DOMID,
  ACTIVE_ENTRY_SHIFT,
  ACTIVE_GFN,
  DOMAIN_ACTIVE_FRAMES,
  DOMAIN_EXTENT_BASE,
  DOMAIN_EXTENT_PAGES,
  DOMAIN_GRANT_ENTRIES,
  DOMAIN_SHARED_FRAMES,
  ENTRIES_PER_FRAME_MASK,
  ENTRIES_PER_FRAME_SHIFT,
  PIN_LOCKED,
  PIN_OVERFLOW_SHIFT,
  PIN_WRITES,
  SHARED_ENTRY_FRAME,
  SHARED_ENTRY_SHIFT,
} from './hypervisor-layout.js'
import { PAGE_SHIFT } from './memory.js'
import type { Machine } from './machine.js'

/** How often the hypervisor tries to set its bits in an entry that the guest keeps changing. Xen grant_table.c. */
const STATUS_TRIES = 5

/**
 * Pins on granted pages: the hypervisor's checks of a version 1 grant entry and its active entry, after Xen
 * grant_table.c (map_grant_ref, acquire_grant_for_copy, _set_status_v1). The pin word is the entry's lock as well.
 *
 * Results of `acquire` stand in the fields, so that the frame path allocates nothing. The copy engine in
 * assembly/copy-engine.ts is this file's twin: change both.
 */
export class GrantPins {
  /** After `acquire`: byte offsets of the shared and of the active entry. */
  shared = 0
  active = 0
  /** After `acquire`: the frame number, and its machine byte offset (-1 for an I/O frame). */
  gfn = 0
  address = 0
  protected readonly machine: Machine
  protected readonly words: Int32Array
  protected readonly halves: Uint16Array

  constructor(machine: Machine) {
    this.machine = machine
    this.words = machine.words
    this.halves = machine.halves
  }

  /**
   * Take a pin for `holder` on reference `ref` of the domain whose record is at `record`: `increment` is the sum of the
   * pin counters to raise by one. `mapping` refuses sub-page entries; `io` asks for an I/O frame instead of RAM. A
   * status; on anything but okay nothing is pinned.
   */
  acquire(
    record: number,
    ref: number,
    holder: number,
    write: boolean,
    increment: number,
    mapping: boolean,
    io: boolean,
  ): number {
    if (!this.locate(record, ref)) return GNTST_BAD_GNTREF
    const { active } = this
    const pin = this.lock(active, holder)
    if (pin !== 0 && this.refusesPin(active, pin, holder, increment))
      return this.fail(pin, GNTST_GENERAL_ERROR)
    if (pin !== 0) {
      this.gfn = this.words[(active + ACTIVE_GFN) >> 2] >>> 0
      const found = this.translate(record, this.gfn, io)
      if (found !== GNTST_OKAY) return this.fail(pin, found)
    }
    if (pin === 0 || (write && (pin & PIN_WRITES) === 0)) {
      const status = this.setStatus(pin, holder, write, mapping)
      if (status !== GNTST_OKAY) return this.fail(pin, status)
    }
    if (pin === 0) {
      // The one read of the guest's frame number; from here on the active entry is the authority.
      this.gfn = this.words[(this.shared + SHARED_ENTRY_FRAME) >> 2] >>> 0
      const found = this.translate(record, this.gfn, io)
      if (found !== GNTST_OKAY) {
        this.clearStatus(write ? GTF_READING | GTF_WRITING : GTF_READING)
        return this.fail(pin, found)
      }
      this.halves[(active + ACTIVE_DOMID) >> 1] = holder
      this.words[(active + ACTIVE_GFN) >> 2] = this.gfn
    }
    this.unlock(active, (pin + increment) | 0)
    return GNTST_OKAY
  }

  /** Drop pins taken by `acquire`. `write` tells whether a write pin is among them. */
  release(shared: number, active: number, holder: number, increment: number, write: boolean): void {
    const pin = (this.lock(active, holder) - increment) | 0
    this.shared = shared
    // Writing is cleared only by who drops a write pin: a reader must not end another's write (XSA-230).
    let clear = write && (pin & PIN_WRITES) === 0 ? GTF_WRITING : 0
    if (pin === 0) clear |= GTF_READING
    if (clear !== 0) this.clearStatus(clear)
    this.unlock(active, pin)
  }

  /** Find the entries of a reference; false if it is beyond the table. */
  locate(record: number, ref: number): boolean {
    const { words } = this
    if (ref >>> 0 >= words[(record + DOMAIN_GRANT_ENTRIES) >> 2]) return false
    const frame = ref >>> ENTRIES_PER_FRAME_SHIFT
    const entry = ref & ENTRIES_PER_FRAME_MASK
    this.shared = words[((record + DOMAIN_SHARED_FRAMES) >> 2) + frame] + (entry << SHARED_ENTRY_SHIFT)
    this.active = words[((record + DOMAIN_ACTIVE_FRAMES) >> 2) + frame] + (entry << ACTIVE_ENTRY_SHIFT)
    return true
  }

  /** Where the page of a pinned reference is: machine byte offset, or bus address of an I/O page. */
  addressOfPinned(record: number, ref: number): number {
    this.locate(record, ref)
    const gfn = this.words[(this.active + ACTIVE_GFN) >> 2] >>> 0
    if (gfn >= this.words[(record + DOMAIN_EXTENT_PAGES) >> 2]) return gfn * (1 << PAGE_SHIFT)
    return this.words[(record + DOMAIN_EXTENT_BASE) >> 2] + (gfn << PAGE_SHIFT)
  }

  /** Lock an active entry and give its pin counts. */
  lock(active: number, holder: number): number {
    const { words } = this
    const index = active >> 2
    let expected = 0
    for (;;) {
      const seen = Atomics.compareExchange(words, index, expected, PIN_LOCKED | holder)
      if (seen === expected) return seen
      expected = (seen & PIN_LOCKED) === PIN_LOCKED ? 0 : seen
    }
  }

  unlock(active: number, pin: number): void {
    Atomics.store(this.words, active >> 2, pin)
  }

  protected refusesPin(active: number, pin: number, holder: number, increment: number): boolean {
    return (
      this.halves[(active + ACTIVE_DOMID) >> 1] !== holder || (pin & (increment << PIN_OVERFLOW_SHIFT)) !== 0
    )
  }

  /** Set reading (and writing) in the shared entry together with a check of flags and domid: one 32-bit exchange. */
  protected setStatus(pin: number, holder: number, write: boolean, mapping: boolean): number {
    const { words } = this
    const index = this.shared >> 2
    const mask = mapping ? GTF_TYPE_MASK | GTF_SUB_PAGE : GTF_TYPE_MASK
    const bits = write ? GTF_READING | GTF_WRITING : GTF_READING
    let seen = Atomics.load(words, index)
    for (let tries = 0; tries < STATUS_TRIES; tries++) {
      if (pin === 0 && ((seen & mask) !== GTF_PERMIT_ACCESS || seen >>> 16 !== holder))
        return GNTST_GENERAL_ERROR
      if (write && (seen & GTF_READONLY) !== 0) return GNTST_GENERAL_ERROR
      const found = this.exchange(index, seen, seen | bits)
      if (found === seen) return GNTST_OKAY
      seen = found
    }
    return GNTST_GENERAL_ERROR
  }

  /** The exchange on the guest's word; apart, so that a test can play the guest that changes it in between. */
  protected exchange(index: number, expected: number, value: number): number {
    return Atomics.compareExchange(this.words, index, expected, value)
  }

  protected clearStatus(bits: number): void {
    Atomics.and(this.words, this.shared >> 2, ~bits)
  }

  /** Frame number to machine address; sets `address`. */
  protected translate(record: number, gfn: number, io: boolean): number {
    if (io) return this.translateIo(record, gfn)
    if (gfn >= this.words[(record + DOMAIN_EXTENT_PAGES) >> 2]) return GNTST_BAD_PAGE
    this.address = this.words[(record + DOMAIN_EXTENT_BASE) >> 2] + (gfn << PAGE_SHIFT)
    return GNTST_OKAY
  }

  /** I/O memory may be granted by the domain that owns the device, and by no other. */
  protected translateIo(record: number, gfn: number): number {
    const region = this.machine.io.find(gfn)
    if (region === undefined) return GNTST_BAD_PAGE
    if (this.machine.record(region.owner) !== record) return GNTST_GENERAL_ERROR
    this.address = -1
    return GNTST_OKAY
  }

  protected fail(pin: number, status: number): number {
    this.unlock(this.active, pin)
    return status
  }
}
