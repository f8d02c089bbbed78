import type { FlowKey } from '@netaccel/core'
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6, PacketError, parseIp } from '@netaccel/packet'
import { macWords } from './mac-words.js'

export const KIND_FREE = 0
/** Protocol, both addresses, both ports. */
export const KIND_FULL = 1
/** Protocol, destination, destination port. */
export const KIND_WILDCARD = 2
/** Destination MAC alone, tagged or not. */
export const KIND_MAC = 3
/** Destination MAC under one tag. */
export const KIND_MAC_VLAN = 4

/** No MAC wanted, in the place of a MAC's high 16 bits. */
export const ANY_MAC = 0xffffffff

/** No tag, in the place of a VLAN id. */
export const UNTAGGED = -1

/** A key in the words that the table compares. Addresses are 4 words; IPv4 uses the first. */
export interface FilterWords {
  readonly kind: number
  readonly family: number
  readonly protocol: number
  /** Destination port in the high half, source port in the low. */
  readonly ports: number
  readonly destination: readonly [number, number, number, number]
  readonly source: readonly [number, number, number, number]
  readonly macHigh: number
  readonly macLow: number
  /** {@link UNTAGGED}, also where the key matches any tag. */
  readonly vlan: number
}

const NOWHERE = [0, 0, 0, 0] as const

/**
 * What the hardware can match of a key: {protocol, destination, destination port}, optionally with source and
 * source port, optionally only under one destination MAC; or a destination MAC. Under one VLAN tag if the key names
 * one: without, an IP key matches untagged frames only, a MAC key tagged ones too. Unicast only. Undefined: not
 * supported, a text that is no address included.
 */
export function filterWords(key: FlowKey): FilterWords | undefined {
  try {
    return key.protocol === undefined ? macKeyWords(key) : ipWords(key)
  } catch (error) {
    if (error instanceof PacketError) return undefined
    throw error
  }
}

function macKeyWords(key: FlowKey): FilterWords | undefined {
  if (key.mac === undefined || key.etherType !== undefined || !isVlan(key.vlan)) return undefined
  if (key.source !== undefined || key.destination !== undefined) return undefined
  if (key.sourcePort !== undefined || key.destinationPort !== undefined) return undefined
  const mac = macPair(key.mac)
  if (mac === undefined) return undefined
  const kind = key.vlan === undefined ? KIND_MAC : KIND_MAC_VLAN
  const vlan = key.vlan ?? UNTAGGED
  return { kind, family: 0, protocol: 0, ports: 0, destination: NOWHERE, source: NOWHERE, ...mac, vlan }
}

function ipWords(key: FlowKey): FilterWords | undefined {
  const { protocol, source, destination, sourcePort, destinationPort } = key
  if (protocol !== 6 && protocol !== 17) return undefined
  if (destination === undefined || !isPort(destinationPort) || !isVlan(key.vlan)) return undefined
  if ((source === undefined) !== (sourcePort === undefined)) return undefined
  const to = parseIp(destination)
  const from = source === undefined ? undefined : parseIp(source)
  const family = to.length === 4 ? 4 : 6
  if (isMulticast(to) || (from !== undefined && from.length !== to.length)) return undefined
  if (sourcePort !== undefined && !isPort(sourcePort)) return undefined
  const type = family === 4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6
  if (key.etherType !== undefined && key.etherType !== type) return undefined
  const mac = key.mac === undefined ? { macHigh: ANY_MAC, macLow: 0 } : macPair(key.mac)
  if (mac === undefined) return undefined
  return {
    kind: from === undefined ? KIND_WILDCARD : KIND_FULL,
    family,
    protocol,
    ports: ((destinationPort << 16) | (sourcePort ?? 0)) >>> 0,
    destination: addressWords(to),
    source: from === undefined ? NOWHERE : addressWords(from),
    ...mac,
    vlan: key.vlan ?? UNTAGGED,
  }
}

function isPort(port: number | undefined): port is number {
  return port !== undefined && Number.isInteger(port) && port >= 0 && port <= 0xffff
}

/** Of the 4,096 ids, 0 means no VLAN and 4095 is reserved (IEEE 802.1Q §9.6). */
function isVlan(vlan: number | undefined): boolean {
  return vlan === undefined || (Number.isInteger(vlan) && vlan >= 1 && vlan <= 4094)
}

function isMulticast(ip: Uint8Array): boolean {
  return ip.length === 4 ? ip[0] >= 224 : ip[0] === 0xff
}

function macPair(text: string): { macHigh: number; macLow: number } | undefined {
  const { high, low } = macWords(text)
  return (high & 0x100) === 0 ? { macHigh: high, macLow: low } : undefined
}

function addressWords(ip: Uint8Array): readonly [number, number, number, number] {
  const view = new DataView(ip.buffer, ip.byteOffset)
  if (ip.length === 4) return [view.getUint32(0), 0, 0, 0]
  return [view.getUint32(0), view.getUint32(4), view.getUint32(8), view.getUint32(12)]
}
