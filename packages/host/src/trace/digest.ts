import {
  ARP_SENDER_IP,
  ARP_TARGET_IP,
  ETHERTYPE_ARP,
  formatIp,
  formatMac,
  type Frame,
  ICMP_ECHO_HEADER,
  IP_PROTOCOL_ICMP,
  IP_PROTOCOL_ICMPV6,
  IP_PROTOCOL_TCP,
  IP_PROTOCOL_UDP,
  IPV4_SOURCE,
  IPV6_SOURCE,
  isIpv4Arp,
  type PacketInfo,
  parsePacket,
  readEchoSequence,
  readIpv4Id,
} from '@netaccel/packet'

const PROTOCOL_NAMES: Readonly<Record<number, string>> = {
  [IP_PROTOCOL_TCP]: 'TCP',
  [IP_PROTOCOL_UDP]: 'UDP',
  [IP_PROTOCOL_ICMP]: 'ICMP',
  [IP_PROTOCOL_ICMPV6]: 'ICMPv6',
}
const NUMBER_NAMES: Readonly<Record<number, string>> = { [IP_PROTOCOL_TCP]: 'seq', [IP_PROTOCOL_UDP]: 'id' }

/**
 * What names a packet wherever it is: it survives copying, cutting into segments and the completion of checksums.
 * Made once and filled again and again; nothing is allocated until {@link flow} is asked for.
 */
export class Digest {
  /** IP protocol, or -1: then `etherType` says what it is. */
  protocol = -1
  etherType = 0
  /**
   * TCP: sequence number. UDP: IP id, or if that is 0 the first four bytes of the payload, where probes write their
   * number. Echo: its sequence number. ARP: the address asked for. Anything else: 0.
   */
  number = 0
  payload = 0
  private sourcePort = 0
  private destinationPort = 0
  private readonly addresses = new Uint8Array(32)
  /** Bytes of one address: 4 or 16, or 6 for two MACs. */
  private addressLength = 6

  /** Take the digest of a frame. Reads, and keeps nothing of the frame. */
  take(frame: Frame, info: PacketInfo): void {
    parsePacket(frame, info)
    this.etherType = info.etherType
    this.payload = info.payloadLength
    this.sourcePort = info.l4 ? info.sourcePort : 0
    this.destinationPort = info.l4 ? info.destinationPort : 0
    if (info.ipVersion !== 0) this.takeIp(frame, info)
    else this.takeLink(frame, info)
  }

  /** `TCP 10.0.0.1:10000 > 10.0.0.2:5001`. */
  get flow(): string {
    const { addresses, addressLength: length, sourcePort, destinationPort } = this
    const address = (at: number): string =>
      length === 6 ? formatMac(addresses, at) : formatIp(addresses, at, length)
    const end = (text: string, port: number): string => {
      if (port === 0) return text
      return length === 16 ? `[${text}]:${port}` : `${text}:${port}`
    }
    return `${this.kind} ${end(address(0), sourcePort)} > ${end(address(length), destinationPort)}`
  }

  /** `seq 1234`: the packet within its flow. */
  get name(): string {
    if (this.etherType === ETHERTYPE_ARP) {
      const n = this.number
      return `for ${n >>> 24}.${(n >>> 16) & 255}.${(n >>> 8) & 255}.${n & 255}`
    }
    return `${NUMBER_NAMES[this.protocol] ?? 'number'} ${this.number}`
  }

  private get kind(): string {
    if (this.protocol >= 0) return PROTOCOL_NAMES[this.protocol] ?? `IP protocol ${this.protocol}`
    return this.etherType === ETHERTYPE_ARP ? 'ARP' : `type 0x${this.etherType.toString(16).padStart(4, '0')}`
  }

  private takeIp(frame: Frame, info: PacketInfo): void {
    const v4 = info.ipVersion === 4
    const l3 = frame.offset + info.l3Offset
    this.protocol = info.protocol
    this.addressLength = v4 ? 4 : 16
    this.copy(frame, l3 + (v4 ? IPV4_SOURCE : IPV6_SOURCE), 2 * this.addressLength)
    this.number = v4 ? readIpv4Id(frame.view, l3) : 0
    const l4 = frame.offset + info.payloadOffset
    const isEcho = info.protocol === IP_PROTOCOL_ICMP || info.protocol === IP_PROTOCOL_ICMPV6
    if (info.isTcp) this.number = info.sequence
    else if (isEcho && info.payloadLength >= ICMP_ECHO_HEADER) this.number = readEchoSequence(frame.view, l4)
    else if (info.isUdp && this.number === 0 && info.payloadLength >= 4)
      this.number = frame.view.getUint32(l4)
  }

  private takeLink(frame: Frame, info: PacketInfo): void {
    const l3 = frame.offset + info.l3Offset
    this.protocol = -1
    this.number = 0
    if (info.etherType === ETHERTYPE_ARP && info.payloadLength >= 28 && isIpv4Arp(frame.view, l3)) {
      this.addressLength = 4
      this.copy(frame, l3 + ARP_SENDER_IP, 4)
      this.number = frame.view.getUint32(l3 + ARP_TARGET_IP)
      for (let i = 0; i < 4; i++) this.addresses[4 + i] = frame.bytes[l3 + ARP_TARGET_IP + i]
      return
    }
    this.addressLength = 6
    if (frame.length < 12) this.addresses.fill(0)
    else {
      for (let i = 0; i < 6; i++) {
        this.addresses[i] = frame.bytes[frame.offset + 6 + i]
        this.addresses[6 + i] = frame.bytes[frame.offset + i]
      }
    }
  }

  private copy(frame: Frame, from: number, count: number): void {
    for (let i = 0; i < count; i++) this.addresses[i] = frame.bytes[from + i]
  }
}
