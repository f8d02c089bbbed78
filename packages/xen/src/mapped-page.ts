import { XenError } from './errors.js'
import { PAGE_SHIFT, PAGE_SIZE } from './memory.js'
import type { IoPages } from './io-pages.js'
import type { SharedView } from './memory.js'

/** What a mapping is, to its holder. */
export interface MappingDetails {
  /** Names the mapping to the hypervisor. */
  readonly handle: number
  /** The granting domain and its reference. */
  readonly dom: number
  readonly ref: number
  readonly access: 'ro' | 'rw'
  /** GNTMAP_*. */
  readonly flags: number
}

/** A page of another domain, mapped through a grant: 4096 bytes at offset 0 of its own typed arrays. */
export class MappedPage implements SharedView, MappingDetails {
  readonly handle: number
  readonly dom: number
  readonly ref: number
  readonly access: 'ro' | 'rw'
  readonly flags: number
  /** The granting domain's frame number, as the hypervisor noted it when the grant was first pinned. */
  readonly gfn: number
  /** Where the page is: machine byte offset. */
  readonly hostAddr: number
  readonly offset = 0
  readonly length: number = PAGE_SIZE
  readonly view: DataView
  readonly bytes: Uint8Array
  readonly words: Int32Array

  constructor(buffer: SharedArrayBuffer, address: number, gfn: number, details: MappingDetails) {
    this.handle = details.handle
    this.dom = details.dom
    this.ref = details.ref
    this.access = details.access
    this.flags = details.flags
    this.gfn = gfn
    this.hostAddr = address
    this.view = new DataView(buffer, address, PAGE_SIZE)
    this.bytes = new Uint8Array(buffer, address, PAGE_SIZE)
    this.words = new Int32Array(buffer, address, PAGE_SIZE >> 2)
  }
}

/** An I/O page of another domain's device, mapped through a grant: registers of 32 bits. */
export class IoPage implements MappingDetails {
  readonly handle: number
  readonly dom: number
  readonly ref: number
  readonly access: 'ro' | 'rw'
  readonly flags: number
  readonly gfn: number
  /** Bus address of the page: the frame number in bytes. */
  readonly hostAddr: number
  readonly length: number = PAGE_SIZE
  #io: IoPages

  constructor(io: IoPages, gfn: number, details: MappingDetails) {
    this.handle = details.handle
    this.dom = details.dom
    this.ref = details.ref
    this.access = details.access
    this.flags = details.flags
    this.gfn = gfn
    this.hostAddr = gfn * (1 << PAGE_SHIFT)
    this.#io = io
  }

  /**
   * Write a 32-bit register: calls the owner's handler before it returns. Nothing happens when the device is gone.
   * Throws BAD_ARGUMENT for an offset that is no register.
   */
  write32(offset: number, value: number): void {
    this.#check(offset)
    this.#io.find(this.gfn)?.written(offset, value >>> 0)
  }

  /** Read a 32-bit register; all ones when the device is gone, as a bus gives. */
  read32(offset: number): number {
    this.#check(offset)
    const region = this.#io.find(this.gfn)
    if (region === undefined) return 0xffffffff
    return region.read === undefined ? 0 : region.read(offset) >>> 0
  }

  #check(offset: number): void {
    if (offset < 0 || offset > PAGE_SIZE - 4 || (offset & 3) !== 0)
      throw new XenError(
        'BAD_ARGUMENT',
        `offset ${offset} is no 32-bit register of an I/O page: 0, 4, ... 4092`,
      )
  }
}
