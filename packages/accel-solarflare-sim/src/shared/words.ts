// What the two halves say to each other, to the byte: the messages of the Solarflare plugin pair of 2007
// (linux-2.6.18-xen drivers/xen/sfc_netutil/accel_msg_iface.h). One message is 128 bytes: a u32 id and a union.
// Little-endian, natural alignment; ports and addresses in network order. `at` is where the message begins.

/** Bytes of a message. */
export const MESSAGE_BYTES = 128
/** Both halves must speak exactly this (NET_ACCEL_MSG_VERSION). */
export const PROTOCOL_VERSION = 0x1000

export const MSG_HELLO = 1
export const MSG_SETHW = 2
export const MSG_LOCALMAC = 3
export const MSG_MAPBUF = 4
export const MSG_FASTPATH = 5
/** Or-ed into the id of an answer, with {@link MSG_ERROR} when it says no. */
export const MSG_REPLY = 0x8000_0000
export const MSG_ERROR = 0x4000_0000

export function readId(view: DataView, at: number): number {
  return view.getUint32(at, true)
}

export function writeId(view: DataView, at: number, id: number): void {
  view.setUint32(at, id, true)
}

// ---- HELLO: driver domain to guest, answered with REPLY or REPLY | ERROR ------------------------------------

const HELLO_VERSION = 4
const HELLO_MAX_PAGES = 8

export interface Hello {
  readonly version: number
  /** Offered: the guest's quota of buffer pages. Answered: what it will register, never more. */
  readonly maxPages: number
}

export function readHello(view: DataView, at: number): Hello {
  return {
    version: view.getUint32(at + HELLO_VERSION, true),
    maxPages: view.getUint32(at + HELLO_MAX_PAGES, true),
  }
}

export function writeHello(view: DataView, at: number, hello: Hello): void {
  view.setUint32(at + HELLO_VERSION, hello.version, true)
  view.setUint32(at + HELLO_MAX_PAGES, hello.maxPages, true)
}

// ---- SETHW: driver domain to guest -------------------------------------------------------------------------

/** Types of hardware: none, Falcon B, as which ours is laid out. 1 is Falcon A: read pointer in a page of its own. */
export const HW_NONE = 0
export const HW_FALCON_B = 2
/** Most event-queue pages that the message has room to grant. */
export const MAX_EVENT_PAGES = 8

const SETHW_TYPE = 4
const SETHW_TX_GRANT = 8
const SETHW_RX_GRANT = 12
const SETHW_DOORBELL_MFN = 16
const SETHW_DOORBELL_GRANT = 20
const SETHW_EVENT_GRANTS = 24
const SETHW_EVENT_OFFSET = 56
const SETHW_EVENT_ORDER = 60
const SETHW_EVENT_CAPACITY = 64
const SETHW_EVENT_READ = 68
const SETHW_INSTANCE = 72
const SETHW_RX_CAPACITY = 76
const SETHW_TX_CAPACITY = 80
const SETHW_ARCH = 84
const SETHW_REVISION = 88
const SETHW_VARIANT = 92

export interface SetHw {
  readonly type: number
  readonly txGrant: number
  readonly rxGrant: number
  /** Machine frame of the doorbell: said by the original, of no use to a guest that maps the grant. */
  readonly doorbellMfn: number
  readonly doorbellGrant: number
  /** As many as 1 << eventOrder. */
  readonly eventGrants: readonly number[]
  readonly eventOffset: number
  readonly eventOrder: number
  readonly eventCapacity: number
  /** Index of the first event to read. */
  readonly eventRead: number
  readonly instance: number
  readonly rxCapacity: number
  readonly txCapacity: number
  readonly arch: number
  readonly revision: number
  /** One character. */
  readonly variant: number
}

/** Of the event grants, as many are read as the order says, at most {@link MAX_EVENT_PAGES}. */
export function readSetHw(view: DataView, at: number): SetHw {
  const word = (field: number) => view.getUint32(at + field, true)
  const eventOrder = word(SETHW_EVENT_ORDER)
  const pages = eventOrder > 3 ? MAX_EVENT_PAGES : 1 << eventOrder
  return {
    type: word(SETHW_TYPE),
    txGrant: word(SETHW_TX_GRANT),
    rxGrant: word(SETHW_RX_GRANT),
    doorbellMfn: word(SETHW_DOORBELL_MFN),
    doorbellGrant: word(SETHW_DOORBELL_GRANT),
    eventGrants: Array.from({ length: pages }, (_, i) => word(SETHW_EVENT_GRANTS + 4 * i)),
    eventOffset: word(SETHW_EVENT_OFFSET),
    eventOrder,
    eventCapacity: word(SETHW_EVENT_CAPACITY),
    eventRead: word(SETHW_EVENT_READ),
    instance: word(SETHW_INSTANCE),
    rxCapacity: word(SETHW_RX_CAPACITY),
    txCapacity: word(SETHW_TX_CAPACITY),
    arch: view.getInt32(at + SETHW_ARCH, true),
    revision: view.getInt32(at + SETHW_REVISION, true),
    variant: view.getUint8(at + SETHW_VARIANT),
  }
}

export function writeSetHw(view: DataView, at: number, hw: SetHw): void {
  const word = (field: number, value: number) => view.setUint32(at + field, value, true)
  word(SETHW_TYPE, hw.type)
  word(SETHW_TX_GRANT, hw.txGrant)
  word(SETHW_RX_GRANT, hw.rxGrant)
  word(SETHW_DOORBELL_MFN, hw.doorbellMfn)
  word(SETHW_DOORBELL_GRANT, hw.doorbellGrant)
  for (let i = 0; i < MAX_EVENT_PAGES; i++) word(SETHW_EVENT_GRANTS + 4 * i, hw.eventGrants[i] ?? 0)
  word(SETHW_EVENT_OFFSET, hw.eventOffset)
  word(SETHW_EVENT_ORDER, hw.eventOrder)
  word(SETHW_EVENT_CAPACITY, hw.eventCapacity)
  word(SETHW_EVENT_READ, hw.eventRead)
  word(SETHW_INSTANCE, hw.instance)
  word(SETHW_RX_CAPACITY, hw.rxCapacity)
  word(SETHW_TX_CAPACITY, hw.txCapacity)
  view.setInt32(at + SETHW_ARCH, hw.arch, true)
  view.setInt32(at + SETHW_REVISION, hw.revision, true)
  word(SETHW_VARIANT, hw.variant & 0xff)
}

// ---- LOCALMAC: driver domain to guest, no answer -------------------------------------------------------------

/** The address is on this host, behind the bridge: take it out of the fast path. */
export const LOCALMAC_ADD = 1
/**
 * It is not behind the bridge alone: a VI of the same NIC has it, whose switch reaches it. The original declares the word
 * and never sends it; it had no switch.
 */
export const LOCALMAC_REMOVE = 2

const LOCALMAC_FLAGS = 4
const LOCALMAC_MAC = 8

/** An address as the tables hold it: the first 2 bytes, the last 4. */
export interface MacWords {
  readonly high: number
  readonly low: number
}

export interface LocalMac {
  readonly flags: number
  readonly mac: MacWords
}

export function readLocalMac(view: DataView, at: number): LocalMac {
  return { flags: view.getUint32(at + LOCALMAC_FLAGS, true), mac: readMacWords(view, at + LOCALMAC_MAC) }
}

export function writeLocalMac(view: DataView, at: number, message: LocalMac): void {
  view.setUint32(at + LOCALMAC_FLAGS, message.flags, true)
  writeMacWords(view, at + LOCALMAC_MAC, message.mac)
}

// ---- MAPBUF: guest to driver domain, answered with REPLY or REPLY | ERROR ------------------------------------

/** Most pages of one request; a power of two. */
export const MAPBUF_MAX_PAGES = 8

const MAPBUF_REQUEST = 4
const MAPBUF_PAGES = 8
const MAPBUF_GRANTS = 12
const MAPBUF_ADDRESS = 44

export interface MapBuf {
  /** Number of the first page within the guest's own list; comes back in the answer. */
  readonly request: number
  readonly pages: number
  /** As many as `pages`, at most {@link MAPBUF_MAX_PAGES}. */
  readonly grants: readonly number[]
  /** In the answer: buffer-table index of the first page. */
  readonly address: number
}

export function readMapBuf(view: DataView, at: number): MapBuf {
  const pages = view.getUint32(at + MAPBUF_PAGES, true)
  const grants = Math.min(pages, MAPBUF_MAX_PAGES)
  return {
    request: view.getUint32(at + MAPBUF_REQUEST, true),
    pages,
    grants: Array.from({ length: grants }, (_, i) => view.getUint32(at + MAPBUF_GRANTS + 4 * i, true)),
    address: view.getUint32(at + MAPBUF_ADDRESS, true),
  }
}

export function writeMapBuf(view: DataView, at: number, message: MapBuf): void {
  view.setUint32(at + MAPBUF_REQUEST, message.request, true)
  view.setUint32(at + MAPBUF_PAGES, message.pages, true)
  for (let i = 0; i < MAPBUF_MAX_PAGES; i++)
    view.setUint32(at + MAPBUF_GRANTS + 4 * i, message.grants[i] ?? 0, true)
  view.setUint32(at + MAPBUF_ADDRESS, message.address, true)
}

// ---- FASTPATH: guest to driver domain, no answer -------------------------------------------------------------

/** The filter of this {protocol, address, port} delivered a frame for a MAC that is not the guest's. */
export const FASTPATH_REMOVE = 1

const FASTPATH_FLAGS = 4
const FASTPATH_MAC = 8
const FASTPATH_PORT = 14
const FASTPATH_IP = 16
const FASTPATH_PROTOCOL = 20

export interface FastPathHint {
  readonly flags: number
  /** Destination of the frame. */
  readonly mac: MacWords
  readonly port: number
  readonly ip: number
  readonly protocol: number
}

export function readFastPathHint(view: DataView, at: number): FastPathHint {
  return {
    flags: view.getUint32(at + FASTPATH_FLAGS, true),
    mac: readMacWords(view, at + FASTPATH_MAC),
    port: view.getUint16(at + FASTPATH_PORT),
    ip: view.getUint32(at + FASTPATH_IP),
    protocol: view.getUint8(at + FASTPATH_PROTOCOL),
  }
}

export function writeFastPathHint(view: DataView, at: number, hint: FastPathHint): void {
  view.setUint32(at + FASTPATH_FLAGS, hint.flags, true)
  writeMacWords(view, at + FASTPATH_MAC, hint.mac)
  view.setUint16(at + FASTPATH_PORT, hint.port)
  view.setUint32(at + FASTPATH_IP, hint.ip)
  view.setUint8(at + FASTPATH_PROTOCOL, hint.protocol)
}

export function readMacWords(view: DataView, at: number): MacWords {
  return { high: view.getUint16(at), low: view.getUint32(at + 2) }
}

function writeMacWords(view: DataView, at: number, mac: MacWords): void {
  view.setUint16(at, mac.high)
  view.setUint32(at + 2, mac.low)
}
