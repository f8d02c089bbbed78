import {
  XEN_NETBK_MAX_HASH_MAPPING_SIZE,
  XEN_NETIF_CTRL_HASH_ALGORITHM_NONE,
  XEN_NETIF_CTRL_HASH_ALGORITHM_TOEPLITZ,
  XEN_NETIF_CTRL_HASH_TYPES,
  XEN_NETIF_CTRL_STATUS_INVALID_PARAMETER,
  XEN_NETIF_CTRL_STATUS_NOT_SUPPORTED,
  XEN_NETIF_CTRL_STATUS_SUCCESS,
  XEN_NETIF_CTRL_TYPE_ADD_GREF_MAPPING,
  XEN_NETIF_CTRL_TYPE_DEL_GREF_MAPPING,
  XEN_NETIF_CTRL_TYPE_GET_GREF_MAPPING_SIZE,
  XEN_NETIF_CTRL_TYPE_GET_HASH_FLAGS,
  XEN_NETIF_CTRL_TYPE_GET_HASH_MAPPING_SIZE,
  XEN_NETIF_CTRL_TYPE_SET_HASH_ALGORITHM,
  XEN_NETIF_CTRL_TYPE_SET_HASH_FLAGS,
  XEN_NETIF_CTRL_TYPE_SET_HASH_KEY,
  XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING,
  XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING_SIZE,
} from '@netaccel/xen'
import type { Arena, CtrlRequest, Domain, GrantCopyBatch } from '@netaccel/xen'
import { TOEPLITZ_KEY_LENGTH } from '@netaccel/packet'
import { StaticRequests } from '../static/static-requests.js'
import type { StaticQueue } from '../static/static-requests.js'
import type { VifHash } from './vif-hash.js'

const SUCCESS = XEN_NETIF_CTRL_STATUS_SUCCESS
const INVALID = XEN_NETIF_CTRL_STATUS_INVALID_PARAMETER
const PAGE = 4096

/** What a control request changes beside the hash. */
export interface ControlOwner {
  readonly guest: number
  /** Queues of the connection. */
  readonly queueCount: number
  /** One of them; undefined: there is none of that number. */
  queue(index: number): StaticQueue | undefined
  /** Which queue a frame belongs to may have changed. */
  steeringChanged(): void
}

/**
 * Answers the control requests of one guest, as xenvif_process_ctrl_request of Linux does. Key and table are copied out of
 * the guest's page by a grant copy, once, and looked at afterwards. Where Xen's header names another status than Linux
 * gives, it is Linux's: a key that is too long is INVALID_PARAMETER, not BUFFER_OVERFLOW.
 */
export class ControlRequests {
  /** The `data` of the answer. */
  data: number
  private readonly owner: ControlOwner
  private readonly hash: VifHash
  private readonly batch: GrantCopyBatch
  private readonly page: Arena
  private readonly domain: Domain
  private readonly statics: StaticRequests

  /** Takes two pages of the driver domain; {@link dispose} gives them back. Throws NO_MEMORY. */
  constructor(owner: ControlOwner, hash: VifHash, domain: Domain) {
    this.owner = owner
    this.hash = hash
    this.domain = domain
    this.data = 0
    this.page = domain.extent.allocPages(1)
    try {
      this.batch = domain.copyBatch()
    } catch (error) {
      domain.extent.freePages(this.page)
      throw error
    }
    this.statics = new StaticRequests(domain, owner.guest, { page: this.page, batch: this.batch })
  }

  dispose(): void {
    this.batch.dispose()
    this.domain.extent.freePages(this.page)
  }

  /** Do what is asked; returns the status. */
  answer({ type, data }: CtrlRequest): number {
    this.data = 0
    const [first, second, third] = data
    switch (type) {
      case XEN_NETIF_CTRL_TYPE_GET_HASH_FLAGS:
        return this.getFlags()
      case XEN_NETIF_CTRL_TYPE_SET_HASH_FLAGS:
        return this.changed(this.setFlags(first))
      case XEN_NETIF_CTRL_TYPE_SET_HASH_KEY:
        return this.changed(this.setKey(first, second))
      case XEN_NETIF_CTRL_TYPE_GET_HASH_MAPPING_SIZE:
        this.data = XEN_NETBK_MAX_HASH_MAPPING_SIZE
        return SUCCESS
      case XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING_SIZE:
        return this.changed(this.setMappingSize(first))
      case XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING:
        return this.changed(this.setMapping(first, second, third))
      case XEN_NETIF_CTRL_TYPE_SET_HASH_ALGORITHM:
        return this.changed(this.setAlgorithm(first))
      case XEN_NETIF_CTRL_TYPE_GET_GREF_MAPPING_SIZE:
        return this.getGrantsSize(first)
      case XEN_NETIF_CTRL_TYPE_ADD_GREF_MAPPING:
        return this.statics.add(this.owner.queue(first), second, third)
      case XEN_NETIF_CTRL_TYPE_DEL_GREF_MAPPING:
        return this.removeGrants(first, second, third)
      default:
        return XEN_NETIF_CTRL_STATUS_NOT_SUPPORTED
    }
  }

  private changed(status: number): number {
    if (status === SUCCESS) this.owner.steeringChanged()
    return status
  }

  private getGrantsSize(queue: number): number {
    if (this.owner.queue(queue) === undefined) return INVALID
    this.data = this.statics.most
    return SUCCESS
  }

  private removeGrants(queue: number, ref: number, count: number): number {
    const status = this.statics.remove(this.owner.queue(queue), ref, count)
    this.data = this.statics.removed
    return status
  }

  private getFlags(): number {
    if (!this.hash.wanted) return XEN_NETIF_CTRL_STATUS_NOT_SUPPORTED
    this.data = XEN_NETIF_CTRL_HASH_TYPES
    return SUCCESS
  }

  private setFlags(flags: number): number {
    if ((flags & ~XEN_NETIF_CTRL_HASH_TYPES) !== 0 || !this.hash.wanted) return INVALID
    this.hash.flags = flags
    return SUCCESS
  }

  private setKey(ref: number, length: number): number {
    if (length > TOEPLITZ_KEY_LENGTH || !this.copy(ref, length)) return INVALID
    const { bytes, offset } = this.page
    this.hash.setKey(bytes.slice(offset, offset + length))
    return SUCCESS
  }

  private setMappingSize(size: number): number {
    if (size > XEN_NETBK_MAX_HASH_MAPPING_SIZE) return INVALID
    this.hash.size = size
    this.hash.mapping.fill(0, 0, size)
    return SUCCESS
  }

  /** `first` and `count` are entries. A sum that passes 2^32 is no way around the size (XSA-270): numbers do not wrap here. */
  private setMapping(ref: number, count: number, first: number): number {
    const { hash, owner, page } = this
    if (first + count > hash.size || count > PAGE / 4 || !this.copy(ref, count * 4)) return INVALID
    const { spare } = hash
    spare.set(hash.mapping)
    const words = page.offset >> 2
    for (let entry = 0; entry < count; entry++) {
      const queue = page.words[words + entry] >>> 0
      if (queue >= owner.queueCount) return INVALID
      spare[first + entry] = queue
    }
    hash.swap()
    return SUCCESS
  }

  private setAlgorithm(algorithm: number): number {
    if (
      algorithm !== XEN_NETIF_CTRL_HASH_ALGORITHM_NONE &&
      algorithm !== XEN_NETIF_CTRL_HASH_ALGORITHM_TOEPLITZ
    )
      return INVALID
    this.hash.algorithm = algorithm
    return SUCCESS
  }

  /** The first bytes of a page that the guest has granted, into ours. False: the grant is not what it should be. */
  private copy(ref: number, length: number): boolean {
    const { batch, domain, owner, page } = this
    if (length === 0) return true
    batch.reset()
    batch.fromGrant(ref, owner.guest, 0, page.offset, length)
    domain.engine.charge('grantOp', 1)
    domain.engine.charge('byteCopied', length)
    return batch.run() === 0
  }
}
