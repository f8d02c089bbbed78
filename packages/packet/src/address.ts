import { PacketError } from './errors.js'

/** Addresses as text, for control use: parsers check and throw `BAD_ADDRESS`, printers take bytes that are right. */

const MAC_TEXT = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i

/** `'00:16:3e:00:00:01'` to its 6 bytes. */
export function parseMac(text: string): Uint8Array {
  if (!MAC_TEXT.test(text)) {
    throw new PacketError(
      'BAD_ADDRESS',
      `'${text}' is no MAC address: write six hex pairs, as in 00:16:3e:00:00:01`,
    )
  }
  return Uint8Array.from(text.split(':'), (pair) => Number.parseInt(pair, 16))
}

/** Six bytes at `at` to lower-case text. */
export function formatMac(bytes: Uint8Array, at = 0): string {
  let text = ''
  for (let i = 0; i < 6; i++) text += (i === 0 ? '' : ':') + bytes[at + i].toString(16).padStart(2, '0')
  return text
}

/** An IPv4 address to 4 bytes or an IPv6 address to 16. */
export function parseIp(text: string): Uint8Array {
  return text.includes(':') ? parseIpv6(text) : parseIpv4(text)
}

/** 4 or 16 bytes at `at` to text; IPv6 in the canonical form of RFC 5952. */
export function formatIp(bytes: Uint8Array, at = 0, length: number = bytes.length - at): string {
  return length === 4 ? formatIpv4(bytes, at) : formatIpv6(bytes, at)
}

/** `'192.0.2.1'` to 4 bytes. */
export function parseIpv4(text: string): Uint8Array {
  const parts = text.split('.')
  const bytes = Uint8Array.from(parts, Number)
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256)) {
    throw new PacketError(
      'BAD_ADDRESS',
      `'${text}' is no IPv4 address: write four numbers 0 to 255, as in 192.0.2.1`,
    )
  }
  return bytes
}

export function formatIpv4(bytes: Uint8Array, at = 0): string {
  return `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`
}

/** `'2001:db8::1'`, also with an IPv4 tail (`'::ffff:192.0.2.1'`), to 16 bytes. Zones (`%eth0`) are refused. */
export function parseIpv6(text: string): Uint8Array {
  const groups = ipv6Groups(text)
  if (groups === undefined) {
    throw new PacketError(
      'BAD_ADDRESS',
      `'${text}' is no IPv6 address: write groups of hex, as in 2001:db8::1`,
    )
  }
  const bytes = new Uint8Array(16)
  for (let i = 0; i < 8; i++) {
    bytes[2 * i] = groups[i] >>> 8
    bytes[2 * i + 1] = groups[i] & 0xff
  }
  return bytes
}

/** RFC 5952: lower case, no leading zeros, the first longest run of two or more zero groups as `::`. */
export function formatIpv6(bytes: Uint8Array, at = 0): string {
  const groups: number[] = []
  for (let i = 0; i < 16; i += 2) groups.push((bytes[at + i] << 8) | bytes[at + i + 1])
  let runStart = -1
  let runLength = 1
  for (let i = 0; i < 8; i++) {
    let end = i
    while (end < 8 && groups[end] === 0) end++
    if (end - i > runLength) {
      runStart = i
      runLength = end - i
    }
  }
  const hex = (from: number, to: number): string =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(':')
  return runStart < 0 ? hex(0, 8) : `${hex(0, runStart)}::${hex(runStart + runLength, 8)}`
}

function ipv6Groups(text: string): number[] | undefined {
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const left = halfGroups(halves[0], halves.length === 1)
  const right = halves.length === 2 ? halfGroups(halves[1], true) : []
  if (left === undefined || right === undefined) return undefined
  const missing = 8 - left.length - right.length
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined
  return [...left, ...Array.from({ length: missing }, () => 0), ...right]
}

/** The groups of one side of `::`; a dotted IPv4 address may stand for the last two of the last side. */
function halfGroups(half: string, last: boolean): number[] | undefined {
  if (half === '') return []
  const parts = half.split(':')
  const groups: number[] = []
  for (const [i, part] of parts.entries()) {
    if (last && i === parts.length - 1 && part.includes('.')) {
      if (!/^\d+(\.\d+){3}$/.test(part)) return undefined
      const [a, b, c, d] = part.split('.').map(Number)
      if (a > 255 || b > 255 || c > 255 || d > 255) return undefined
      groups.push((a << 8) | b, (c << 8) | d)
    } else if (/^[0-9a-f]{1,4}$/i.test(part)) groups.push(Number.parseInt(part, 16))
    else return undefined
  }
  return groups
}
