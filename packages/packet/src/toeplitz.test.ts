import { describe, expect, it } from 'vitest'
import { parseIp, parseMac } from './address.js'
import { writeTcp, writeUdp } from './build.js'
import { FramePool } from './frame-pool.js'
import { privateArena } from './memory.js'
import { PacketInfo, parsePacket } from './parse.js'
import { MICROSOFT_RSS_KEY, Toeplitz } from './toeplitz.js'

/** "Verifying the RSS hash calculation", Microsoft: source, destination, hash over addresses, and over ports too. */
const VECTORS: readonly [string, number, string, number, number, number][] = [
  ['66.9.149.187', 2794, '161.142.100.80', 1766, 0x323e8fc2, 0x51ccc178],
  ['199.92.111.2', 14230, '65.69.140.83', 4739, 0xd718262a, 0xc626b0ea],
  ['24.19.198.95', 12898, '12.22.207.184', 38024, 0xd2d0a5de, 0x5c2b394a],
  ['38.27.205.30', 48228, '209.142.163.6', 2217, 0x82989176, 0xafc7327f],
  ['153.39.163.191', 44251, '202.188.127.2', 1303, 0x5d1809c5, 0x10e828a2],
  ['3ffe:2501:200:1fff::7', 2794, '3ffe:2501:200:3::1', 1766, 0x2cc18cd5, 0x40207d3d],
  ['3ffe:501:8::260:97ff:fe40:efab', 14230, 'ff02::1', 4739, 0x0f0c461c, 0xdde51bbf],
  ['3ffe:1900:4545:3:200:f8ff:fe21:67cf', 44251, 'fe80::200:f8ff:fe21:67cf', 38024, 0x4b61e985, 0x02d1feef],
]

const link = { sourceMac: parseMac('00:16:3e:00:00:01'), destinationMac: parseMac('00:16:3e:00:00:02') }
const frame = new FramePool(privateArena(256), { frames: 1, bytesEach: 256, headroom: 10 }).take()!
const info = new PacketInfo()

describe('Toeplitz', () => {
  it.each(VECTORS)('%s:%d to %s:%d', (from, sourcePort, to, destinationPort, l3, l4) => {
    const toeplitz = new Toeplitz(MICROSOFT_RSS_KEY)
    const options = { ...link, source: parseIp(from), destination: parseIp(to), sourcePort, destinationPort }
    writeTcp(frame, { ...options, sequence: 0 })
    parsePacket(frame, info)
    expect(toeplitz.hashL3(frame, info) >>> 0).toBe(l3)
    expect(toeplitz.hashL4(frame, info) >>> 0).toBe(l4)
    writeUdp(frame, { ...options, vlan: 5 })
    parsePacket(frame, info)
    expect(toeplitz.hashL4(frame, info) >>> 0).toBe(l4)
  })

  it('hashes to 0 with an empty key, and pads a short key with zeros', () => {
    const bytes = Uint8Array.from({ length: 36 }, (_, i) => i * 7)
    expect(new Toeplitz().hash(bytes, 0, 36, 0, 0)).toBe(0)
    const short = new Toeplitz([0x80, 0, 0, 1])
    expect(short.hash(Uint8Array.of(0x80), 0, 1, 0, 0) >>> 0).toBe(0x80000001)
    expect(short.hash(Uint8Array.of(0x40), 0, 1, 0, 0) >>> 0).toBe(0x00000002)
    expect(short.hash(Uint8Array.of(0, 0, 0, 0x01), 0, 4, 0, 0) >>> 0).toBe(0x80000000)
    expect(short.hash(Uint8Array.of(0, 0, 0, 0, 0xff), 0, 5, 0, 0) >>> 0).toBe(0)
  })

  it('a new key replaces the old one, and can be taken in parts', () => {
    const toeplitz = new Toeplitz([1, 2, 3])
    toeplitz.setKey(MICROSOFT_RSS_KEY)
    const bytes = Uint8Array.of(66, 9, 149, 187, 161, 142, 100, 80)
    expect(toeplitz.hash(bytes, 0, 8, 0, 0) >>> 0).toBe(0x323e8fc2)
    expect(toeplitz.hash(bytes, 4, 4, 4, toeplitz.hash(bytes, 0, 4, 0, 0)) >>> 0).toBe(0x323e8fc2)
    toeplitz.setKey([])
    expect(toeplitz.hash(bytes, 0, 8, 0, 0) >>> 0).toBe(0)
  })

  it('hashes what is no IP packet to 0', () => {
    const toeplitz = new Toeplitz(MICROSOFT_RSS_KEY)
    frame.length = 14
    frame.view.setUint16(frame.offset + 12, 0x0806)
    parsePacket(frame, info)
    expect([toeplitz.hashL3(frame, info), toeplitz.hashL4(frame, info)]).toEqual([0, 0])
  })
})
