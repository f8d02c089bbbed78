import {
  XEN_NETIF_CTRL_STATUS_INVALID_PARAMETER,
  XEN_NETIF_CTRL_STATUS_SUCCESS,
  XEN_NETIF_CTRLF_GREF_READONLY,
  XEN_NETIF_GREF_BYTES,
} from '@netaccel/xen'
import type { Arena, Domain, GrantCopyBatch } from '@netaccel/xen'
import { MOST_STATIC_GRANTS, StaticGrants } from './static-grants.js'

const SUCCESS = XEN_NETIF_CTRL_STATUS_SUCCESS
const INVALID = XEN_NETIF_CTRL_STATUS_INVALID_PARAMETER
const MOST_ENTRIES = 4096 / XEN_NETIF_GREF_BYTES

/** What a queue does with the pages that it has been given. */
export interface StaticQueue {
  statics: StaticGrants | null
}

/** A page of ours into which a list is copied, and the copies. */
export interface ListPage {
  readonly page: Arena
  readonly batch: GrantCopyBatch
}

/**
 * The control requests about static grants: commands 8 to 10 of Xen public/io/netif.h, which Linux does not support. An
 * entry of a list is {gref u32@0, flags u16@4, status u16@6}.
 */
export class StaticRequests {
  /** Entries done by the last {@link remove}. */
  removed: number
  private readonly domain: Domain
  private readonly guest: number
  private readonly list: ListPage

  constructor(domain: Domain, guest: number, list: ListPage) {
    this.removed = 0
    this.domain = domain
    this.guest = guest
    this.list = list
  }

  /** Most entries of a queue's table. */
  get most(): number {
    return MOST_STATIC_GRANTS
  }

  /** Map every entry of the list for that queue, or none. */
  add(queue: StaticQueue | undefined, ref: number, count: number): number {
    if (queue === undefined || !this.read(ref, count)) return INVALID
    const statics = (queue.statics ??= new StaticGrants(this.domain, this.guest))
    const word = this.list.page.offset >> 2
    for (let entry = 0; entry < count; entry++) {
      const flags = this.list.page.words[word + 2 * entry + 1] & 0xffff
      const known = (flags & ~XEN_NETIF_CTRLF_GREF_READONLY) === 0
      if (known && statics.add(this.refOf(entry), (flags & XEN_NETIF_CTRLF_GREF_READONLY) !== 0)) continue
      for (let undone = 0; undone < entry; undone++) statics.remove(this.refOf(undone))
      this.dropEmpty(queue)
      return INVALID
    }
    this.dropEmpty(queue)
    return SUCCESS
  }

  /** Let go of the entries that are mapped; the list says of each whether it was. */
  remove(queue: StaticQueue | undefined, ref: number, count: number): number {
    this.removed = 0
    if (queue === undefined || !this.read(ref, count)) return INVALID
    const { page } = this.list
    for (let entry = 0; entry < count; entry++) {
      const done = queue.statics?.remove(this.refOf(entry)) ?? false
      if (done) this.removed++
      const at = (page.offset >> 2) + 2 * entry + 1
      page.words[at] = (page.words[at] & 0xffff) | ((done ? SUCCESS : INVALID) << 16)
    }
    this.dropEmpty(queue)
    return this.write(ref, count) ? SUCCESS : INVALID
  }

  private refOf(entry: number): number {
    return this.list.page.words[(this.list.page.offset >> 2) + 2 * entry] >>> 0
  }

  private dropEmpty(queue: StaticQueue): void {
    if (queue.statics?.size === 0) queue.statics = null
  }

  private read(ref: number, count: number): boolean {
    if (count > MOST_ENTRIES) return false
    const { batch, page } = this.list
    batch.reset()
    if (count > 0) batch.fromGrant(ref, this.guest, 0, page.offset, count * XEN_NETIF_GREF_BYTES)
    return this.run(count)
  }

  private write(ref: number, count: number): boolean {
    const { batch, page } = this.list
    batch.reset()
    if (count > 0) batch.toGrant(page.offset, ref, this.guest, 0, count * XEN_NETIF_GREF_BYTES)
    return this.run(count)
  }

  private run(count: number): boolean {
    const { engine } = this.domain
    engine.charge('grantOp', 1 + count)
    engine.charge('byteCopied', count * XEN_NETIF_GREF_BYTES)
    return this.list.batch.run() === 0
  }
}
