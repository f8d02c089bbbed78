// The shared pages of two halves: a control page and a page with two rings of messages, in the layout of Solarflare's driver
// pair of 2007 (drivers/xen/sfc_netutil/accel_msg_iface.h).
//
// The original overwrote messages in a full ring and read one of its flags inverted; here a full ring refuses, and both
// directions are resumed by their flags. Every shared word is read once and checked (XSA-155).
import type { View } from './contract/index.js'

export const MESSAGE_BYTES = 128
/** Slots of each ring, of which one stays free. */
export const MESSAGE_SLOTS = 16
export const MESSAGE_USABLE = MESSAGE_SLOTS - 1
/** An ordinary message needs more room than this left, so that at most 8 stand; a reply may use all. */
export const MESSAGE_RESERVE = 7
export const MESSAGE_MAGIC = 0x85465479

// Words of the control page.
const MAGIC = 0
const QUEUE_0 = 1
const QUEUE_1 = 3
const FLAGS = 5
const NET_UP = 6
const READ = 0
const WRITE = 1

// Bits of the flags word. To the frontend: 0, 3, 4; to the backend: 1, 2.
const QUEUE_0_FULL = 1
const QUEUE_0_NOT_FULL = 2
const QUEUE_U_FULL = 4
const QUEUE_U_NOT_FULL = 8
const NET_UP_DOWN = 16

const RING_BYTES = MESSAGE_SLOTS * MESSAGE_BYTES

export interface MessagePagesOptions {
  readonly side: 'frontend' | 'backend'
  /** 4096 bytes, on a page boundary. */
  readonly control: View
  /** 4096 bytes: ring to the frontend, then ring to the backend. */
  readonly messages: View
  /** Signals the message channel. */
  readonly notify: () => void
}

/** What the other end has announced since the flags were last taken. */
export interface Announced {
  /** The ring that was full has room again: go on sending. */
  readonly room: boolean
  /** The link changed: see `netUp`. */
  readonly link: boolean
}

/** One end. Nothing here waits or throws on what the other end writes. */
export class MessagePages {
  /** The message last received: a copy of its own, 128 bytes, which the other end cannot change any more. */
  readonly message: DataView
  readonly #words: Int32Array
  readonly #bytes: Uint8Array
  readonly #notify: () => void
  readonly #copy = new Uint8Array(MESSAGE_BYTES)
  /** Word of the control page where the indices of each ring begin, and byte of the message page where it does. */
  readonly #out: number
  readonly #outBytes: number
  readonly #in: number
  readonly #inBytes: number
  readonly #sets: { readonly full: number; readonly room: number }
  readonly #takes: { readonly full: number; readonly room: number; readonly link: number }
  #written = 0
  #read = 0
  /** Our ring was full; the other end will say when it is not. */
  #waiting = false
  /** The other end's ring was full; it waits to be told. */
  #peerWaits = false
  #violations = 0

  constructor(options: MessagePagesOptions) {
    const { control, messages } = options
    const frontend = options.side === 'frontend'
    this.message = new DataView(this.#copy.buffer)
    this.#words = new Int32Array(control.bytes.buffer, control.bytes.byteOffset + control.offset, 7)
    this.#bytes = new Uint8Array(
      messages.bytes.buffer,
      messages.bytes.byteOffset + messages.offset,
      2 * RING_BYTES,
    )
    this.#notify = options.notify
    this.#out = frontend ? QUEUE_1 : QUEUE_0
    this.#outBytes = frontend ? RING_BYTES : 0
    this.#in = frontend ? QUEUE_0 : QUEUE_1
    this.#inBytes = frontend ? 0 : RING_BYTES
    this.#sets = frontend
      ? { full: QUEUE_U_FULL, room: QUEUE_0_NOT_FULL }
      : { full: QUEUE_0_FULL, room: QUEUE_U_NOT_FULL }
    this.#takes = frontend
      ? { full: QUEUE_0_FULL, room: QUEUE_U_NOT_FULL, link: NET_UP_DOWN }
      : { full: QUEUE_U_FULL, room: QUEUE_0_NOT_FULL, link: 0 }
  }

  /** The backend's part, before anything is sent: zeroes the words, says whether the link is up, writes the magic last. */
  format(netUp: boolean): void {
    for (let word = QUEUE_0; word < NET_UP; word++) Atomics.store(this.#words, word, 0)
    Atomics.store(this.#words, NET_UP, netUp ? 1 : 0)
    Atomics.store(this.#words, MAGIC, MESSAGE_MAGIC | 0)
  }

  /** The other end has formatted the pages. */
  get formatted(): boolean {
    return Atomics.load(this.#words, MAGIC) === (MESSAGE_MAGIC | 0)
  }

  /** Whether the backend says that the link is up. */
  get netUp(): boolean {
    return Atomics.load(this.#words, NET_UP) !== 0
  }

  /** The backend's: the link changed. */
  setNetUp(up: boolean): void {
    Atomics.store(this.#words, NET_UP, up ? 1 : 0)
    this.#announce(NET_UP_DOWN)
  }

  /** Indices of the other end that made no sense. */
  get violations(): number {
    return this.#violations
  }

  /** Free slots of the ring out; undefined: the other end's index is impossible, which is counted. */
  room(): number | undefined {
    const used = (this.#written - Atomics.load(this.#words, this.#out + READ)) >>> 0
    if (used <= MESSAGE_USABLE) return MESSAGE_USABLE - used
    this.#violations++
    return undefined
  }

  /**
   * Sends up to 128 bytes; the rest of the slot is zero. 'full': no room for a message of this kind; the other end has been
   * told, and `announced().room` will say when to go on. 'bad': the other end's index is impossible. Notifies.
   */
  send(message: Uint8Array, kind: 'ordinary' | 'reply' = 'ordinary'): 'sent' | 'full' | 'bad' {
    if (message.length > MESSAGE_BYTES)
      throw new RangeError(`a message of ${message.length} bytes; ${MESSAGE_BYTES} fit`)
    const room = this.room()
    if (room === undefined) return 'bad'
    if (room <= (kind === 'reply' ? 0 : MESSAGE_RESERVE)) {
      this.#waiting = true
      this.#announce(this.#sets.full)
      return 'full'
    }
    const at = this.#outBytes + (this.#written & (MESSAGE_SLOTS - 1)) * MESSAGE_BYTES
    this.#bytes.fill(0, at, at + MESSAGE_BYTES)
    this.#bytes.set(message, at)
    this.#written = (this.#written + 1) >>> 0
    // An atomic store: the message is visible before the index that shows it.
    Atomics.store(this.#words, this.#out + WRITE, this.#written | 0)
    this.#notify()
    return 'sent'
  }

  /**
   * Copies the next message into `message`. 'none': the ring is empty; an end that waits for room has been told. 'bad': the
   * other end's index is impossible.
   */
  receive(): 'message' | 'none' | 'bad' {
    const waiting = (Atomics.load(this.#words, this.#in + WRITE) - this.#read) >>> 0
    if (waiting > MESSAGE_USABLE) {
      this.#violations++
      return 'bad'
    }
    if (waiting === 0) {
      this.#tellRoom()
      return 'none'
    }
    const at = this.#inBytes + (this.#read & (MESSAGE_SLOTS - 1)) * MESSAGE_BYTES
    const copy = this.#copy
    for (let index = 0; index < MESSAGE_BYTES; index++) copy[index] = this.#bytes[at + index] ?? 0
    this.#read = (this.#read + 1) >>> 0
    Atomics.store(this.#words, this.#in + READ, this.#read | 0)
    return 'message'
  }

  /** Takes what the other end has announced: at each event of the message channel, before messages are received. */
  announced(): Announced {
    const { full, room, link } = this.#takes
    const flags = Atomics.and(this.#words, FLAGS, ~(full | room | link))
    if ((flags & full) !== 0) this.#peerWaits = true
    const resumed = (flags & room) !== 0 && this.#waiting
    if (resumed) this.#waiting = false
    return { room: resumed, link: (flags & link) !== 0 }
  }

  #tellRoom(): void {
    if (!this.#peerWaits) return
    this.#peerWaits = false
    this.#announce(this.#sets.room)
  }

  /** Sets a flag; the other end is signalled when it was clear. */
  #announce(flag: number): void {
    if ((Atomics.or(this.#words, FLAGS, flag) & flag) === 0) this.#notify()
  }
}

/** The two views of an arena of two pages. */
export function messageViews(arena: View): { readonly control: View; readonly messages: View } {
  const { view, bytes, offset } = arena
  return {
    control: { view, bytes, offset, length: 4096 },
    messages: { view, bytes, offset: offset + 4096, length: 4096 },
  }
}
