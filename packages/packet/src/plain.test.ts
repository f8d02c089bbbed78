import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseIp, parseMac } from './address.js'
import { tcpHeaders, udpHeaders, writeTcp, writeUdp } from './build.js'
import { Frame } from './frame.js'
import { FramePool } from './frame-pool.js'
import { privateArena, wordsOf } from './memory.js'
import { PacketInfo, parsePacket } from './parse.js'
import { PLAIN_L4, plainIsTcp, plainPayload, plainTransport } from './plain.js'

const link = { sourceMac: parseMac('00:16:3e:00:00:01'), destinationMac: parseMac('00:16:3e:00:00:02') }
const v4 = { ...link, source: parseIp('192.0.2.1'), destination: parseIp('192.0.2.2') }
const v6 = { ...link, source: parseIp('2001:db8::1'), destination: parseIp('2001:db8::2') }
const ports = { sourcePort: 1000, destinationPort: 2000, sequence: 1 }
const pool = new FramePool(privateArena(4096), { frames: 1, bytesEach: 4096 })
const info = new PacketInfo()

/** A frame whose last byte is the last byte of its memory: a read beyond it throws. */
function atTheEnd(bytes: Uint8Array): Frame {
  const memory = privateArena(bytes.length)
  memory.bytes.set(bytes)
  const frame = new Frame(wordsOf(memory.bytes), 0, bytes.length, 0, null)
  frame.length = bytes.length
  return frame
}

function bytesOf(write: (frame: Frame) => void): Uint8Array {
  const frame = pool.take()!
  write(frame)
  const bytes = frame.bytes.slice(frame.offset, frame.offset + frame.length)
  frame.release()
  return bytes
}

/** What the general parser says of a plain frame, in the words of the fast lane; -1 of any other. */
function byParser(frame: Frame): number {
  if (!parsePacket(frame, info) || !info.l4) return -1
  if (info.vlanTags > 0 || info.ipVersion !== 4 || info.ipHeaderLength !== 20) return -1
  expect(info.l4Offset).toBe(PLAIN_L4)
  return info.payloadLength * 2 + (info.isTcp ? 1 : 0)
}

const plain = [
  bytesOf((frame) => writeUdp(frame, { ...v4, ...ports, payloadLength: 30 })),
  bytesOf((frame) => writeUdp(frame, { ...v4, ...ports, payloadLength: 0 })),
  bytesOf((frame) => writeTcp(frame, { ...v4, ...ports, payloadLength: 30 })),
  bytesOf((frame) => writeTcp(frame, { ...v4, ...ports, payloadLength: 0 })),
]
const other = [
  bytesOf((frame) => writeTcp(frame, { ...v6, ...ports, payloadLength: 30 })),
  bytesOf((frame) => writeTcp(frame, { ...v4, ...ports, payloadLength: 30, vlan: 7 })),
]

describe('plainTransport', () => {
  it('reads the payload of TCP and UDP, and leaves the rest to the parser', () => {
    const found = [...plain, ...other].map((bytes) => plainTransport(atTheEnd(bytes)))
    expect(found.slice(0, 4).map((each) => [plainIsTcp(each), plainPayload(each)])).toEqual([
      [false, 30],
      [false, 0],
      [true, 30],
      [true, 0],
    ])
    expect(found.slice(4)).toEqual([-1, -1])
    expect([tcpHeaders({ ...v4, ...ports }), udpHeaders({ ...v4, ...ports })]).toEqual([54, 42])
  })

  it('says of every frame, however damaged, what the parser says', () => {
    const damage = fc.array(fc.tuple(fc.nat({ max: 63 }), fc.integer({ min: 0, max: 255 })), { maxLength: 3 })
    const cuts = fc.oneof(fc.constant(0), fc.nat({ max: 24 }))
    let plainOnes = 0
    fc.assert(
      fc.property(fc.constantFrom(...plain, ...other), damage, cuts, (good, changes, cut) => {
        const bytes = good.slice(0, good.length - cut)
        for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value
        const frame = atTheEnd(bytes)
        const said = plainTransport(frame)
        expect(said).toBe(byParser(frame))
        if (said >= 0) plainOnes++
      }),
      { seed: 71, numRuns: 5000 },
    )
    expect(plainOnes).toBeGreaterThan(500)
  })

  it('says of random bytes behind a plain beginning what the parser says', () => {
    const tail = fc.uint8Array({ minLength: 0, maxLength: 60 })
    fc.assert(
      fc.property(fc.constantFrom(...plain), fc.nat({ max: 60 }), tail, (good, keep, end) => {
        const bytes = Uint8Array.from([...good.slice(0, keep), ...end])
        const frame = atTheEnd(bytes)
        expect(plainTransport(frame)).toBe(byParser(frame))
      }),
      { seed: 72, numRuns: 3000 },
    )
  })

  it('says of every one-byte change of the headers what the parser says', () => {
    const differ: string[] = []
    for (const good of plain) {
      for (let at = 12; at < 48; at++) {
        for (let value = 0; value < 256; value++) {
          const bytes = Uint8Array.from(good)
          bytes[at] = value
          const frame = atTheEnd(bytes)
          if (plainTransport(frame) !== byParser(frame)) differ.push(`${at}: ${value}`)
        }
      }
    }
    expect(differ).toEqual([])
  })
})
