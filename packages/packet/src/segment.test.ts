import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseIp, parseMac } from './address.js'
import type { TcpOptions } from './build.js'
import { tcpHeaders, writeTcp, writeUdp } from './build.js'
import { fillChecksum, verifyChecksum, verifyIpv4Checksum } from './checksum.js'
import type { Frame } from './frame.js'
import { FramePool } from './frame-pool.js'
import { privateArena } from './memory.js'
import { PacketInfo, parsePacket } from './parse.js'
import { Random } from './random.js'
import { segmentCount, Segmenter } from './segment.js'

const link = { sourceMac: parseMac('00:16:3e:00:00:01'), destinationMac: parseMac('00:16:3e:00:00:02') }
const v4 = { ...link, source: parseIp('192.0.2.1'), destination: parseIp('192.0.2.2'), ipId: 0xfffe }
const v6 = { ...link, source: parseIp('2001:db8::1'), destination: parseIp('2001:db8::2') }
const ports = { sourcePort: 1000, destinationPort: 2000 }

const big = new FramePool(privateArena(17 * 4096), { frames: 1, bytesEach: 65600, headroom: 6 }).take()!
const small = new FramePool(privateArena(72 * 4096), { frames: 1, bytesEach: 65600, headroom: 3 }).take()!
const info = new PacketInfo()

function writeBig(options: Partial<TcpOptions>, payloadLength: number): void {
  const whole = { ...v4, ...ports, sequence: 5, ...options, payloadLength }
  new Random(payloadLength).fill(big.bytes, big.offset + tcpHeaders(whole), payloadLength)
  writeTcp(big, whole)
}

/** All payload bytes of a frame, as its headers tell. */
function payloadOf(frame: Frame): Uint8Array {
  parsePacket(frame, info)
  const from = frame.offset + info.payloadOffset
  return frame.bytes.slice(from, from + info.payloadLength)
}

const shape = fc.record({
  ip: fc.constantFrom<Partial<TcpOptions>>(v4, v6),
  vlan: fc.constantFrom(undefined, 5),
  length: fc.oneof(fc.integer({ min: 2, max: 5000 }), fc.integer({ min: 60000, max: 65400 })),
  mss: fc.integer({ min: 536, max: 9000 }),
  sequence: fc.oneof(fc.integer({ min: 0xffff_8000, max: 0xffff_ffff }), fc.nat()),
  flags: fc.nat({ max: 255 }),
  blank: fc.boolean(),
})

describe('Segmenter', () => {
  it('conserves payload, order and headers; every segment is whole and fits', () => {
    const segmenter = new Segmenter()
    fc.assert(
      fc.property(shape, ({ ip, vlan, length, mss, sequence, flags, blank }) => {
        writeBig({ ...ip, sequence, flags, gsoSize: mss, ...(vlan !== undefined && { vlan }) }, length)
        const payload = payloadOf(big)
        const before = big.bytes.slice()
        const gso = length > mss
        expect(segmentCount(big)).toBe(gso ? Math.ceil(length / mss) : 1)
        expect(segmenter.begin(big)).toBe(gso)
        expect(segmenter.count).toBe(gso ? big.segments : 0)
        let done = 0
        for (let k = 0; k < segmenter.count; k++) {
          expect(segmenter.write(k, small, blank)).toBe(true)
          expect(small.length).toBe(segmenter.lengthOf(k))
          expect(small.length).toBeLessThanOrEqual(segmenter.longest)
          expect(small).toMatchObject({
            segments: 1,
            gsoSize: 0,
            gsoType: 'none',
            checksum: blank ? 'blank' : 'none',
          })
          if (blank) expect(fillChecksum(small)).toBe(true)
          const part = payloadOf(small)
          expect(info).toMatchObject({
            result: 'whole',
            l4: true,
            sequence: (sequence + done) >>> 0,
            vlan: vlan ?? -1,
          })
          expect(info.payloadOffset + info.payloadLength).toBe(small.length)
          expect(Buffer.compare(part, payload.subarray(done, done + mss))).toBe(0)
          expect(verifyChecksum(small, info)).toBe(true)
          if (ip === v4) expect(verifyIpv4Checksum(small.view, small.offset + info.l3Offset)).toBe(true)
          const allowed = (k === 0 ? 0xff : 0x7f) & (k === segmenter.count - 1 ? 0xff : 0xf6)
          expect(info.tcpFlags).toBe(flags & allowed)
          done += part.length
        }
        if (gso) expect(done).toBe(length)
        expect(Buffer.compare(big.bytes, before)).toBe(0)
      }),
      { seed: 6, numRuns: 60 },
    )
  })

  it('gives the exact bytes: ids wrap, lengths are the segment, one header each', () => {
    const payload = Uint8Array.of(1, 2, 3, 4, 5)
    writeTcp(big, { ...v4, ...ports, sequence: 0xffffffff, flags: 0x99, gsoSize: 2, payload })
    const segmenter = new Segmenter()
    expect(segmenter.begin(big)).toBe(true)
    expect([segmenter.count, segmenter.headerLength, segmenter.longest]).toEqual([3, 54, 56])
    const lines = [0, 1, 2].map((k) => {
      segmenter.write(k, small)
      return Buffer.from(small.bytes.slice(small.offset + 16, small.offset + small.length)).toString('hex')
    })
    expect(lines.map((line) => line.slice(0, 8))).toEqual(['002afffe', '002affff', '00290000'])
    expect(lines.map((line) => line.slice(44, 52))).toEqual(['ffffffff', '00000001', '00000003'])
    expect(lines.map((line) => line.slice(62, 64))).toEqual(['90', '10', '19'])
    expect(lines.map((line) => line.slice(76))).toEqual(['0102', '0304', '05'])
  })

  it('writes in any order, keeps what the frame was known by', () => {
    writeBig({ gsoSize: 1448 }, 10_000)
    Object.assign(big, { id: 12, origin: 3, hash: 99 })
    const segmenter = new Segmenter()
    segmenter.begin(big)
    segmenter.write(6, small)
    expect(small).toMatchObject({ id: 12, origin: 3, hash: 99, length: 54 + 10_000 - 6 * 1448 })
    segmenter.write(0, small)
    expect(small.length).toBe(1502)
    expect(info.clear()).toBeUndefined()
    expect(Buffer.compare(payloadOf(small), payloadOf(big).subarray(0, 1448))).toBe(0)
  })

  it('refuses what is not there and what does not fit, and writes nothing', () => {
    writeBig({ gsoSize: 1000 }, 1500)
    const segmenter = new Segmenter()
    expect(segmenter.write(0, small)).toBe(false)
    segmenter.begin(big)
    const tight = new FramePool(privateArena(1056), { frames: 1, bytesEach: 1056, headroom: 8 }).take()!
    expect(segmenter.write(0, tight)).toBe(false)
    expect(tight.bytes.every((byte) => byte === 0)).toBe(true)
    expect(segmenter.write(1, tight)).toBe(true)
    expect([segmenter.write(2, small), segmenter.write(-1, small)]).toEqual([false, false])
    segmenter.end()
    expect([segmenter.write(0, small), segmenter.count, segmenter.longest]).toEqual([false, 0, 0])
  })

  it('cuts only what is TCP of the kind it claims to be', () => {
    const segmenter = new Segmenter()
    const wrong: (() => void)[] = [
      () => (big.gsoType = 'tcpv6'),
      () => (big.gsoType = 'none'),
      () => (big.gsoSize = 0),
      () => (big.gsoSize = -5),
      () => (big.length = 40),
      () => big.view.setUint8(big.offset + 23, 17),
      () => big.view.setUint16(big.offset + 20, 0x2000),
      () => big.view.setUint16(big.offset + 16, 40),
      () => big.view.setUint8(big.offset + 46, 0x40),
    ]
    for (const spoil of wrong) {
      writeBig({ gsoSize: 1000 }, 1500)
      spoil()
      expect([spoil.toString(), segmenter.begin(big)]).toEqual([spoil.toString(), false])
      expect([segmenter.count, segmentCount(big)]).toEqual([0, 1])
    }
    writeUdp(big, { ...v4, ...ports, payload: new Uint8Array(50) })
    Object.assign(big, { gsoSize: 10, gsoType: 'tcpv4' })
    expect(segmenter.begin(big)).toBe(false)
  })

  it('a source that changes between two segments spoils only its own bytes', () => {
    writeBig({ gsoSize: 500 }, 1500)
    const segmenter = new Segmenter()
    segmenter.begin(big)
    const guard = small.offset + 54 + 500
    const random = new Random('hostile')
    for (let round = 0; round < 300; round++) {
      random.fill(big.bytes, big.offset, 54)
      small.bytes.fill(0x5a)
      expect(segmenter.write(round % 3, small)).toBe(true)
      expect(small.length).toBe(554)
      expect(small.bytes[small.offset + 14]).toBe(0x45)
      expect(verifyIpv4Checksum(small.view, small.offset + 14)).toBe(true)
      expect(small.bytes[guard]).toBe(0x5a)
      expect(small.bytes[small.offset - 1]).toBe(0x5a)
    }
  })
})
