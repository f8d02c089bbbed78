import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseIp, parseMac } from './address.js'
import { writeTcp, writeUdp } from './build.js'
import {
  fillChecksum,
  foldSum,
  pseudoSum,
  setBlank,
  sumBytes,
  sumHeader,
  verifyChecksum,
  verifyIpv4Checksum,
  writeIpv4Checksum,
} from './checksum.js'
import type { Frame } from './frame.js'
import { FramePool } from './frame-pool.js'
import { privateArena, wordsOf } from './memory.js'
import { PacketInfo, parsePacket } from './parse.js'
import { Random } from './random.js'

const LINK = { sourceMac: parseMac('00:16:3e:00:00:01'), destinationMac: parseMac('00:16:3e:00:00:02') }
const V4 = { ...LINK, source: parseIp('192.0.2.1'), destination: parseIp('198.51.100.7') }
const V6 = { ...LINK, source: parseIp('2001:db8::1'), destination: parseIp('2001:db8::2') }

function frame(headroom = 0): Frame {
  return new FramePool(privateArena(4096), { frames: 1, bytesEach: 4096, headroom }).take()!
}

/** The definition, one word at a time. */
function plainSum(bytes: Uint8Array, at: number, length: number): number {
  let sum = 0
  for (let i = 0; i < length; i += 2) {
    sum += (bytes[at + i] << 8) + (i + 1 < length ? bytes[at + i + 1] : 0)
    if (sum > 0xffff) sum = (sum & 0xffff) + 1
  }
  return sum
}

describe('sums', () => {
  it('agrees with the example of RFC 1071 §3', () => {
    const words = wordsOf(Uint8Array.of(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7))
    expect(sumHeader(words.view, 0, 8)).toBe(0xddf2)
    expect(sumBytes(words, 0, 8)).toBe(0xddf2)
  })

  it('agrees with the definition at every alignment and length', () => {
    const words = wordsOf(privateArena(4096).bytes)
    new Random('sums').fill(words.bytes)
    for (let at = 0; at < 9; at++) {
      for (let length = 0; length < 300; length++) {
        const expected = plainSum(words.bytes, at, length)
        if (sumBytes(words, at, length) !== expected) expect.fail(`${length} bytes at ${at}`)
        if (sumHeader(words.view, at, length) !== expected) expect.fail(`header of ${length} bytes at ${at}`)
      }
    }
    expect(sumBytes(words, 5, 4091)).toBe(plainSum(words.bytes, 5, 4091))
  })

  it('does not overflow on 256 KiB of ones', () => {
    const words = wordsOf(privateArena(262144).bytes.fill(0xff))
    expect(sumBytes(words, 0, 262144)).toBe(0xffff)
    expect(sumBytes(words, 1, 262142)).toBe(0xffff)
  })

  it('folds any sum', () => {
    expect([0, 0xffff, 0x10000, 0x1fffe, 0xffffffff, 0x1_0000_0000, 0xffff_ffff_ffff].map(foldSum)).toEqual([
      0, 0xffff, 1, 0xffff, 0xffff, 1, 0xffff,
    ])
  })
})

describe('IPv4 header checksum', () => {
  const header = '450000730000400040110000c0a80001c0a800c7'

  it('gives the published value and verifies it', () => {
    const bytes = Uint8Array.from(Buffer.from(header, 'hex'))
    const view = new DataView(bytes.buffer)
    expect(verifyIpv4Checksum(view, 0)).toBe(false)
    writeIpv4Checksum(view, 0)
    expect(view.getUint16(10)).toBe(0xb861)
    expect(verifyIpv4Checksum(view, 0)).toBe(true)
  })
})

describe('layer 4 checksums', () => {
  const info = new PacketInfo()

  it.each([
    ['TCP over IPv4', V4],
    ['TCP over IPv6', V6],
  ])('a blank frame, filled in, is the finished frame: %s', (_what, ip) => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), fc.nat({ max: 9 }), (payload, headroom) => {
        const options = { ...ip, sourcePort: 1, destinationPort: 2, sequence: 0xfffffff0, payload }
        const finished = frame(headroom)
        writeTcp(finished, options)
        const blank = frame(headroom)
        writeTcp(blank, { ...options, blank: true })
        expect(blank.checksum).toBe('blank')
        expect(fillChecksum(blank)).toBe(true)
        expect(blank.checksum).toBe('none')
        expect(blank.bytes).toEqual(finished.bytes)
        expect(parsePacket(finished, info)).toBe(true)
        expect(verifyChecksum(finished, info)).toBe(true)
      }),
      { seed: 2, numRuns: 100 },
    )
  })

  it('setBlank is the way back', () => {
    const finished = frame()
    writeUdp(finished, { ...V6, sourcePort: 5, destinationPort: 6, payload: Uint8Array.of(1, 2, 3) })
    const before = finished.bytes.slice()
    finished.length += 9
    parsePacket(finished, info)
    expect(setBlank(finished, info)).toBe(true)
    expect(finished).toMatchObject({ length: 65, checksum: 'blank', checksumStart: 54, checksumOffset: 6 })
    expect(finished.view.getUint16(60)).toBe(pseudoSum(finished, info))
    fillChecksum(finished)
    expect(finished.bytes).toEqual(before)
  })

  it('every single changed bit of a TCP packet is seen, but for what the sum does not cover', () => {
    const good = frame()
    writeTcp(good, {
      ...V4,
      sourcePort: 80,
      destinationPort: 81,
      sequence: 9,
      payload: Uint8Array.of(1, 2, 3, 4, 5),
    })
    const covered = [...Array(8).keys()].map((i) => 26 + i)
    for (let i = 34; i < good.length; i++) if (i !== 46) covered.push(i)
    for (const at of covered) {
      for (let bit = 0; bit < 8; bit++) {
        good.bytes[at] ^= 1 << bit
        parsePacket(good, info)
        if (verifyChecksum(good, info)) expect.fail(`bit ${bit} of byte ${at}`)
        good.bytes[at] ^= 1 << bit
      }
    }
    parsePacket(good, info)
    expect(verifyChecksum(good, info)).toBe(true)
  })

  it('UDP: 0 is stored as 0xffff; none is right over IPv4 and wrong over IPv6', () => {
    for (const ip of [V4, V6]) {
      const udp = frame()
      const options = { ...ip, sourcePort: 1, destinationPort: 1, payload: Uint8Array.of(0, 0) }
      writeUdp(udp, options)
      const at = udp.length - 4
      // A payload equal to the checksum over zeros brings the sum to 0xffff, and the checksum to 0.
      options.payload = udp.bytes.slice(at, at + 2)
      writeUdp(udp, options)
      expect(udp.view.getUint16(at)).toBe(0xffff)
      writeUdp(udp, { ...options, blank: true })
      fillChecksum(udp)
      expect(udp.view.getUint16(at)).toBe(0xffff)
      udp.view.setUint16(at, 0)
      parsePacket(udp, info)
      expect(verifyChecksum(udp, info)).toBe(ip === V4)
    }
  })

  it('fillChecksum leaves alone what it cannot or must not fill in', () => {
    const tcp = frame()
    writeTcp(tcp, { ...V4, sourcePort: 1, destinationPort: 2, sequence: 3, blank: true })
    const before = tcp.bytes.slice()
    const wrong: Partial<Record<keyof Frame, number | string>>[] = [
      { checksum: 'none' },
      { gsoSize: 1448 },
      { checksumStart: -2 },
      { checksumOffset: -36 },
      { checksumStart: 0xffff },
      { checksumStart: tcp.length },
      { checksumOffset: tcp.length - tcp.checksumStart - 1 },
    ]
    for (const change of wrong) {
      const kept = { checksum: 'blank', gsoSize: 0, checksumStart: 34, checksumOffset: 16 }
      Object.assign(tcp, kept, change)
      expect([JSON.stringify(change), fillChecksum(tcp)]).toEqual([JSON.stringify(change), false])
      expect(tcp.bytes).toEqual(before)
    }
  })

  it('setBlank and verifyChecksum say false to what is no TCP or UDP', () => {
    const other = frame()
    other.length = 60
    parsePacket(other, info)
    expect([setBlank(other, info), verifyChecksum(other, info)]).toEqual([false, false])
    const udp = frame()
    writeUdp(udp, { ...V4, sourcePort: 1, destinationPort: 2, payload: new Uint8Array(20) })
    udp.view.setUint16(38, 10)
    parsePacket(udp, info)
    expect(info.payloadLength).toBe(2)
    expect(setBlank(udp, info)).toBe(false)
    expect(udp.checksum).toBe('none')
  })
})
