/**
 * What the guest and the NIC say to each other, to the byte. Both sides of the plugin import this file and nothing else
 * of each other. Words are 32 bits, little-endian; bit 0 is the lowest. Indices run freely through 32 bits: the place of
 * index i in its ring is `i & (capacity - 1)`.
 *
 * A pair of queues has four pages: rings, status, addresses, doorbell.
 */

/** The kind of port that the hardware half makes; the backend half opens ports of this kind. */
export const KIND = '__PLUGIN__'
export const PAGE = 4096

// ---- page "rings", which the guest and the NIC write: two rings of 8-byte descriptors
export const SLOTS = 256
export const TX_RING = 0
export const RX_RING = SLOTS * 8
// Word 0 of a descriptor, written by the guest: where the bytes are, see `bufferAddress`.
// Word 1, written by the guest: bits 0..15 length of the frame or size of the buffer | bit 16 SUM.
// Word 1, written over by the NIC: bit 30 DONE, and | bit 29 REFUSED (sends) or | bits 0..15 length | bit 17 GOOD (receives).
export const LENGTH_MASK = 0xffff
/** Fill in the TCP or UDP checksum of this frame. */
export const SUM = 1 << 16
/** The TCP or UDP checksum of this frame was looked at and is right. */
export const GOOD = 1 << 17
/** Not sent: the bytes lie outside what the guest has registered, or are no frame. */
export const REFUSED = 1 << 29
/** The NIC is done with this descriptor. The guest clears it when it uses the place again. */
export const DONE = 1 << 30

// ---- page "status", which only the NIC writes
/** Frames that found no buffer, counted since the pair was made. */
export const MISSED = 0x0

// ---- page "addresses", which only the NIC writes: see addresses.ts

// ---- the doorbell page: registers, written 32 bits at a time
/** Index behind the last send written. */
export const BELL_TX = 0x0
/** Index behind the last receive buffer written. */
export const BELL_RX = 0x4
/** Send one interrupt when something is done next; any value. */
export const BELL_ARM = 0x8

/** Longest frame, MTU 1500 with a VLAN tag, and the size of a receive buffer: two in a page. */
export const LONGEST = 1518
export const BUFFER_BYTES = 2048

// ---- keys of the store, each in its writer's directory; numbers with spaces between them
/** Guest: grants of the pages that it sends from, of those that it receives into, and its event channel. */
export const KEY_TX_PAGES = 'accel-tx-pages'
export const KEY_RX_PAGES = 'accel-rx-pages'
export const KEY_CHANNEL = 'accel-channel'
/** Driver domain: index of the first page of each as registered, then grants of the four pages in their order. */
export const KEY_QUEUES = 'accel-queues'

/** Byte `byte` of registered page `index`. A frame and a buffer lie within one page. */
export function bufferAddress(index: number, byte: number): number {
  return ((index << 12) | byte) >>> 0
}

/** The numbers of a key's value; undefined if it is absent or holds anything else. */
export function readNumbers(text: string | undefined): number[] | undefined {
  if (text === undefined || !/^\d{1,10}( \d{1,10})*$/.test(text)) return undefined
  return text.split(' ').map(Number)
}
