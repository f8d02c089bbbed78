/**
 * A list of frame moves for the copy engine, in machine memory: what a NIC's send side does to a frame as its bytes pass.
 * Each entry is eight 32-bit words. Also read by the wasm module's source: constants only.
 */
export const MOVE_BYTES = 32
export const MOVE_SHIFT = 5
/** Machine offsets of the place to write and the place to read, which do not overlap, and the bytes: 14 to 65,535. */
export const MOVE_TO = 0
export const MOVE_FROM = 4
export const MOVE_LENGTH = 8
/** 1: fill in the TCP or UDP checksum of a plain frame, whatever its field holds. 0: see whether it is right. */
export const MOVE_FILL = 12
/** Answer: what `plainTransport` of packet says of the copy, with FOUND_* flags; -1: it is no plain frame. */
export const MOVE_FOUND = 16
/** Answer: the destination address of the copy, its last four bytes and its first two. */
export const MOVE_MAC_LOW = 20
export const MOVE_MAC_HIGH = 24

/** The part of a finding that is `plainTransport`'s. */
export const FOUND_PLAIN = 0xfffff
/** The checksum of the IPv4 header is right. */
export const FOUND_HEADER = 1 << 20
/** The TCP or UDP checksum is right: seen to be, filled in, or none (UDP). */
export const FOUND_TRANSPORT = 1 << 21
/** The entry before is plain too, and of the same destination address, addresses, ports and protocol. */
export const FOUND_SAME = 1 << 22
