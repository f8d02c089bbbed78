import { parseIp, parseMac } from './address.js'
import { PacketError } from './errors.js'
import { ETH_DESTINATION, macEquals } from './ethernet.js'
import type { FlowKey } from './flow.js'
import type { Frame } from './frame.js'
import { IPV4_DESTINATION, IPV4_SOURCE } from './ipv4.js'
import { IPV6_DESTINATION, IPV6_SOURCE } from './ipv6.js'
import type { PacketInfo } from './parse.js'

/**
 * A flow key made ready to be compared with frames: the text is read once, when the filter is inserted, and
 * {@link matches} allocates nothing. This is what every filter table here means by "matches".
 */
export class FlowMatcher {
  readonly key: FlowKey
  private readonly protocol: number
  private readonly etherType: number
  private readonly vlan: number
  private readonly sourcePort: number
  private readonly destinationPort: number
  private readonly mac: Uint8Array | null
  private readonly source: Uint8Array | null
  private readonly destination: Uint8Array | null

  /** Throws `BAD_ADDRESS` or `BAD_OPTION` for a key that no frame could ever match. */
  constructor(key: FlowKey) {
    this.key = key
    this.protocol = checked('protocol', key.protocol, 255)
    this.etherType = checked('etherType', key.etherType, 0xffff)
    this.vlan = checked('vlan', key.vlan, 0xfff)
    this.sourcePort = checked('sourcePort', key.sourcePort, 0xffff)
    this.destinationPort = checked('destinationPort', key.destinationPort, 0xffff)
    this.mac = key.mac === undefined ? null : parseMac(key.mac)
    this.source = key.source === undefined ? null : parseIp(key.source)
    this.destination = key.destination === undefined ? null : parseIp(key.destination)
    if (this.source !== null && this.destination !== null && this.source.length !== this.destination.length) {
      throw new PacketError(
        'BAD_ADDRESS',
        `${key.source} and ${key.destination} are of different IP versions`,
      )
    }
  }

  /**
   * True if every field that the key gives is there and equal. Ports and protocol are those of a whole TCP or UDP
   * packet: a fragment has none, so only a key without them matches it.
   */
  matches(frame: Frame, info: PacketInfo): boolean {
    if (info.l3Offset === 0) return false
    if (this.protocol >= 0 && (!info.l4 || info.protocol !== this.protocol)) return false
    if (this.destinationPort >= 0 && (!info.l4 || info.destinationPort !== this.destinationPort)) return false
    if (this.sourcePort >= 0 && (!info.l4 || info.sourcePort !== this.sourcePort)) return false
    if (this.etherType >= 0 && info.etherType !== this.etherType) return false
    if (this.vlan >= 0 && info.vlan !== this.vlan) return false
    if (this.mac !== null && !macEquals(frame.view, frame.offset + ETH_DESTINATION, this.mac)) return false
    if (
      this.destination !== null &&
      !hasAddress(frame, info, this.destination, IPV4_DESTINATION, IPV6_DESTINATION)
    ) {
      return false
    }
    return this.source === null || hasAddress(frame, info, this.source, IPV4_SOURCE, IPV6_SOURCE)
  }
}

function hasAddress(frame: Frame, info: PacketInfo, wanted: Uint8Array, in4: number, in6: number): boolean {
  const version = wanted.length === 4 ? 4 : 6
  if (info.ipVersion !== version) return false
  const at = frame.offset + info.l3Offset + (version === 4 ? in4 : in6)
  for (let i = 0; i < wanted.length; i++) if (frame.view.getUint8(at + i) !== wanted[i]) return false
  return true
}

/** The value, or -1 for a field that is left out. */
function checked(name: string, value: number | undefined, most: number): number {
  if (value === undefined) return -1
  if (!Number.isInteger(value) || value < 0 || value > most) {
    throw new PacketError(
      'BAD_OPTION',
      `a flow key cannot have ${name} ${value}: give a whole number 0 to ${most}`,
    )
  }
  return value
}
