import { XenError } from './errors.js'
import { Extent } from './extent.js'
import {
  DOMAIN_ALIVE,
  DOMAIN_DYING,
  DOMAIN_EXTENT_BASE,
  DOMAIN_EXTENT_PAGES,
  DOMAIN_IN_HYPERCALL,
  DOMAIN_IOMMU,
  DOMAIN_RECORD_SHIFT,
  DOMAIN_STATE,
  DOMAIN_TABLE,
  DOMAIN_TRANSLATED,
  MACHINE_MAX_DOMAINS,
  MACHINE_ONE_THREAD,
  MACHINE_STORES_IN_ORDER,
} from './hypervisor-layout.js'
import { IoPages } from './io-pages.js'
import { PAGE_SHIFT, PAGE_SIZE } from './memory.js'
import { PageAllocator } from './page-allocator.js'
import { discardGrantTable, pinsOnDomain } from './reaper.js'
import { promiseOneThread } from './shared-word.js'
import { STORES_IN_ORDER } from './store-order.js'
import { discardVmTables } from './vm-tables.js'
import type { IoRead, IoWritten } from './io-pages.js'
import type { Page } from './memory.js'

const WASM_PAGE = 65536
const MAX_BYTES = 0x7fff0000
const CACHE_LINE = 64

export interface MachineOptions {
  /** Size of machine memory in bytes; 16 MiB unless said. Rounded up to 64 KiB. */
  readonly bytes?: number
  readonly name?: string
  /** Domids run from 0 to one below this; 32 unless said. */
  readonly maxDomains?: number
  /**
   * 'one': no other thread ever looks at this memory. Hypercalls and event channels then need no atomic operation, which
   * from JavaScript is a call of 7 to 8 ns. 'many' unless said. A promise: nothing finds out when it is broken.
   */
  readonly threads?: 'one' | 'many'
}

/**
 * A `WebAssembly.Memory` by its shape: TypeScript declares the class in its browser libraries only, which a project that
 * uses this package under Node need not have.
 */
export interface MachineMemory {
  readonly buffer: ArrayBuffer | SharedArrayBuffer
  /** Throws RangeError: the memory has the size that it was made with. */
  grow(pages: number): number
}

/**
 * Machine memory: one shared WebAssembly.Memory of fixed size that holds every domain's frames and the hypervisor's own
 * tables. Page 0 belongs to nobody; the domain table follows; domains grow from the bottom, tables from the top.
 */
export class Machine {
  readonly name: string
  readonly memory: MachineMemory
  readonly buffer: SharedArrayBuffer
  readonly view: DataView
  readonly bytes: Uint8Array
  readonly words: Int32Array
  readonly halves: Uint16Array
  readonly maxDomains: number
  /** 1: no other thread looks at the memory. A number, as `STORES_IN_ORDER` is. */
  readonly oneThread: number
  readonly io = new IoPages()
  #pages: PageAllocator
  /** 1: the page was given out before. */
  #used: Uint8Array
  #extents = new Map<number, Extent>()
  #reserved = { at: 0, end: 0 }

  constructor(options: MachineOptions = {}) {
    const { bytes = 16 << 20, name = 'machine', maxDomains = 32, threads = 'many' } = options
    if (!(bytes >= WASM_PAGE * 4 && bytes <= MAX_BYTES))
      throw new XenError(
        'BAD_ARGUMENT',
        `machine memory must be ${WASM_PAGE * 4} to ${MAX_BYTES} bytes, not ${bytes}`,
      )
    if (!(Number.isInteger(maxDomains) && maxDomains >= 1 && maxDomains <= 1024))
      throw new XenError('BAD_ARGUMENT', `a machine holds 1 to 1024 domains, not ${maxDomains}`)
    const pages = Math.ceil(bytes / WASM_PAGE)
    this.name = name
    this.maxDomains = maxDomains
    this.oneThread = threads === 'one' ? 1 : 0
    this.memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true })
    this.buffer = this.memory.buffer as unknown as SharedArrayBuffer
    this.view = new DataView(this.buffer)
    this.bytes = new Uint8Array(this.buffer)
    this.words = new Int32Array(this.buffer)
    this.halves = new Uint16Array(this.buffer)
    this.#pages = new PageAllocator(this.buffer.byteLength >>> PAGE_SHIFT)
    this.#used = new Uint8Array(this.buffer.byteLength >>> PAGE_SHIFT)
    this.#pages.take((DOMAIN_TABLE + (maxDomains << DOMAIN_RECORD_SHIFT) + PAGE_SIZE - 1) >>> PAGE_SHIFT)
    this.words[MACHINE_MAX_DOMAINS >> 2] = maxDomains
    this.words[MACHINE_STORES_IN_ORDER >> 2] = STORES_IN_ORDER
    this.words[MACHINE_ONE_THREAD >> 2] = this.oneThread
    if (threads === 'one') promiseOneThread(this.buffer)
  }

  get pagesFree(): number {
    return this.#pages.free
  }

  /** Give a new domain its memory. Throws NO_MEMORY, BAD_DOMAIN, or IN_USE when the domid exists. */
  createExtent(domid: number, pages: number): Extent {
    if (!(Number.isInteger(domid) && domid >= 0 && domid < this.maxDomains))
      throw new XenError('BAD_DOMAIN', `domid ${domid} is outside 0..${this.maxDomains - 1} of ${this.name}`)
    if (this.#extents.has(domid))
      throw new XenError('IN_USE', `domain ${domid} of ${this.name} exists: destroy it first`)
    if (!Number.isInteger(pages) || pages < 1)
      throw new XenError('BAD_ARGUMENT', `a domain has 1 or more pages, not ${pages}`)
    const base = this.#take(pages, false)
    const extent = new Extent(domid, this.buffer, base, pages << PAGE_SHIFT)
    const record = this.record(domid) >> 2
    this.words.fill(0, record, record + (1 << (DOMAIN_RECORD_SHIFT - 2)))
    this.words[record + (DOMAIN_EXTENT_BASE >> 2)] = base
    this.words[record + (DOMAIN_EXTENT_PAGES >> 2)] = pages
    Atomics.store(this.words, record + (DOMAIN_STATE >> 2), DOMAIN_ALIVE)
    this.#extents.set(domid, extent)
    return extent
  }

  /** The extent of a domain that exists. Throws BAD_DOMAIN. */
  extentOf(domid: number): Extent {
    const extent = this.#extents.get(domid)
    if (extent === undefined) throw new XenError('BAD_DOMAIN', `${this.name} has no domain ${domid}`)
    return extent
  }

  hasDomain(domid: number): boolean {
    return this.#extents.has(domid)
  }

  /** The domain's addresses are translated for it (HVM, PVH). To be said before it runs. */
  markTranslated(domid: number): void {
    Atomics.store(this.words, (this.record(this.extentOf(domid).domid) + DOMAIN_TRANSLATED) >> 2, 1)
  }

  /**
   * The IOMMU lets a device of the domain reach the machine page at byte offset `place`, which is not the domain's own: it
   * has a grant of it mapped in a VM area now. (What a device may reach of the domain's own memory is all of it.)
   */
  iommuReaches(domid: number, place: number): boolean {
    const { words } = this
    const table = words[(this.record(domid) + DOMAIN_IOMMU) >> 2]
    return table !== 0 && words[(table >> 2) + (place >>> PAGE_SHIFT)] > 0
  }

  /**
   * From here on no hypercall of the domain, and no new pin on its pages, succeeds; what is pinned stays pinned until its
   * holder lets go. Nothing is freed: see `destroyExtent`.
   */
  markDying(domid: number): void {
    const extent = this.extentOf(domid)
    Atomics.store(this.words, (this.record(extent.domid) + DOMAIN_STATE) >> 2, DOMAIN_DYING)
  }

  /**
   * Give a domain's memory back, which is zeroed before it is given out again, with its grant and maptrack tables. Throws IN_USE while another domain pins
   * one of its pages or any hypercall is in progress (which may have looked at the domain before it was marked dying):
   * the domain stays what Xen calls a zombie until the holder lets go. `pinsOnDomain` says who that is.
   */
  destroyExtent(extent: Extent): void {
    if (this.#extents.get(extent.domid) !== extent)
      throw new XenError('BAD_DOMAIN', `domain ${extent.domid} of ${this.name} is already destroyed`)
    this.markDying(extent.domid)
    const busy = this.inHypercall()
    if (busy >= 0)
      throw new XenError('IN_USE', `domain ${busy} is inside a hypercall: try again when it has returned`)
    const pin = pinsOnDomain(this, extent.domid)[0]
    if (pin !== undefined)
      throw new XenError(
        'IN_USE',
        `domain ${pin.holder} still holds grant ${pin.ref} of domain ${extent.domid}: it must unmap it first`,
      )
    discardGrantTable(this, extent.domid)
    discardVmTables(this, extent.domid)
    this.io.dropOwner(extent.domid)
    const record = this.record(extent.domid) >> 2
    this.words.fill(0, record, record + (1 << (DOMAIN_RECORD_SHIFT - 2)))
    this.#pages.give(extent.base >>> PAGE_SHIFT, extent.pages)
    this.#extents.delete(extent.domid)
  }

  /** Bytes for a table of the hypervisor's own, zeroed, 64-byte aligned, kept as long as the machine. Machine offset. */
  reserve(bytes: number): number {
    const size = (bytes + CACHE_LINE - 1) & -CACHE_LINE
    const reserved = this.#reserved
    if (reserved.end - reserved.at < size) {
      const pages = (size + PAGE_SIZE - 1) >>> PAGE_SHIFT
      reserved.at = this.#take(pages, true)
      reserved.end = reserved.at + (pages << PAGE_SHIFT)
    }
    const at = reserved.at
    reserved.at += size
    return at
  }

  /** Zeroed pages for a hypervisor table that is given back: machine byte offset. Throws NO_MEMORY. */
  takePages(count: number): number {
    return this.#take(count, true)
  }

  /** Give back pages of `takePages`. */
  givePages(at: number, count: number): void {
    if (!this.#pages.give(at >>> PAGE_SHIFT, count))
      throw new XenError('BAD_PAGE', `${count} machine pages at ${at} are not taken`)
  }

  /**
   * A frame number beyond RAM that stands for a device's registers and can be granted as I/O memory. Writes of a grantee
   * call `written`, reads call `read` (0 without one).
   */
  ioPage(owner: number, written: IoWritten, read?: IoRead): Page {
    return this.io.add(this.extentOf(owner).domid, written, read)
  }

  /** Machine byte offset of a domid's record. The caller has checked the domid. */
  record(domid: number): number {
    return DOMAIN_TABLE + (domid << DOMAIN_RECORD_SHIFT)
  }

  /** The lowest domid that is inside a hypercall, -1 if none is. */
  inHypercall(): number {
    for (const domid of this.#extents.keys())
      if (Atomics.load(this.words, (this.record(domid) + DOMAIN_IN_HYPERCALL) >> 2) !== 0) return domid
    return -1
  }

  #take(count: number, high: boolean): number {
    const first = high ? this.#pages.takeHigh(count) : this.#pages.take(count)
    if (first < 0)
      throw new XenError(
        'NO_MEMORY',
        `${this.name} has no ${count} contiguous free pages (${this.#pages.free} are free): give the machine more bytes`,
      )
    this.#scrub(first, count)
    return first << PAGE_SHIFT
  }

  /**
   * What was given out before is zeroed. The rest is zero from the start, and zeroing it would have the system find memory for
   * pages of which a domain may never touch one: more than half of what a new host cost.
   */
  #scrub(first: number, count: number): void {
    const used = this.#used
    for (let page = first; page < first + count; page++) {
      if (used[page] === 1) this.bytes.fill(0, page << PAGE_SHIFT, (page + 1) << PAGE_SHIFT)
    }
    used.fill(1, first, first + count)
  }
}
