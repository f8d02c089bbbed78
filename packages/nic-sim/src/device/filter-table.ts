import type { Frame, PacketInfo } from '@netaccel/packet'
import {
  IP_PROTOCOL_TCP,
  IP_PROTOCOL_UDP,
  IPV4_DESTINATION,
  IPV4_SOURCE,
  PLAIN_L3,
  PLAIN_L4,
} from '@netaccel/packet'
import type { FilterWords } from './filter-key.js'
import {
  ANY_MAC,
  KIND_FREE,
  KIND_FULL,
  KIND_MAC,
  KIND_MAC_VLAN,
  KIND_WILDCARD,
  UNTAGGED,
} from './filter-key.js'
import {
  DESTINATION,
  FAMILY,
  fillWanted,
  HASH,
  hashOf,
  KIND,
  MAC_HIGH,
  MAC_LOW,
  PORTS,
  PROTOCOL,
  readAddresses4,
  readAddresses6,
  SOURCE,
  stepOf,
  STRIDE,
  VLAN,
} from './filter-words.js'

export const FILTER_ENTRIES = 8192

/**
 * How many places are tried before an insertion is answered 'full', by kind: 8, and 5 for wildcards (Solarflare's
 * resource driver used 8 - 3 for them).
 */
export const SEARCH_DEPTH: readonly number[] = [0, 8, 5, 5, 8]

/** The group bit of an address, in the word that it begins. */
const GROUP = 1 << 24
/** No frame has been looked up since the table changed. */
const UNKNOWN = -2

/** ANY_MAC as it stands in a signed word. */
const ANY_WORD = ANY_MAC | 0

/**
 * The port's receive filters: an open hash table with a second hash as the step, one for all VIs. The most precise
 * match wins: full, then wildcard, then MAC with tag, then MAC. Looking up allocates nothing and tries at most the depth that an
 * insertion ever needed.
 */
export class FilterTable {
  readonly capacity: number
  /** Signed: an unsigned word above 2^31 that is handed to a function may be boxed. */
  private readonly words: Int32Array
  private readonly vis: Int32Array
  private readonly hitCounts: Float64Array
  private readonly mask: number
  /** Live entries and deepest search, by kind. */
  private readonly live: number[]
  private readonly depth: number[]
  /** The key looked for, in the same words. */
  private readonly wanted: Int32Array
  /** The plain frame looked up last, as the words that decide, and its slot; any change of the table forgets it. */
  private readonly last: Int32Array
  private lastSlot: number

  constructor(capacity: number = FILTER_ENTRIES) {
    this.capacity = capacity
    this.mask = capacity - 1
    this.words = new Int32Array(capacity * STRIDE)
    this.vis = new Int32Array(capacity)
    this.hitCounts = new Float64Array(capacity)
    this.live = SEARCH_DEPTH.map(() => 0)
    this.depth = SEARCH_DEPTH.map(() => 0)
    this.wanted = new Int32Array(STRIDE)
    this.last = new Int32Array(6)
    this.lastSlot = UNKNOWN
  }

  get used(): number {
    const { live } = this
    return live[KIND_FULL] + live[KIND_WILDCARD] + live[KIND_MAC] + live[KIND_MAC_VLAN]
  }

  /** Enters a key for a VI; the slot, or why nothing was changed (FL-06). */
  insert(key: FilterWords, vi: number): number | 'duplicate' | 'full' {
    const wanted = this.wanted
    fillWanted(wanted, key)
    const hash = hashOf(wanted)
    wanted[HASH] = hash
    let at = hash & this.mask
    const step = stepOf(hash)
    const limit = SEARCH_DEPTH[key.kind]
    let free = -1
    let depth = 0
    for (let tried = 1; tried <= limit; tried++, at = (at + step) & this.mask) {
      if (this.words[at * STRIDE + KIND] === KIND_FREE) {
        if (free < 0) {
          free = at
          depth = tried
        }
      } else if (this.equals(at, wanted)) return 'duplicate'
    }
    if (free < 0) return 'full'
    this.words.set(wanted, free * STRIDE)
    this.vis[free] = vi
    this.hitCounts[free] = 0
    this.live[key.kind]++
    this.lastSlot = UNKNOWN
    if (depth > this.depth[key.kind]) this.depth[key.kind] = depth
    return free
  }

  /** Clears a slot that is in use. */
  remove(slot: number): void {
    const kind = this.words[slot * STRIDE + KIND]
    if (kind === KIND_FREE) return
    this.words[slot * STRIDE + KIND] = KIND_FREE
    this.lastSlot = UNKNOWN
    if (--this.live[kind] === 0) this.depth[kind] = 0
  }

  /** Clears every filter of a VI. */
  removeVi(vi: number): void {
    for (let slot = 0; slot < this.capacity; slot++) {
      if (this.words[slot * STRIDE + KIND] !== KIND_FREE && this.vis[slot] === vi) this.remove(slot)
    }
  }

  vi(slot: number): number {
    return this.vis[slot]
  }

  hits(slot: number): number {
    return this.hitCounts[slot]
  }

  /**
   * The slot that a parsed frame matches, its hit counted; -1: none. A multicast frame matches no filter; a fragmented
   * one, one of two tags, and one whose headers are not whole, none for IP.
   */
  match(frame: Frame, info: PacketInfo): number {
    if (this.used === 0 || info.l3Offset === 0) return -1
    const { view, offset } = frame
    if ((view.getUint8(offset) & 1) !== 0) return -1
    const wanted = this.wanted
    wanted[MAC_HIGH] = view.getUint16(offset)
    wanted[MAC_LOW] = view.getUint32(offset + 2)
    wanted[VLAN] = info.vlan
    let slot = -1
    if (info.l4 && info.vlanTags < 2 && this.live[KIND_FULL] + this.live[KIND_WILDCARD] > 0)
      slot = this.matchIp(frame, info)
    if (slot < 0 && this.live[KIND_MAC_VLAN] > 0 && info.vlanTags === 1) slot = this.matchMac(KIND_MAC_VLAN)
    if (slot < 0 && this.live[KIND_MAC] > 0) slot = this.matchMac(KIND_MAC)
    if (slot >= 0) this.hitCounts[slot]++
    return slot
  }

  /** As {@link match}, for a plain frame (packet's plainTransport). */
  matchPlain(frame: Frame, isTcp: boolean): number {
    const slot = this.findPlain(frame, isTcp)
    if (slot >= 0) this.hitCounts[slot]++
    return slot
  }

  /** The frame that {@link findPlain} found this slot for has been received. */
  hit(slot: number): void {
    this.hitCounts[slot]++
  }

  /** As {@link matchPlain}, uncounted. Frames of a flow come in runs: the last is kept. */
  findPlain(frame: Frame, isTcp: boolean): number {
    const { view, offset } = frame
    const { last } = this
    const mac = view.getInt32(offset)
    const macEnd = view.getUint16(offset + 4)
    const source = view.getInt32(offset + PLAIN_L3 + IPV4_SOURCE)
    const destination = view.getInt32(offset + PLAIN_L3 + IPV4_DESTINATION)
    const ports = view.getInt32(offset + PLAIN_L4)
    const protocol = isTcp ? IP_PROTOCOL_TCP : IP_PROTOCOL_UDP
    if (
      this.lastSlot === UNKNOWN ||
      last[0] !== ports ||
      last[1] !== source ||
      last[2] !== destination ||
      last[3] !== mac ||
      last[4] !== macEnd ||
      last[5] !== protocol
    ) {
      last[0] = ports
      last[1] = source
      last[2] = destination
      last[3] = mac
      last[4] = macEnd
      last[5] = protocol
      this.lastSlot = this.lookUpLast()
    }
    return this.lastSlot
  }

  private lookUpLast(): number {
    const { last, wanted } = this
    const mac = last[3]
    if (this.used === 0 || (mac & GROUP) !== 0) return -1
    wanted.fill(0)
    wanted[MAC_HIGH] = mac >>> 16
    wanted[MAC_LOW] = (mac << 16) | last[4]
    wanted[VLAN] = UNTAGGED
    wanted[PROTOCOL] = last[5]
    wanted[FAMILY] = 4
    wanted[SOURCE] = last[1]
    wanted[DESTINATION] = last[2]
    let slot = -1
    if (this.live[KIND_FULL] + this.live[KIND_WILDCARD] > 0)
      slot = this.searchPorts(last[0] & 0xffff, last[0] >>> 16)
    return slot < 0 && this.live[KIND_MAC] > 0 ? this.matchMac(KIND_MAC) : slot
  }

  private matchIp(frame: Frame, info: PacketInfo): number {
    const wanted = this.wanted
    const view = frame.view
    const l3 = frame.offset + info.l3Offset
    wanted[PROTOCOL] = info.protocol
    wanted[FAMILY] = info.ipVersion
    if (info.ipVersion === 4) readAddresses4(wanted, view, l3)
    else readAddresses6(wanted, view, l3)
    return this.searchPorts(info.destinationPort, info.sourcePort)
  }

  /** The rest of the key, protocol, addresses and tag, stands in `wanted`. */
  private searchPorts(destination: number, source: number): number {
    const wanted = this.wanted
    if (this.live[KIND_FULL] > 0) {
      wanted[KIND] = KIND_FULL
      wanted[PORTS] = (destination << 16) | source
      const slot = this.search()
      if (slot >= 0) return slot
    }
    if (this.live[KIND_WILDCARD] === 0) return -1
    wanted[KIND] = KIND_WILDCARD
    wanted[PORTS] = destination << 16
    for (let i = SOURCE; i < SOURCE + 4; i++) wanted[i] = 0
    return this.search()
  }

  private matchMac(kind: number): number {
    const wanted = this.wanted
    const high = wanted[MAC_HIGH]
    const low = wanted[MAC_LOW]
    const vlan = kind === KIND_MAC ? UNTAGGED : wanted[VLAN]
    wanted.fill(0)
    wanted[KIND] = kind
    wanted[MAC_HIGH] = high
    wanted[MAC_LOW] = low
    wanted[VLAN] = vlan
    return this.search()
  }

  private search(): number {
    const { wanted, words, mask } = this
    const hash = hashOf(wanted)
    const step = stepOf(hash)
    let at = hash & mask
    for (let left = this.depth[wanted[KIND]]; left > 0; left--, at = (at + step) & mask) {
      const entry = at * STRIDE
      if (words[entry + HASH] !== hash || !this.equalsButMac(at, wanted)) continue
      const mac = words[entry + MAC_HIGH]
      if (mac === ANY_WORD || (mac === wanted[MAC_HIGH] && words[entry + MAC_LOW] === wanted[MAC_LOW]))
        return at
    }
    return -1
  }

  private equals(slot: number, wanted: Int32Array): boolean {
    const at = slot * STRIDE
    if (this.words[at + MAC_HIGH] !== wanted[MAC_HIGH] || this.words[at + MAC_LOW] !== wanted[MAC_LOW])
      return false
    return this.equalsButMac(slot, wanted)
  }

  private equalsButMac(slot: number, wanted: Int32Array): boolean {
    const words = this.words
    const at = slot * STRIDE
    for (let i = KIND; i < MAC_HIGH; i++) if (words[at + i] !== wanted[i]) return false
    return words[at + FAMILY] === wanted[FAMILY] && words[at + VLAN] === wanted[VLAN]
  }
}
