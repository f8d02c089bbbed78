import type { Frame } from './frame.js'
import { IPV4_SOURCE } from './ipv4.js'
import { IPV6_SOURCE } from './ipv6.js'
import type { PacketInfo } from './parse.js'

/** Bytes of a key (Xen netif.h, XEN_NETIF_MAX_HASH_KEY_LENGTH), zero-padded when shorter. */
export const TOEPLITZ_KEY_LENGTH = 40
/** Longest input: two IPv6 addresses and two ports. */
const MAX_INPUT = 36

/** The key of the published verification vectors (Microsoft, "Verifying the RSS hash calculation"). */
export const MICROSOFT_RSS_KEY: readonly number[] = [
  0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca,
  0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b,
  0xbe, 0xac, 0x01, 0xfa,
]

/**
 * The Toeplitz hash of receive-side scaling: for each input bit, first bit first, that is set, XOR the 32 key
 * bits that begin at the same place. A table per input byte turns that into one lookup a byte (36 KiB a key).
 */
export class Toeplitz {
  private readonly table: Int32Array

  constructor(key: ArrayLike<number> = []) {
    this.table = new Int32Array(MAX_INPUT * 256)
    this.setKey(key)
  }

  /** Bytes beyond 40 are ignored, missing ones are 0; an empty key hashes everything to 0. For control use. */
  setKey(key: ArrayLike<number>): void {
    const padded = new Uint8Array(TOEPLITZ_KEY_LENGTH)
    for (let i = 0; i < Math.min(key.length, TOEPLITZ_KEY_LENGTH); i++) padded[i] = key[i]
    const view = new DataView(padded.buffer)
    for (let position = 0; position < MAX_INPUT; position++) {
      const word = view.getUint32(position)
      const after = padded[position + 4]
      for (let value = 0; value < 256; value++) {
        let hash = 0
        for (let bit = 0; bit < 8; bit++) {
          if ((value & (0x80 >>> bit)) !== 0) hash ^= (word << bit) | (after >>> (8 - bit))
        }
        this.table[position * 256 + value] = hash
      }
    }
  }

  /**
   * Hash of `length` bytes at `at`, continued from `hash` as if `position` bytes had gone before; the two
   * together are at most 36. Start with 0, 0. The 32 bits come as a
   * signed number, which no engine boxes: `>>> 0` where it is compared or divided.
   */
  hash(bytes: Uint8Array, at: number, length: number, position: number, hash: number): number {
    const table = this.table
    let result = hash
    for (let i = 0; i < length; i++) result ^= table[((position + i) << 8) + bytes[at + i]]
    return result
  }

  /** Hash over the addresses of a parsed IP packet, as {@link hash} gives it; 0 if it is none. */
  hashL3(frame: Frame, info: PacketInfo): number {
    const l3 = frame.offset + info.l3Offset
    if (info.ipVersion === 4) return this.hash(frame.bytes, l3 + IPV4_SOURCE, 8, 0, 0)
    if (info.ipVersion === 6) return this.hash(frame.bytes, l3 + IPV6_SOURCE, 32, 0, 0)
    return 0
  }

  /** The same over addresses and ports of a parsed, unfragmented TCP or UDP packet; 0 if it is none. */
  hashL4(frame: Frame, info: PacketInfo): number {
    if (!info.l4) return 0
    const addresses = info.ipVersion === 4 ? 8 : 32
    return this.hash(frame.bytes, frame.offset + info.l4Offset, 4, addresses, this.hashL3(frame, info))
  }
}
