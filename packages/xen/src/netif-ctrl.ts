// The words of a vif's control ring. Xen public/io/netif.h, "Control ring". As in netif.ts, functions take `words` and the
// byte offset of a slot and touch each word once.

export const XEN_NETIF_CTRL_TYPE_INVALID = 0
export const XEN_NETIF_CTRL_TYPE_GET_HASH_FLAGS = 1
export const XEN_NETIF_CTRL_TYPE_SET_HASH_FLAGS = 2
export const XEN_NETIF_CTRL_TYPE_SET_HASH_KEY = 3
export const XEN_NETIF_CTRL_TYPE_GET_HASH_MAPPING_SIZE = 4
export const XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING_SIZE = 5
export const XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING = 6
export const XEN_NETIF_CTRL_TYPE_SET_HASH_ALGORITHM = 7
export const XEN_NETIF_CTRL_TYPE_GET_GREF_MAPPING_SIZE = 8
export const XEN_NETIF_CTRL_TYPE_ADD_GREF_MAPPING = 9
export const XEN_NETIF_CTRL_TYPE_DEL_GREF_MAPPING = 10

export const XEN_NETIF_CTRL_STATUS_SUCCESS = 0
export const XEN_NETIF_CTRL_STATUS_NOT_SUPPORTED = 1
export const XEN_NETIF_CTRL_STATUS_INVALID_PARAMETER = 2
export const XEN_NETIF_CTRL_STATUS_BUFFER_OVERFLOW = 3

export const XEN_NETIF_CTRL_HASH_ALGORITHM_NONE = 0
export const XEN_NETIF_CTRL_HASH_ALGORITHM_TOEPLITZ = 1

/** What a hash is of, as numbers of bits in the flags and in the HASH extra. */
export const XEN_NETIF_CTRL_HASH_TYPE_IPV4 = 0
export const XEN_NETIF_CTRL_HASH_TYPE_IPV4_TCP = 1
export const XEN_NETIF_CTRL_HASH_TYPE_IPV6 = 2
export const XEN_NETIF_CTRL_HASH_TYPE_IPV6_TCP = 3
/** All four. */
export const XEN_NETIF_CTRL_HASH_TYPES = 0xf

/** Entries of a mapping table in Linux's netback. */
export const XEN_NETBK_MAX_HASH_MAPPING_SIZE = 128

/** An entry of a list of static grants: {gref u32@0, flags u16@4, status u16@6}. */
export const XEN_NETIF_GREF_BYTES = 8
export const XEN_NETIF_CTRLF_GREF_READONLY = 1

/** A control request, copied out of the ring: {id u16@0, type u16@2, data u32[3]@4}. */
export interface CtrlRequest {
  id: number
  type: number
  readonly data: Uint32Array
}

/** A control response: {id u16@0, type u16@2, status u32@4, data u32@8}. */
export interface CtrlResponse {
  id: number
  type: number
  status: number
  data: number
}

export function ctrlRequest(): CtrlRequest {
  return { id: 0, type: 0, data: new Uint32Array(3) }
}

export function ctrlResponse(): CtrlResponse {
  return { id: 0, type: 0, status: 0, data: 0 }
}

/** Copy a request out of the ring; check the copy, never the ring (XSA-155). */
export function readCtrlRequest(words: Int32Array, at: number, into: CtrlRequest): void {
  const word = at >> 2
  const first = words[word]
  into.id = first & 0xffff
  into.type = first >>> 16
  for (let index = 0; index < 3; index++) into.data[index] = words[word + 1 + index]
}

export function writeCtrlRequest(
  words: Int32Array,
  at: number,
  id: number,
  type: number,
  data: readonly number[],
): void {
  const word = at >> 2
  words[word] = (id & 0xffff) | (type << 16)
  for (let index = 0; index < 3; index++) words[word + 1 + index] = data[index] ?? 0
}

/** 12 of the slot's 16 bytes; the rest is the request's own and goes back to who wrote it (XSA-216). */
export function writeCtrlResponse(
  words: Int32Array,
  at: number,
  id: number,
  type: number,
  status: number,
  data: number,
): void {
  const word = at >> 2
  words[word] = (id & 0xffff) | (type << 16)
  words[word + 1] = status
  words[word + 2] = data
}

export function readCtrlResponse(words: Int32Array, at: number, into: CtrlResponse): void {
  const word = at >> 2
  const first = words[word]
  into.id = first & 0xffff
  into.type = first >>> 16
  into.status = words[word + 1] >>> 0
  into.data = words[word + 2] >>> 0
}
