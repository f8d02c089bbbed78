// What a plugin needs of package packet: header views, checksums, flow keys, segmentation.
//
// Every frame that a plugin meets is a frame of package packet; the contract shows it less of it. The functions below are
// packet's own, typed for the frame as the contract has it.
import * as packet from '@netaccel/packet'
import type { PacketInfo } from '@netaccel/packet'
import type { FlowKey, Frame } from './contract/index.js'

/** Finds the headers of a frame; false when they are not whole. See package packet. */
export const parsePacket = packet.parsePacket as (frame: Frame, info: PacketInfo) => boolean

/** Fills in a blank transport checksum; false when the frame has no place for one. */
export const fillChecksum = packet.fillChecksum as (frame: Frame) => boolean

/** Turns a finished transport checksum into a blank one (pseudo-header sum only). */
export const setBlank = packet.setBlank as (frame: Frame, info: PacketInfo) => boolean

/** True when the transport checksum is right. */
export const verifyChecksum = packet.verifyChecksum as (frame: Frame, info: PacketInfo) => boolean

/** Flow hash of a parsed frame, unsigned 32 bit, never 0; the two directions of a conversation hash apart. */
export const flowHash = packet.flowHash as (frame: Frame, info: PacketInfo) => number

/** Flow key of a parsed frame; undefined when it has none. */
export const flowKeyOf = packet.flowKeyOf as (frame: Frame, info: PacketInfo) => FlowKey | undefined

/** Wire segments that a frame stands for, by its length and `gsoSize`. */
export const segmentCount = packet.segmentCount as (frame: Frame) => number

/**
 * Merges consecutive TCP segments of one flow into one GSO frame. `begin` with the first, in a frame with room for more; `add`
 * while it says true, after which the caller releases what was added; `finish` gives the first frame back. See package packet.
 */
export interface Coalescer {
  /** Nothing more can be added. */
  readonly closed: boolean
  /** Segments in the frame begun; 0: none is. */
  readonly segments: number
  begin(frame: Frame): boolean
  add(frame: Frame): boolean
  finish(): Frame | null
}
export const Coalescer = packet.Coalescer as new () => Coalescer

/** Twice the payload length of a plain TCP or UDP frame, and 1 more for TCP; -1: another shape. See package packet. */
export const plainTransport = packet.plainTransport as (frame: Frame) => number

export {
  ARP_REPLY,
  ARP_REQUEST,
  copyBytes,
  ETH_DESTINATION,
  ETH_HEADER,
  ETH_SOURCE,
  ETH_TYPE,
  ETHERTYPE_ARP,
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  ETHERTYPE_QINQ,
  ETHERTYPE_VLAN,
  flowKeyText,
  foldSum,
  formatIp,
  formatIpv4,
  formatMac,
  IP_PROTOCOL_ICMP,
  IP_PROTOCOL_TCP,
  IP_PROTOCOL_UDP,
  IPV4_HEADER,
  isBroadcastMac,
  isGratuitousArp,
  isIpv4Arp,
  isIpv4Fragment,
  isMulticastMac,
  macEquals,
  PacketInfo,
  parseIp,
  parseIpv4,
  parseMac,
  PLAIN_L3,
  PLAIN_L4,
  plainIsTcp,
  plainPayload,
  pseudoSum4,
  Random,
  readArpOperation,
  readArpSenderIp,
  readArpTargetIp,
  readDestinationPort,
  readEtherType,
  readIpv4Destination,
  readIpv4HeaderLength,
  readIpv4Id,
  readIpv4Protocol,
  readIpv4Source,
  readIpv4TotalLength,
  readMacHigh,
  readMacLow,
  readSourcePort,
  readTcpFlags,
  readTcpHeaderLength,
  readTcpSequence,
  sumBytes,
  TCP_ACK,
  TCP_CWR,
  TCP_FIN,
  TCP_HEADER,
  TCP_PSH,
  TCP_RST,
  TCP_SYN,
  TCP_URG,
  UDP_HEADER,
  verifyIpv4Checksum,
  wordsOf,
  writeIpv4Checksum,
  writeIpv4Id,
  writeIpv4TotalLength,
  writeTcpFlags,
  writeTcpSequence,
} from '@netaccel/packet'
export type { WordView } from '@netaccel/packet'
