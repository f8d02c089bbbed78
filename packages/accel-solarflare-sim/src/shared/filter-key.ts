import type { FlowKey, Frame } from '@netaccel/core'
import {
  ETH_DESTINATION,
  ETHERTYPE_IPV4,
  IP_PROTOCOL_TCP,
  PacketInfo,
  parsePacket,
  readIpv4Destination,
} from '@netaccel/core'

const MULTICAST = 0x0100

/**
 * What a filter for a received frame would match, as words: destination address, and destination port with the protocol
 * in bit 16. One object is used for frame after frame.
 *
 * Only from a complete, unfragmented, untagged, unicast header (FL-01): a second fragment has no ports (the original read
 * some of its payload as if it had), and a tagged frame would be matched by a filter without the tag as well.
 */
export class FilterKey {
  /** As a signed number, which no call has to box. */
  ip = 0
  /** Port in bits 0 to 15, bit 16: TCP. */
  ports = 0
  private readonly info = new PacketInfo()

  /** False: no filter can be made of this frame. */
  read(frame: Frame): boolean {
    const { view, offset, length } = frame
    if (length < 14 || (view.getUint16(offset + ETH_DESTINATION) & MULTICAST) !== 0) return false
    const { info } = this
    if (!parsePacket(frame, info) || info.etherType !== ETHERTYPE_IPV4 || info.vlanTags > 0) return false
    if (!info.l4) return false
    const ip = readIpv4Destination(view, offset + info.l3Offset) | 0
    // 0.0.0.0, 224.0.0.0/4 and 240.0.0.0/4 are nobody's address, whatever MAC they were sent to.
    if (ip === 0 || ip >>> 28 >= 14) return false
    this.ip = ip
    this.ports = portsWord(info.protocol, info.destinationPort)
    return true
  }
}

export function portsWord(protocol: number, port: number): number {
  return port | (protocol === IP_PROTOCOL_TCP ? 1 << 16 : 0)
}

/** The key to hand to the NIC. `mac` undefined: for hardware that cannot match an address and ports at once. */
export function flowKey(ip: number, ports: number, mac: string | undefined): FlowKey {
  return {
    protocol: ports >>> 16 === 1 ? 6 : 17,
    destination: `${ip >>> 24}.${(ip >>> 16) & 255}.${(ip >>> 8) & 255}.${ip & 255}`,
    destinationPort: ports & 0xffff,
    ...(mac !== undefined && { mac }),
  }
}
