import { formatIp, formatMac } from './address.js'
import { ETH_DESTINATION, ETH_HEADER } from './ethernet.js'
import type { Frame } from './frame.js'
import { IP_PROTOCOL_TCP, IP_PROTOCOL_UDP, IPV4_DESTINATION, IPV4_HEADER, IPV4_SOURCE } from './ipv4.js'
import { IPV6_DESTINATION, IPV6_SOURCE } from './ipv6.js'
import { PacketInfo, parsePacket } from './parse.js'
import { PLAIN_L3, plainIsTcp, plainTransport } from './plain.js'

/**
 * What a receive filter matches: every field that is given must be equal, what is left out matches anything.
 * `mac` is the frame's destination; `source` and `destination` are IP addresses as text.
 */
export interface FlowKey {
  readonly protocol?: 6 | 17
  readonly etherType?: number
  readonly vlan?: number
  readonly mac?: string
  readonly source?: string
  readonly destination?: string
  readonly sourcePort?: number
  readonly destinationPort?: number
}

/**
 * Hash of the flow that a parsed frame belongs to: 31 bits, never 0 (which means "not computed").
 * Over addresses, protocol and ports for unfragmented TCP and UDP; over addresses and protocol for other IP, so
 * that all fragments of a packet stay together; over MACs and ethertype for everything else. The two directions
 * of a connection hash apart. Not a defence: a sender who wants all its frames in one place can have that.
 */
export function flowHash(frame: Frame, info: PacketInfo): number {
  const view = frame.view
  const at = frame.offset + info.l3Offset
  let hash = 0x9747b28c
  if (info.ipVersion === 4) {
    hash = mix(mix(hash, view.getUint32(at + IPV4_SOURCE)), view.getUint32(at + IPV4_DESTINATION))
  } else if (info.ipVersion === 6) {
    for (let i = 0; i < 32; i += 4) hash = mix(hash, view.getUint32(at + IPV6_SOURCE + i))
  } else return finish(macHash(frame, info, hash))
  hash = mix(hash, info.protocol)
  if (info.l4) hash = mix(hash, (info.sourcePort << 16) | info.destinationPort)
  return finish(hash)
}

/**
 * The {@link flowHash} of a frame that nobody has parsed. What nearly every frame is, untagged IPv4 without options with a
 * whole TCP or UDP header, is read here directly, a fifth of the work; any other is parsed into `info`.
 */
export function frameFlowHash(frame: Frame, info: PacketInfo): number {
  const plain = plainTransport(frame)
  if (plain >= 0) {
    const { view } = frame
    const at = frame.offset + PLAIN_L3
    let hash = mix(mix(0x9747b28c | 0, view.getInt32(at + IPV4_SOURCE)), view.getInt32(at + IPV4_DESTINATION))
    hash = mix(hash, plainIsTcp(plain) ? IP_PROTOCOL_TCP : IP_PROTOCOL_UDP)
    // Source and destination port, in this order.
    return finish(mix(hash, view.getInt32(at + IPV4_HEADER)))
  }
  parsePacket(frame, info)
  return flowHash(frame, info)
}

/** {@link frameFlowHash} for frames that come in runs of a flow: what is the same as in the frame before is not hashed anew. */
export class FlowHasher {
  private readonly info: PacketInfo
  private source: number
  private destination: number
  private ports: number
  private isTcp: boolean
  /** Of the plain frame before; 0: there was none. */
  private last: number

  constructor() {
    this.info = new PacketInfo()
    this.source = 0
    this.destination = 0
    this.ports = 0
    this.isTcp = false
    this.last = 0
  }

  of(frame: Frame): number {
    const plain = plainTransport(frame)
    if (plain < 0) return frameFlowHash(frame, this.info)
    const { view } = frame
    const at = frame.offset + PLAIN_L3
    const source = view.getInt32(at + IPV4_SOURCE)
    const destination = view.getInt32(at + IPV4_DESTINATION)
    const ports = view.getInt32(at + IPV4_HEADER)
    const isTcp = plainIsTcp(plain)
    if (
      this.last !== 0 &&
      this.ports === ports &&
      this.source === source &&
      this.destination === destination &&
      this.isTcp === isTcp
    )
      return this.last
    this.source = source
    this.destination = destination
    this.ports = ports
    this.isTcp = isTcp
    this.last = frameFlowHash(frame, this.info)
    return this.last
  }
}

function macHash(frame: Frame, info: PacketInfo, seed: number): number {
  if (frame.length < ETH_HEADER) return seed
  let hash = seed
  for (let i = 0; i < 12; i += 4) hash = mix(hash, frame.view.getUint32(frame.offset + i))
  return mix(hash, info.etherType)
}

/** One round and the finish of MurmurHash3, 32 bit (public domain). */
function mix(hash: number, word: number): number {
  let k = Math.imul(word, 0xcc9e2d51)
  k = (k << 15) | (k >>> 17)
  const h = hash ^ Math.imul(k, 0x1b873593)
  return (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0
}

function finish(hash: number): number {
  let h = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  h = (h ^ (h >>> 16)) & 0x7fffffff
  return h === 0 ? 1 : h
}

/**
 * The key of the flow that a parsed frame belongs to, as precise as the frame allows: destination MAC and VLAN
 * always; addresses for IP; protocol and ports for unfragmented TCP and UDP, else the ethertype. Undefined when
 * not even the Ethernet header was there. For control use: it allocates.
 */
export function flowKeyOf(frame: Frame, info: PacketInfo): FlowKey | undefined {
  if (info.l3Offset === 0) return undefined
  const { bytes, offset } = frame
  const link = { mac: formatMac(bytes, offset + ETH_DESTINATION), ...(info.vlan >= 0 && { vlan: info.vlan }) }
  if (info.ipVersion === 0) return { ...link, etherType: info.etherType }
  const l3 = offset + info.l3Offset
  const ends =
    info.ipVersion === 4
      ? {
          source: formatIp(bytes, l3 + IPV4_SOURCE, 4),
          destination: formatIp(bytes, l3 + IPV4_DESTINATION, 4),
        }
      : {
          source: formatIp(bytes, l3 + IPV6_SOURCE, 16),
          destination: formatIp(bytes, l3 + IPV6_DESTINATION, 16),
        }
  const { protocol, sourcePort, destinationPort } = info
  if (info.l4 && (protocol === IP_PROTOCOL_TCP || protocol === IP_PROTOCOL_UDP)) {
    return { ...link, protocol, ...ends, sourcePort, destinationPort }
  }
  return { ...link, etherType: info.etherType, ...ends }
}

/** A key as one line with its fields in a fixed order: equal keys have equal texts. For tables and messages. */
export function flowKeyText(key: FlowKey): string {
  const parts: string[] = []
  if (key.mac !== undefined) parts.push(`mac ${key.mac.toLowerCase()}`)
  if (key.vlan !== undefined) parts.push(`vlan ${key.vlan}`)
  if (key.etherType !== undefined) parts.push(`type 0x${key.etherType.toString(16).padStart(4, '0')}`)
  if (key.protocol !== undefined) parts.push(key.protocol === IP_PROTOCOL_TCP ? 'tcp' : 'udp')
  if (key.source !== undefined || key.sourcePort !== undefined)
    parts.push(`from ${end(key.source, key.sourcePort)}`)
  if (key.destination !== undefined || key.destinationPort !== undefined) {
    parts.push(`to ${end(key.destination, key.destinationPort)}`)
  }
  return parts.length === 0 ? 'any' : parts.join(' ')
}

function end(address: string | undefined, port: number | undefined): string {
  const host = address === undefined ? '*' : address.includes(':') ? `[${address}]` : address
  return port === undefined ? host : `${host}:${port}`
}
