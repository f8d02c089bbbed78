/**
 * What a guest and the NIC say to each other, to the byte. The other half of a plugin imports only this file
 * (`@netaccel/nic-sim/constants`). Everything is little-endian; bit 0 is the lowest.
 *
 * A VI (virtual interface) is four things that a guest maps: an event queue, a TX and an RX descriptor ring, and
 * one doorbell page. Sizes follow the Solarflare Falcon driver of 2007 (1,024 events of 8 bytes, 512 + 512
 * descriptors of 8 bytes); the layout within the 8 bytes is our own.
 *
 * Indices are free-running u32; the slot of index i is `i & (capacity - 1)`. Every entry carries a phase bit that
 * is 1 on the first lap of its ring, 0 on the second, and so on ({@link phaseOf}), so neither side ever has to
 * clear a slot and a stale entry is told from a new one. Rings start zeroed: nothing is there.
 */

/** Bytes of a page; {@link BUFFER_SHIFT} is its logarithm and the place of the table index in an address. */
export const BUFFER_PAGE = 4096
export const BUFFER_SHIFT = 12

// ---- the pages of a VI -------------------------------------------------------------------------------------

export const DEFAULT_EVENTS = 1024
export const DEFAULT_TX = 512
export const DEFAULT_RX = 512
/** Capacities are powers of two within these. */
export const MIN_CAPACITY = 64
export const MAX_CAPACITY = 4096
/** Bytes of an event and of a descriptor. */
export const ENTRY_BYTES = 8
export const ENTRY_SHIFT = 3

/**
 * Roles of `Vi.pages`, in the order of the list: all event pages, all TX pages, all RX pages, one doorbell page.
 * The same order (without the doorbell) is that of the pages in `ViRequest.rings`.
 */
export const ROLE_EVENT = 'event'
export const ROLE_TX = 'tx'
export const ROLE_RX = 'rx'
export const ROLE_DOORBELL = 'doorbell'

/** Pages that a ring of `capacity` entries takes. */
export function ringPages(capacity: number): number {
  return Math.ceil((capacity * ENTRY_BYTES) / BUFFER_PAGE)
}

/** Pages that `ViRequest.rings` must have: 2 + 1 + 1 at the default capacities. */
export function viPages(events: number, tx: number, rx: number): number {
  return ringPages(events) + ringPages(tx) + ringPages(rx)
}

/** Bit 31 of the second word of every descriptor and event. */
export const PHASE_BIT = 0x8000_0000

/** The phase, 1 or 0, that the entry with free-running index `index` carries in a ring of `capacity`. */
export function phaseOf(index: number, capacity: number): number {
  return (index & capacity) === 0 ? 1 : 0
}

// ---- the doorbell page: four registers, written with 32-bit writes ------------------------------------------

/** Free-running index after the last TX descriptor written. More than capacity ahead: ignored, CONTROL event. */
export const DOORBELL_TX = 0x00
/** Free-running index after the last RX descriptor written. */
export const DOORBELL_RX = 0x04
/** Free-running index of the next event the guest will read; gives the event slots before it back. */
export const DOORBELL_EVENT_READ = 0x08
/** As EVENT_READ, and asks for one wake-up: at once if an event at or after that index exists, else at the next. */
export const DOORBELL_EVENT_ARM = 0x0c

// ---- buffer addresses ---------------------------------------------------------------------------------------

/**
 * A buffer address is `(index << 12 | byte) >>> 0`, where index is what `Vi.register` gave for that page. The pages
 * of one registration have consecutive indices, so a buffer may cross from one into the next. An address whose
 * page this VI does not own is never touched: the frame is discarded with {@link REASON_RIGHTS}.
 */
export function bufferAddress(index: number, byte: number): number {
  return ((index << BUFFER_SHIFT) | byte) >>> 0
}

/** Entries of the NIC's buffer table, all VIs together. */
export const BUFFER_ENTRIES = 65536

// ---- TX descriptors -----------------------------------------------------------------------------------------
// data:    word 0 = buffer address of the first byte
//          word 1 = bits 0..15 length 1..65535 | bit 16 CONTINUE | bit 17 CHECKSUM | bit 31 phase
// option:  word 0 = bits 0..15 mss | bits 16..23 header bytes | bits 24..25 type
//          word 1 = bit 16 CONTINUE (must be set) | bit 30 OPTION | bit 31 phase

export const LENGTH_MASK = 0xffff
/** More descriptors of the same frame follow. */
export const TX_CONTINUE = 1 << 16
/**
 * On any data descriptor of a frame: fill in the TCP or UDP checksum, whatever the field holds now; what is neither
 * leaves as it is. A frame without the flag leaves as it is. A frame with an option descriptor is always filled.
 */
export const TX_CHECKSUM = 1 << 17
/** This descriptor is an option: the frame that follows is cut into segments of `mss` payload bytes (TSO). */
export const TX_OPTION = 1 << 30
export const TX_OPTION_MSS_MASK = 0xffff
export const TX_OPTION_HEADER_SHIFT = 16
export const TX_OPTION_HEADER_MASK = 0xff
export const TX_OPTION_TYPE_SHIFT = 24
export const TX_OPTION_TYPE_MASK = 3
export const TX_OPTION_TCPV4 = 1
export const TX_OPTION_TCPV6 = 2
/** Most descriptors of one frame, option included; a longer chain is discarded with {@link REASON_CHAIN}. */
export const TX_MAX_DESCRIPTORS = 24
/** Most bytes of one descriptor. */
export const TX_MAX_BYTES = 65535
/** Most bytes of a frame: the largest IP packet behind an Ethernet header with one tag. */
export const TX_MAX_FRAME = 65535 + 18

/** Word 0 of an option descriptor; word 1 is `TX_OPTION | TX_CONTINUE` with the phase. */
export function optionWord(mss: number, headerBytes: number, type: number): number {
  return ((type << TX_OPTION_TYPE_SHIFT) | (headerBytes << TX_OPTION_HEADER_SHIFT) | mss) >>> 0
}

// ---- RX descriptors -----------------------------------------------------------------------------------------
// word 0 = buffer address of the first byte;  word 1 = bits 0..15 length 1..65535 | bit 31 phase

/** Most buffers that one received frame is laid into; one that needs more is discarded, {@link REASON_TRUNCATED}. */
export const RX_MAX_BUFFERS = 8

/** Put down descriptor `index` (free-running) of a ring of `capacity` that begins at `base`. `word1` without phase. */
export function writeDescriptor(
  view: DataView,
  base: number,
  capacity: number,
  index: number,
  word0: number,
  word1: number,
): void {
  const at = base + ((index & (capacity - 1)) << ENTRY_SHIFT)
  view.setUint32(at, word0, true)
  view.setInt32(at + 4, (index & capacity) === 0 ? word1 | PHASE_BIT : word1 & ~PHASE_BIT, true)
}

/** As {@link writeDescriptor}, by words of the machine's own order: `base` is the index of the ring's first. */
export function putDescriptor(
  ints: Int32Array,
  base: number,
  capacity: number,
  index: number,
  word0: number,
  word1: number,
): void {
  const at = base + ((index & (capacity - 1)) << (ENTRY_SHIFT - 2))
  ints[at] = word0
  ints[at + 1] = (index & capacity) === 0 ? word1 | PHASE_BIT : word1 & ~PHASE_BIT
}

// ---- events -------------------------------------------------------------------------------------------------
// word 1 = bits 28..30 kind | bit 31 phase | the rest by kind
// RX          word 0 = bits 0..15 RX slot | bits 16..31 bytes of the frame so far, this buffer included
//             word 1 = flags RX_*
// RX_DISCARD  word 0 = bits 0..15 first RX slot | bits 16..31 descriptors given back
//             word 1 = bits 0..7 reason | bits 8..27 bytes of the frame on the wire
//             NO_DESCRIPTOR gives back none; there bits 16..31 count frames and bits 8..27 the bytes of them all
// TX          word 0 = bits 0..15 last TX slot | bits 16..31 descriptors done, 1..64, that slot included
// TX_DISCARD  as TX, one frame; word 1 = bits 0..7 reason. It never left
// CONTROL     word 0 = the value; word 1 = bits 0..7 CONTROL_*
// Slots come back in the order in which they were posted, each exactly once.

export const EVENT_KIND_SHIFT = 28
export const EVENT_KIND_MASK = 7
export const EVENT_NONE = 0
export const EVENT_RX = 1
export const EVENT_RX_DISCARD = 2
export const EVENT_TX = 3
export const EVENT_TX_DISCARD = 4
export const EVENT_CONTROL = 5

export const EVENT_SLOT_MASK = 0xffff
export const EVENT_COUNT_SHIFT = 16
export const EVENT_REASON_MASK = 0xff
export const EVENT_BYTES_SHIFT = 8
export const EVENT_BYTES_MASK = 0xfffff
/** Most TX descriptors that one TX event stands for. */
export const TX_BATCH = 64

/** First buffer of a frame. */
export const RX_START = 1 << 0
/** The frame goes on in the next RX event. */
export const RX_CONTINUED = 1 << 1
/** Checked by the NIC, IPv4 header and TCP or UDP; valid on the last buffer. Neither bit: not checked. */
export const RX_CHECKSUM_OK = 1 << 2
export const RX_CHECKSUM_BAD = 1 << 3
/** What the NIC saw: for receive merging. Valid on the last buffer. */
export const RX_TCP = 1 << 4
export const RX_UDP = 1 << 5
export const RX_IPV6 = 1 << 6
/** It did not come from the wire: another VI of this NIC has sent it. Valid on the last buffer. */
export const RX_SWITCHED = 1 << 7

/** Larger than the buffers posted for it may hold. */
export const REASON_TRUNCATED = 1
/** The wire garbled it. */
export const REASON_CRC = 2
/** Its checksum is wrong, and the NIC was told to discard such frames. */
export const REASON_CHECKSUM = 3
/** A descriptor named a page that this VI does not own. */
export const REASON_RIGHTS = 4
/**
 * Frames lost since the last such event because no descriptor (or no place for an event) was there: one event at
 * once for the first, one for the rest when there is room again.
 */
export const REASON_NO_DESCRIPTOR = 5
/** A descriptor without length, an option without frame, a frame below 14 bytes, headers that cannot be cut. */
export const REASON_MALFORMED = 6
/** The descriptor at the doorbell's index carries the phase of another lap: it was not written yet. */
export const REASON_PHASE = 7
/** More than {@link TX_MAX_DESCRIPTORS} descriptors. */
export const REASON_CHAIN = 8
/** Longer than the wire's MTU and not to be cut. */
export const REASON_OVERSIZE = 9
/** The link was down. */
export const REASON_LINK = 10

/** A doorbell value out of range; word 0 is the value, bits 8..15 of word 1 the register's offset. */
export const CONTROL_DOORBELL = 1
export const CONTROL_REGISTER_SHIFT = 8

// ---- keys of `Vi.facts` --------------------------------------------------------------------------------------

export const FACT_EVENTS = 'eventCapacity'
export const FACT_TX = 'txCapacity'
export const FACT_RX = 'rxCapacity'
export const FACT_INSTANCE = 'instance'
export const FACT_REVISION = 'revision'
export const FACT_TX_MAX_DESCRIPTORS = 'txMaxDescriptors'
export const FACT_RX_MAX_BUFFERS = 'rxMaxBuffers'
/** Revision of this layout. */
export const REVISION = 1
