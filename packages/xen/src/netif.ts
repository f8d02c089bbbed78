// The words of a vif's rings. Xen public/io/netif.h. Every function takes `words` (Int32Array over the page) and the
// byte offset of a slot (4-byte aligned, `slotOffset`), and touches each word of the slot once.

export const XEN_NETIF_TX_SLOT_BYTES = 12
export const XEN_NETIF_RX_SLOT_BYTES = 8
export const XEN_NETIF_CTRL_SLOT_BYTES = 16

/** A frame may take at least so many slots. */
export const XEN_NETIF_NR_SLOTS_MIN = 18
export const XEN_NETIF_MAX_TX_SIZE = 0xffff

export const XEN_NETTXF_CSUM_BLANK = 1
export const XEN_NETTXF_DATA_VALIDATED = 2
export const XEN_NETTXF_MORE_DATA = 4
export const XEN_NETTXF_EXTRA_INFO = 8

// The two low bits are the other way round than in a transmit request.
export const XEN_NETRXF_DATA_VALIDATED = 1
export const XEN_NETRXF_CSUM_BLANK = 2
export const XEN_NETRXF_MORE_DATA = 4
export const XEN_NETRXF_EXTRA_INFO = 8
export const XEN_NETRXF_GSO_PREFIX = 16

/** A filler answer for a slot that held an extra. */
export const XEN_NETIF_RSP_NULL = 1
export const XEN_NETIF_RSP_OKAY = 0
export const XEN_NETIF_RSP_ERROR = -1
export const XEN_NETIF_RSP_DROPPED = -2

export const XEN_NETIF_EXTRA_TYPE_NONE = 0
export const XEN_NETIF_EXTRA_TYPE_GSO = 1
export const XEN_NETIF_EXTRA_TYPE_MCAST_ADD = 2
export const XEN_NETIF_EXTRA_TYPE_MCAST_DEL = 3
export const XEN_NETIF_EXTRA_TYPE_HASH = 4
/** In Linux's tree only. */
export const XEN_NETIF_EXTRA_TYPE_XDP = 5
export const XEN_NETIF_EXTRA_TYPE_MAX = 6
export const XEN_NETIF_EXTRA_FLAG_MORE = 1

export const XEN_NETIF_GSO_TYPE_NONE = 0
export const XEN_NETIF_GSO_TYPE_TCPV4 = 1
export const XEN_NETIF_GSO_TYPE_TCPV6 = 2

/** A transmit request, copied out of the ring: {gref u32@0, offset u16@4, flags u16@6, id u16@8, size u16@10}. */
export interface TxRequest {
  gref: number
  offset: number
  flags: number
  id: number
  size: number
}

/** A receive request: {id u16@0, pad u16@2, gref u32@4}. */
export interface RxRequest {
  id: number
  gref: number
}

/** A receive response: {id u16@0, offset u16@2, flags u16@4, status s16@6}; status >= 0 counts the slot's bytes. */
export interface RxResponse {
  id: number
  offset: number
  flags: number
  status: number
}

/**
 * The 8 bytes of an extra, as they came: {type u8@0, flags u8@1, data}. `low` is the u16 at byte 2, `high` the u32 at
 * byte 4; the functions below read them by type.
 */
export interface ExtraInfo {
  type: number
  flags: number
  low: number
  high: number
}

export function txRequest(): TxRequest {
  return { gref: 0, offset: 0, flags: 0, id: 0, size: 0 }
}

export function rxRequest(): RxRequest {
  return { id: 0, gref: 0 }
}

export function rxResponse(): RxResponse {
  return { id: 0, offset: 0, flags: 0, status: 0 }
}

export function extraInfo(): ExtraInfo {
  return { type: 0, flags: 0, low: 0, high: 0 }
}

export function writeTxRequest(
  words: Int32Array,
  at: number,
  gref: number,
  offset: number,
  flags: number,
  id: number,
  size: number,
): void {
  const word = at >> 2
  words[word] = gref
  words[word + 1] = (offset & 0xffff) | (flags << 16)
  words[word + 2] = (id & 0xffff) | (size << 16)
}

/** Copy a request out of the ring; check the copy, never the ring (XSA-155). */
export function readTxRequest(words: Int32Array, at: number, into: TxRequest): void {
  const word = at >> 2
  unpackTxRequest(words[word], words[word + 1], words[word + 2], into)
}

/** A request from its three words, for code that has copied them already. */
export function unpackTxRequest(gref: number, second: number, third: number, into: TxRequest): void {
  into.gref = gref >>> 0
  into.offset = txOffset(second)
  into.flags = txFlags(second)
  into.id = txId(third)
  into.size = txSize(third)
}

// The fields of a request whose words stand in variables: what most packets need, of one slot and looked at once.

export function txOffset(second: number): number {
  return second & 0xffff
}

export function txFlags(second: number): number {
  return second >>> 16
}

export function txId(third: number): number {
  return third & 0xffff
}

export function txSize(third: number): number {
  return third >>> 16
}

/**
 * {id u16@0, status s16@2}: the first word of a slot, all of the response. What follows in the slot is the request's own
 * bytes, which came from the peer it goes back to, so nothing leaks (XSA-216).
 */
export function writeTxResponse(words: Int32Array, at: number, id: number, status: number): void {
  words[at >> 2] = (id & 0xffff) | (status << 16)
}

/** A transmit response as one word: take it apart with `responseId` and `responseStatus`. */
export function readTxResponse(words: Int32Array, at: number): number {
  return words[at >> 2]
}

export function responseId(word: number): number {
  return word & 0xffff
}

export function responseStatus(word: number): number {
  return word >> 16
}

export function writeRxRequest(words: Int32Array, at: number, id: number, gref: number): void {
  const word = at >> 2
  words[word] = id & 0xffff
  words[word + 1] = gref
}

export function readRxRequest(words: Int32Array, at: number, into: RxRequest): void {
  const word = at >> 2
  into.id = words[word] & 0xffff
  into.gref = words[word + 1] >>> 0
}

export function writeRxResponse(
  words: Int32Array,
  at: number,
  id: number,
  offset: number,
  flags: number,
  status: number,
): void {
  const word = at >> 2
  words[word] = (id & 0xffff) | (offset << 16)
  words[word + 1] = (flags & 0xffff) | (status << 16)
}

export function readRxResponse(words: Int32Array, at: number, into: RxResponse): void {
  const word = at >> 2
  const first = words[word]
  const second = words[word + 1]
  into.id = first & 0xffff
  into.offset = first >>> 16
  into.flags = second & 0xffff
  into.status = second >> 16
}

/** Any extra, 8 bytes; in a transmit slot the last 4 stay as they are. */
export function writeExtra(
  words: Int32Array,
  at: number,
  type: number,
  flags: number,
  low: number,
  high: number,
): void {
  const word = at >> 2
  words[word] = (type & 0xff) | ((flags & 0xff) << 8) | (low << 16)
  words[word + 1] = high
}

export function readExtra(words: Int32Array, at: number, into: ExtraInfo): void {
  const word = at >> 2
  const first = words[word]
  into.type = first & 0xff
  into.flags = (first >>> 8) & 0xff
  into.low = first >>> 16
  into.high = words[word + 1] >>> 0
}

/** GSO extra: {size u16@2 (the MSS), type u8@4, pad u8@5, features u16@6 (0)}. `size` is then `low`. */
export function writeGsoExtra(
  words: Int32Array,
  at: number,
  size: number,
  gsoType: number,
  flags: number,
): void {
  writeExtra(words, at, XEN_NETIF_EXTRA_TYPE_GSO, flags, size, gsoType & 0xff)
}

export function gsoExtraSize(extra: ExtraInfo): number {
  return extra.low
}

export function gsoExtraType(extra: ExtraInfo): number {
  return extra.high & 0xff
}

/** HASH extra: {hash type u8@2, algorithm u8@3, value u32@4}. */
export function writeHashExtra(
  words: Int32Array,
  at: number,
  hashType: number,
  algorithm: number,
  value: number,
  flags: number,
): void {
  writeExtra(
    words,
    at,
    XEN_NETIF_EXTRA_TYPE_HASH,
    flags,
    (hashType & 0xff) | ((algorithm & 0xff) << 8),
    value,
  )
}

export function hashExtraType(extra: ExtraInfo): number {
  return extra.low & 0xff
}

export function hashExtraAlgorithm(extra: ExtraInfo): number {
  return extra.low >>> 8
}

export function hashExtraValue(extra: ExtraInfo): number {
  return extra.high
}

/** MCAST_ADD or MCAST_DEL: a 6-byte address at byte 2, read from `address[from]` on. */
export function writeMulticastExtra(
  words: Int32Array,
  at: number,
  type: number,
  address: Uint8Array,
  from: number,
  flags: number,
): void {
  const low = address[from] | (address[from + 1] << 8)
  const high =
    address[from + 2] | (address[from + 3] << 8) | (address[from + 4] << 16) | (address[from + 5] << 24)
  writeExtra(words, at, type, flags, low, high)
}

/** The address of a multicast extra into `address[to]` on. */
export function readMulticastExtra(extra: ExtraInfo, address: Uint8Array, to: number): void {
  address[to] = extra.low & 0xff
  address[to + 1] = extra.low >>> 8
  for (let index = 0; index < 4; index++) address[to + 2 + index] = (extra.high >>> (8 * index)) & 0xff
}

// Key names of the protocol, under the directories of frontend and backend. Xen public/io/netif.h.
export const KEY_TX_RING_REF = 'tx-ring-ref'
export const KEY_RX_RING_REF = 'rx-ring-ref'
export const KEY_CTRL_RING_REF = 'ctrl-ring-ref'
export const KEY_EVENT_CHANNEL = 'event-channel'
export const KEY_EVENT_CHANNEL_TX = 'event-channel-tx'
export const KEY_EVENT_CHANNEL_RX = 'event-channel-rx'
export const KEY_EVENT_CHANNEL_CTRL = 'event-channel-ctrl'
export const KEY_REQUEST_RX_COPY = 'request-rx-copy'
export const KEY_REQUEST_MULTICAST_CONTROL = 'request-multicast-control'
export const KEY_FEATURE_RX_COPY = 'feature-rx-copy'
export const KEY_FEATURE_RX_FLIP = 'feature-rx-flip'
export const KEY_FEATURE_RX_NOTIFY = 'feature-rx-notify'
export const KEY_FEATURE_SG = 'feature-sg'
export const KEY_FEATURE_GSO_TCPV4 = 'feature-gso-tcpv4'
export const KEY_FEATURE_GSO_TCPV6 = 'feature-gso-tcpv6'
export const KEY_FEATURE_NO_CSUM_OFFLOAD = 'feature-no-csum-offload'
export const KEY_FEATURE_IPV6_CSUM_OFFLOAD = 'feature-ipv6-csum-offload'
export const KEY_FEATURE_SPLIT_EVENT_CHANNELS = 'feature-split-event-channels'
export const KEY_FEATURE_MULTICAST_CONTROL = 'feature-multicast-control'
export const KEY_FEATURE_DYNAMIC_MULTICAST_CONTROL = 'feature-dynamic-multicast-control'
export const KEY_FEATURE_CTRL_RING = 'feature-ctrl-ring'
export const KEY_FEATURE_XDP_HEADROOM = 'feature-xdp-headroom'
export const KEY_XDP_HEADROOM = 'xdp-headroom'
export const KEY_MULTI_QUEUE_MAX_QUEUES = 'multi-queue-max-queues'
export const KEY_MULTI_QUEUE_NUM_QUEUES = 'multi-queue-num-queues'
export const KEY_CARRIER = 'carrier'
export const KEY_MTU = 'mtu'
export const KEY_TRUSTED = 'trusted'
export const KEY_MAC = 'mac'
export const KEY_HANDLE = 'handle'
export const KEY_RATE = 'rate'
