// An entry of the filter table, and the key that is looked for, as words; their hashes.
import { IPV4_DESTINATION, IPV4_SOURCE, IPV6_DESTINATION, IPV6_SOURCE } from '@netaccel/packet'
import type { FilterWords } from './filter-key.js'
import { KIND_FULL, KIND_MAC, KIND_MAC_VLAN, UNTAGGED } from './filter-key.js'

// Words of an entry.
export const STRIDE = 16
export const KIND = 0
export const PORTS = 1
export const PROTOCOL = 2
export const DESTINATION = 3
export const SOURCE = 7
export const MAC_HIGH = 11
export const MAC_LOW = 12
export const FAMILY = 13
/** The whole first hash: tells almost every other key at one look. */
export const HASH = 14
export const VLAN = 15

/**
 * Of all but the MAC, which a key need not name; of the MAC for a key that is nothing else. Addresses of IPv4 and the
 * source of a wildcard are one word and none.
 */
export function hashOf(wanted: Int32Array): number {
  const kind = wanted[KIND]
  if (kind === KIND_MAC || kind === KIND_MAC_VLAN)
    return mix(mix(mix(kind, wanted[MAC_HIGH]), wanted[MAC_LOW]), wanted[VLAN]) | 0
  let hash = mix(mix(mix(kind, wanted[PORTS]), wanted[PROTOCOL]), wanted[DESTINATION])
  if (wanted[VLAN] !== UNTAGGED) hash = mix(hash, wanted[VLAN])
  if (kind === KIND_FULL) hash = mix(hash, wanted[SOURCE])
  if (wanted[FAMILY] === 6) {
    for (let i = 1; i < 4; i++) hash = mix(hash, wanted[DESTINATION + i])
    if (kind === KIND_FULL) for (let i = 1; i < 4; i++) hash = mix(hash, wanted[SOURCE + i])
  }
  return hash
}

/** The second hash, odd, so that the steps reach every place. */
export function stepOf(hash: number): number {
  return (Math.imul(hash, 0x85ebca6b) >>> 16) | 1
}

function mix(hash: number, word: number): number {
  const mixed = Math.imul(hash ^ word, 0x9e3779b1)
  return mixed ^ (mixed >>> 15)
}

/** The words of a key, to be entered. */
export function fillWanted(wanted: Int32Array, key: FilterWords): void {
  wanted.fill(0)
  wanted[KIND] = key.kind
  wanted[PORTS] = key.ports
  wanted[PROTOCOL] = key.protocol
  wanted.set(key.destination, DESTINATION)
  wanted.set(key.source, SOURCE)
  wanted[MAC_HIGH] = key.macHigh
  wanted[MAC_LOW] = key.macLow
  wanted[FAMILY] = key.family
  wanted[VLAN] = key.vlan
}

/** The addresses of the IPv4 packet at `l3`. */
export function readAddresses4(wanted: Int32Array, view: DataView, l3: number): void {
  wanted[DESTINATION] = view.getUint32(l3 + IPV4_DESTINATION)
  wanted[SOURCE] = view.getUint32(l3 + IPV4_SOURCE)
  for (let i = 1; i < 4; i++) {
    wanted[DESTINATION + i] = 0
    wanted[SOURCE + i] = 0
  }
}

/** The same of an IPv6 packet. */
export function readAddresses6(wanted: Int32Array, view: DataView, l3: number): void {
  for (let i = 0; i < 4; i++) {
    wanted[DESTINATION + i] = view.getUint32(l3 + IPV6_DESTINATION + 4 * i)
    wanted[SOURCE + i] = view.getUint32(l3 + IPV6_SOURCE + 4 * i)
  }
}
