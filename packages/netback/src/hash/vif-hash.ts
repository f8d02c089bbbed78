import {
  XEN_NETBK_MAX_HASH_MAPPING_SIZE,
  XEN_NETIF_CTRL_HASH_ALGORITHM_NONE,
  XEN_NETIF_CTRL_HASH_ALGORITHM_TOEPLITZ,
  XEN_NETIF_CTRL_HASH_TYPE_IPV4,
  XEN_NETIF_CTRL_HASH_TYPE_IPV4_TCP,
  XEN_NETIF_CTRL_HASH_TYPE_IPV6,
  XEN_NETIF_CTRL_HASH_TYPE_IPV6_TCP,
} from '@netaccel/xen'
import { PacketInfo, parsePacket, Toeplitz, TOEPLITZ_KEY_LENGTH } from '@netaccel/packet'
import type { Frame } from '@netaccel/packet'

/**
 * What a guest has said, by its control ring, of the hash of the frames for it: algorithm, kinds of packets, key, and the
 * table that gives a hash its queue (Linux drivers/net/xen-netback/hash.c).
 */
export class VifHash {
  /** XEN_NETIF_CTRL_HASH_ALGORITHM_*. */
  algorithm: number
  /** Bits of XEN_NETIF_CTRL_HASH_TYPE_*. */
  flags: number
  /** Entries in use of {@link mapping}; 0: the hash modulo the number of queues. */
  size: number
  /** The table in use. Written by {@link swap} alone. */
  mapping: Uint32Array
  /** Where a new table is put together and checked. */
  spare: Uint32Array
  /** Of the frame that {@link hash} was asked about last: XEN_NETIF_CTRL_HASH_TYPE_* and the hash, unsigned 32 bit. */
  type: number
  value: number
  private readonly info: PacketInfo
  /** Made with the first key: its table is 36 KiB. */
  private toeplitz: Toeplitz | null

  constructor() {
    this.algorithm = XEN_NETIF_CTRL_HASH_ALGORITHM_NONE
    this.flags = 0
    this.size = 0
    this.mapping = new Uint32Array(XEN_NETBK_MAX_HASH_MAPPING_SIZE)
    this.spare = new Uint32Array(XEN_NETBK_MAX_HASH_MAPPING_SIZE)
    this.type = 0
    this.value = 0
    this.info = new PacketInfo()
    this.toeplitz = null
  }

  /** The guest has chosen an algorithm: it gets the hash of each frame. */
  get wanted(): boolean {
    return this.algorithm === XEN_NETIF_CTRL_HASH_ALGORITHM_TOEPLITZ
  }

  /** The guest is gone. */
  reset(): void {
    this.algorithm = XEN_NETIF_CTRL_HASH_ALGORITHM_NONE
    this.flags = 0
    this.size = 0
    this.mapping.fill(0)
    this.toeplitz = null
  }

  /** Up to 40 bytes; what is missing is 0. */
  setKey(key: Uint8Array): void {
    if (key.length > TOEPLITZ_KEY_LENGTH)
      throw new RangeError(`a key has ${TOEPLITZ_KEY_LENGTH} bytes at most`)
    this.toeplitz ??= new Toeplitz()
    this.toeplitz.setKey(key)
  }

  /** The spare table comes into use. */
  swap(): void {
    const before = this.mapping
    this.mapping = this.spare
    this.spare = before
  }

  /**
   * Hash a frame. Of TCP that is no fragment over the ports too if the guest has asked for that, else over the addresses; of
   * all else, UDP included, over the addresses. False, and 0: not IP, or of a kind that the guest has not asked for.
   */
  hash(frame: Frame): boolean {
    const { info, toeplitz } = this
    this.value = 0
    parsePacket(frame, info)
    const { ipVersion } = info
    if (ipVersion === 0) return false
    const tcp = ipVersion === 4 ? XEN_NETIF_CTRL_HASH_TYPE_IPV4_TCP : XEN_NETIF_CTRL_HASH_TYPE_IPV6_TCP
    if (info.isTcp && (this.flags & (1 << tcp)) !== 0) {
      if (toeplitz !== null) this.value = toeplitz.hashL4(frame, info) >>> 0
      this.type = tcp
      return true
    }
    const ip = ipVersion === 4 ? XEN_NETIF_CTRL_HASH_TYPE_IPV4 : XEN_NETIF_CTRL_HASH_TYPE_IPV6
    if ((this.flags & (1 << ip)) === 0) return false
    if (toeplitz !== null) this.value = toeplitz.hashL3(frame, info) >>> 0
    this.type = ip
    return true
  }

  /** The queue of a frame, of the first `queues`. What has no hash counts as one of 0. */
  queueOf(frame: Frame, queues: number): number {
    this.hash(frame)
    const { mapping, size, value } = this
    return size === 0 ? value % queues : mapping[value % size]
  }
}
