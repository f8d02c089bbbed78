// The page over which netback and netfront move a flow of received frames from the ring to the fast path in order
// (docs/adr/0008). It is the hosts' own; no plugin sees it.
//
// Netfront owns and grants it, netback writes the words marked B, netfront those marked F. Each end keeps what it knows in
// memory of its own and reads a word of the other end once (XSA-155); the worst that a hostile end can do is to disturb
// the order of the guest's own frames.
import { FlowMatcher, formatIp, formatMac, parseIp, parseMac } from '@netaccel/packet'
import type { FlowKey, View } from './contract/index.js'

/** Key in netfront's directory: the grant of the page, while the attachment receives. */
export const FENCE_KEY = 'accel-fence-ref'
/** Most flows that change over at once. */
export const FENCE_SLOTS = 31

const SLOT_WORDS = 32
const MAX_TICKET = 0x7fffffff

/** B: changed whenever netback has written. F: whenever netfront has. */
const BACK_BELL = 0
const FRONT_BELL = 1
/** F: ring index up to which netfront has delivered what came by the ring. */
const DELIVERED = 2
/** B: netback waits until that index is reached; its ticket, written after it. */
const AWAITED = 3
const AWAITED_INDEX = 4

/** B: the ticket of the request in this slot; its key is written before it. */
const ASKED = 0
/** F: matching frames of this ticket are held from now on, or cannot be. */
const HELD = 1
/** B: the mark of this ticket has been reached, at the response index written before it. */
const REACHED = 2
const INDEX = 3
/** F: nothing of this ticket is held any more. */
const RELEASED = 4
/** B: the key. */
const FIELDS = 5
const PROTOCOL = 6
const ETHERTYPE = 7
const VLAN = 8
const SOURCE_PORT = 9
const DESTINATION_PORT = 10
const MAC_WORDS = 12
const SOURCE_WORDS = 16
const DESTINATION_WORDS = 20

const HAS_PROTOCOL = 1
const HAS_ETHERTYPE = 2
const HAS_VLAN = 4
const HAS_SOURCE_PORT = 8
const HAS_DESTINATION_PORT = 16
const HAS_MAC = 32
const HAS_SOURCE = 64
const HAS_DESTINATION = 128
const IS_IPV6 = 256

/** One end of the page: words by slot (0 up) and meaning. Nothing here throws on what the other end writes. */
export class FencePage {
  private readonly words: Int32Array
  private readonly bytes: Uint8Array

  /** `page`: 4096 bytes on a page boundary. */
  constructor({ bytes, offset }: View) {
    const at = bytes.byteOffset + offset
    this.words = new Int32Array(bytes.buffer, at, SLOT_WORDS * (FENCE_SLOTS + 1))
    this.bytes = new Uint8Array(bytes.buffer, at, this.words.byteLength)
  }

  /** Any number; it differs from the last one when netback has written since. */
  get backBell(): number {
    return Atomics.load(this.words, BACK_BELL)
  }

  get frontBell(): number {
    return Atomics.load(this.words, FRONT_BELL)
  }

  ringBack(): void {
    Atomics.add(this.words, BACK_BELL, 1)
  }

  ringFront(): void {
    Atomics.add(this.words, FRONT_BELL, 1)
  }

  // --- netback writes, netfront reads

  /** Netback wants to hear when everything before this index of the ring has been delivered. */
  await(ticket: number, index: number): void {
    Atomics.store(this.words, AWAITED_INDEX, index | 0)
    Atomics.store(this.words, AWAITED, ticket)
  }

  /** Changes with each {@link await}. */
  get awaited(): number {
    return Atomics.load(this.words, AWAITED)
  }

  /** Of 32 bits, signed. Any value may stand there. */
  get awaitedIndex(): number {
    return Atomics.load(this.words, AWAITED_INDEX)
  }

  ask(slot: number, ticket: number, key: FlowKey): void {
    this.writeKey(slot, key)
    this.store(slot, ASKED, ticket)
  }

  /** A number that netback chose. */
  asked(slot: number): number {
    return this.load(slot, ASKED)
  }

  reach(slot: number, ticket: number, index: number): void {
    this.store(slot, INDEX, index | 0)
    this.store(slot, REACHED, ticket)
  }

  reached(slot: number, ticket: number): boolean {
    return this.load(slot, REACHED) === ticket
  }

  /** Once {@link reached}: a ring index, of 32 bits, signed. Any value may stand there. */
  index(slot: number): number {
    return this.load(slot, INDEX)
  }

  /** A matcher for the key in a slot; undefined for one that makes no sense. Every word is read once. */
  matcher(slot: number): FlowMatcher | undefined {
    try {
      return new FlowMatcher(this.readKey(slot))
    } catch {
      return undefined
    }
  }

  // --- netfront writes, netback reads

  /** The ring has been delivered up to, not including, this index. */
  deliver(index: number): void {
    Atomics.store(this.words, DELIVERED, index | 0)
  }

  /** Of 32 bits, signed. Any value may stand there. */
  get delivered(): number {
    return Atomics.load(this.words, DELIVERED)
  }

  hold(slot: number, ticket: number): void {
    this.store(slot, HELD, ticket)
  }

  held(slot: number, ticket: number): boolean {
    return this.load(slot, HELD) === ticket
  }

  release(slot: number, ticket: number): void {
    this.store(slot, RELEASED, ticket)
  }

  released(slot: number, ticket: number): boolean {
    return this.load(slot, RELEASED) === ticket
  }

  private load(slot: number, word: number): number {
    return Atomics.load(this.words, (slot + 1) * SLOT_WORDS + word)
  }

  private store(slot: number, word: number, value: number): void {
    Atomics.store(this.words, (slot + 1) * SLOT_WORDS + word, value)
  }

  private writeKey(slot: number, key: FlowKey): void {
    const { protocol, etherType, vlan, sourcePort, destinationPort, mac, source, destination } = key
    let fields = 0
    const number = (value: number | undefined, word: number, flag: number): void => {
      if (value === undefined) return
      this.store(slot, word, value)
      fields |= flag
    }
    const bytes = (value: Uint8Array | undefined, word: number, flag: number): void => {
      if (value === undefined) return
      this.bytes.set(value, ((slot + 1) * SLOT_WORDS + word) * 4)
      fields |= value.length === 16 ? flag | IS_IPV6 : flag
    }
    number(protocol, PROTOCOL, HAS_PROTOCOL)
    number(etherType, ETHERTYPE, HAS_ETHERTYPE)
    number(vlan, VLAN, HAS_VLAN)
    number(sourcePort, SOURCE_PORT, HAS_SOURCE_PORT)
    number(destinationPort, DESTINATION_PORT, HAS_DESTINATION_PORT)
    bytes(mac === undefined ? undefined : parseMac(mac), MAC_WORDS, HAS_MAC)
    bytes(source === undefined ? undefined : parseIp(source), SOURCE_WORDS, HAS_SOURCE)
    bytes(destination === undefined ? undefined : parseIp(destination), DESTINATION_WORDS, HAS_DESTINATION)
    this.store(slot, FIELDS, fields)
  }

  private readKey(slot: number): FlowKey {
    const fields = this.load(slot, FIELDS)
    const number = (word: number, flag: number): number | undefined =>
      (fields & flag) === 0 ? undefined : this.load(slot, word)
    const bytes = (word: number, length: number): Uint8Array => {
      const at = ((slot + 1) * SLOT_WORDS + word) * 4
      return Uint8Array.from(this.bytes.subarray(at, at + length))
    }
    const addressLength = (fields & IS_IPV6) === 0 ? 4 : 16
    const address = (word: number, flag: number): string | undefined =>
      (fields & flag) === 0 ? undefined : formatIp(bytes(word, addressLength))
    const key = {
      protocol: number(PROTOCOL, HAS_PROTOCOL) as 6 | 17 | undefined,
      etherType: number(ETHERTYPE, HAS_ETHERTYPE),
      vlan: number(VLAN, HAS_VLAN),
      sourcePort: number(SOURCE_PORT, HAS_SOURCE_PORT),
      destinationPort: number(DESTINATION_PORT, HAS_DESTINATION_PORT),
      mac: (fields & HAS_MAC) === 0 ? undefined : formatMac(bytes(MAC_WORDS, 6)),
      source: address(SOURCE_WORDS, HAS_SOURCE),
      destination: address(DESTINATION_WORDS, HAS_DESTINATION),
    }
    return Object.fromEntries(Object.entries(key).filter(([, value]) => value !== undefined))
  }
}

/** The ticket after this one; 0 stands for none. */
export function nextTicket(ticket: number): number {
  return ticket === MAX_TICKET ? 1 : ticket + 1
}
