/**
 * What a guest and the switch in the driver domain say to each other, to the byte. Both halves import this file and
 * nothing else of each other. Words are 32 bits, little-endian; bit 0 is the lowest. Indices run freely through 32 bits:
 * the place of index i in its ring is `i & (capacity - 1)`.
 *
 * A guest has three pages of the driver domain's: rings, registers, peers.
 */

export const PAGE = 4096

// ---- page "rings", which both write: two rings of 8-byte descriptors
export const SLOTS = 256
export const TX_RING = 0
export const RX_RING = SLOTS * 8
// Word 0 of a descriptor, written by the guest: where the bytes are, see `bufferAddress`.
// Word 1, written by the guest: bits 0..15 length of the frame or size of the buffer | bit 16 BLANK.
// Word 1, written over by the switch: bit 30 DONE, and | bit 29 REFUSED (sends) or | bits 0..15 length | bit 16 BLANK.
export const LENGTH_MASK = 0xffff
/** The TCP or UDP checksum of this frame is not filled in. */
export const BLANK = 1 << 16
/** Not carried: it was no frame of the guest's, or the other guest had no buffer for a long time. */
export const REFUSED = 1 << 29
/** The switch is done with this descriptor. The guest clears it when it uses the place again. */
export const DONE = 1 << 30

// ---- page "registers", which the guest writes and the switch reads
/** Index behind the last send written, and behind the last receive buffer. */
export const TX_TAIL = 0x0
export const RX_TAIL = 0x4
/** Index behind the last buffer that was read: what it held has been delivered. */
export const RX_HEAD = 0x8
/** Another number than at the last event: send one event when something is done. */
export const ARM = 0xc
/** Version of the list of peers by which this guest sends: nothing it sends from here on goes by an older one. */
export const SEEN = 0x10

// ---- page "peers", which only the switch writes: see peers.ts

/** Longest frame, MTU 1500 with a VLAN tag, and the size of a receive buffer: two in a page. */
export const LONGEST = 1518
export const BUFFER_BYTES = 2048

// ---- keys of the store, each in its writer's directory; numbers with spaces between them
/** Guest: grants of the pages that it sends from, of those that it receives into, and its event channel. */
export const KEY_TX_PAGES = 'accel-tx-pages'
export const KEY_RX_PAGES = 'accel-rx-pages'
export const KEY_CHANNEL = 'accel-channel'
/** Driver domain: index of the first page of each in the guest's table, then grants of the three pages in their order. */
export const KEY_QUEUES = 'accel-queues'

/** Byte `byte` of page `index`. A frame and a buffer lie within one page. */
export function bufferAddress(index: number, byte: number): number {
  return ((index << 12) | byte) >>> 0
}

/** The numbers of a key's value; undefined if it is absent or holds anything else. */
export function readNumbers(text: string | undefined): number[] | undefined {
  if (text === undefined || !/^\d{1,10}( \d{1,10})*$/.test(text)) return undefined
  return text.split(' ').map(Number)
}
