/**
 * What a guest and this NIC say to each other, to the byte, and the keys of the two halves. Little-endian; bit 0 is the
 * lowest. The layout is our own; what it is of is Intel's VMDq: a pair of descriptor queues per guest, chosen by the
 * destination MAC address (82599 data sheet, "Virtual Machine Device Queues").
 *
 * Three rings of 8-byte entries per pair: completions (which the driver writes), sends, receive buffers. Indices run
 * freely through 32 bits; the place of index i is `i & (capacity - 1)`.
 */

export const PAGE = 4096
export const ENTRY_BYTES = 8

// ---- descriptors: word 0 = address of the first byte; word 1 = bits 0..15 length | bit 16 SUM
/** Fill in the TCP or UDP checksum of this frame. */
export const SUM = 1 << 16
export const LENGTH_MASK = 0xffff
/** Longest frame: an Ethernet frame of MTU 1500 with a tag, and so the least that a receive buffer holds. */
export const LONGEST = 1518

/** `index` as `Vi.register` gave it for the page, `byte` within it. A frame may run on into the next index. */
export function bufferAddress(index: number, byte: number): number {
  return ((index << 12) | byte) >>> 0
}

// ---- completions: word 0 = bits 0..15 place of the descriptor, or a count | bits 16..17 kind
//                   word 1 = bits 0..15 length | bit 16 sum is right | bit 31 phase: 1 on the first lap, 0 on the second ...
export const DONE_SENT = 0
/** The frame was not sent: its bytes are not the guest's, or it is no Ethernet frame. */
export const DONE_REFUSED = 1
export const DONE_RECEIVED = 2
/** So many frames found no buffer. */
export const DONE_MISSED = 3
export const KIND_SHIFT = 16
export const KIND_MASK = 3
export const SUM_GOOD = 1 << 16

/** The phase bit that the completion of this index carries. */
export function phaseOf(index: number, capacity: number): number {
  return (index & capacity) === 0 ? 1 : 0
}

// ---- the doorbell page: 32-bit writes
/** Index behind the last send written. */
export const BELL_SEND = 0x0
/** Index behind the last receive buffer written. */
export const BELL_POST = 0x4
/** Index of the next completion that the guest will read. */
export const BELL_READ = 0x8
/** The same, and asks for one wake-up: at once if that completion is there already. */
export const BELL_ARM = 0xc

/** The kind of port that the hardware makes. */
export const KIND = 'vmdq-sim'
/** Capacities of the rings. The completions of all that can be outstanding fit. */
export const SENDS = 256
export const BUFFERS = 256
export const COMPLETIONS = 512
/** Bytes of a receive buffer: two in a page. */
export const BUFFER_BYTES = 2048

/** Pages of each ring, and of all three in their order: completions, sends, receive buffers. */
export const RING_PAGES = {
  completions: (COMPLETIONS * ENTRY_BYTES) / PAGE,
  sends: Math.ceil((SENDS * ENTRY_BYTES) / PAGE),
  buffers: Math.ceil((BUFFERS * ENTRY_BYTES) / PAGE),
} as const
export const ALL_RING_PAGES = RING_PAGES.completions + RING_PAGES.sends + RING_PAGES.buffers

// ---- keys, each in its writer's vif directory; numbers with spaces between them
/** Guest: grants of the pages that it sends from, of those that it receives into, and its event channel. */
export const KEY_SEND_PAGES = 'accel-vmdq-send'
export const KEY_RECEIVE_PAGES = 'accel-vmdq-receive'
export const KEY_CHANNEL = 'accel-vmdq-channel'
/** Driver domain: addresses of the first page of each, then grants of the ring pages and of the doorbell page. */
export const KEY_QUEUES = 'accel-vmdq-queues'

/** The numbers of a key's value; undefined if it is none, or anything else. */
export function readNumbers(text: string | undefined): number[] | undefined {
  if (text === undefined || !/^\d{1,10}( \d{1,10})*$/.test(text)) return undefined
  return text.split(' ').map(Number)
}
