import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseIp, parseMac } from './address.js'
import { writeTcp, writeUdp } from './build.js'
import { Frame } from './frame.js'
import { privateArena, wordsOf } from './memory.js'
import { PacketInfo, parsePacket } from './parse.js'
import { TCP_PSH } from './tcp.js'

/** A frame whose last byte is the last byte of its memory: a read beyond it throws. */
function atTheEnd(bytes: ArrayLike<number>): Frame {
  const memory = privateArena(bytes.length)
  memory.bytes.set(bytes)
  const frame = new Frame(wordsOf(memory.bytes), 0, bytes.length, 0, null)
  frame.length = bytes.length
  return frame
}

function hex(text: string): number[] {
  return [...Buffer.from(text.replaceAll(/\s/g, ''), 'hex')]
}

function parsed(bytes: ArrayLike<number>): PacketInfo {
  const info = new PacketInfo()
  expect(parsePacket(atTheEnd(bytes), info)).toBe(info.result === 'whole')
  return info
}

const MACS = '001122334455 66778899aabb'
const IP4 = 'c0000201 c6336407'
const IP6 = '20010db8000000000000000000000001 20010db8000000000000000000000002'
const TCP = '9c40 0050 00000009 00000007 5018 ffff 0000 0000'

describe('parsePacket', () => {
  it('reads TCP over IPv4, options and padding included', () => {
    const info = parsed(
      hex(`${MACS} 0800 46000034 1234 4000 40 06 0000 ${IP4} 01010100
           9c40 0050 80000009 90000007 6018 ffff 0000 0000 01010101 0a0b0c0d eeee`),
    )
    expect(Object.fromEntries(Object.entries(info))).toEqual({
      result: 'whole',
      etherType: 0x0800,
      vlan: -1,
      vlanTags: 0,
      l3Offset: 14,
      ipVersion: 4,
      ipHeaderLength: 24,
      ipLength: 52,
      protocol: 6,
      fragment: false,
      l4Offset: 38,
      l4: true,
      sourcePort: 40000,
      destinationPort: 80,
      tcpFlags: 0x18,
      sequence: 0x80000009,
      acknowledgement: 0x90000007,
      payloadOffset: 62,
      payloadLength: 4,
    })
    expect([info.isTcp, info.isUdp]).toEqual([true, false])
  })

  it('reads behind two tags and four kinds of extension header', () => {
    const info = parsed(
      hex(`${MACS} 88a8 a00a 8100 0014 86dd
           60000000 0030 00 40 ${IP6}
           3c00000000000000 2b00000000000000 3301000000000000 00000000 1100 00000000 0000 00350036 0008 0000`),
    )
    expect(info.result).toBe('bad-ip')
    const good = parsed(
      hex(`${MACS} 88a8 a00a 8100 0014 86dd
           60000000 002c 00 40 ${IP6}
           3c00000000000000 3300000000000000 2b01000000000000 00000000 1100000000000000 00350036 0008 0000`),
    )
    expect(good).toMatchObject({
      result: 'whole',
      vlan: 10,
      vlanTags: 2,
      l3Offset: 22,
      ipVersion: 6,
      protocol: 17,
    })
    expect(good).toMatchObject({
      ipHeaderLength: 76,
      l4Offset: 98,
      sourcePort: 53,
      destinationPort: 54,
      l4: true,
    })
    expect(good).toMatchObject({ payloadOffset: 106, payloadLength: 0 })
  })

  it.each([
    ['first', '2000', true],
    ['middle', '2001', true],
    ['last', '0001', true],
    ['no', '4000', false],
  ])('%s fragment over IPv4', (_which, word, fragment) => {
    const info = parsed(hex(`${MACS} 0800 45000028 1234 ${word} 40 06 0000 ${IP4} ${TCP}`))
    expect(info).toMatchObject({ result: 'whole', fragment, l4: !fragment, sourcePort: fragment ? 0 : 40000 })
    expect([info.payloadOffset, info.payloadLength]).toEqual(fragment ? [34, 20] : [54, 0])
  })

  it.each([
    ['first', '0001', true, 6],
    ['later', '0008', true, 6],
    ['atomic (RFC 6946)', '0000', false, 6],
  ])('%s fragment over IPv6', (_which, word, fragment, protocol) => {
    const info = parsed(hex(`${MACS} 86dd 60000000 001c 2c 40 ${IP6} 0600 ${word} 00000001 ${TCP}`))
    expect(info).toMatchObject({ result: 'whole', fragment, protocol, l4: !fragment, ipHeaderLength: 48 })
  })

  it('does not look for headers behind a later fragment', () => {
    const info = parsed(hex(`${MACS} 86dd 60000000 0008 2c 40 ${IP6} 0000 0008 00000001`))
    expect(info).toMatchObject({ result: 'whole', fragment: true, protocol: 0, payloadLength: 0 })
  })

  it.each([
    ['nothing', '', 'short-ethernet'],
    ['13 bytes', `${MACS} 08`, 'short-ethernet'],
    ['half a tag', `${MACS} 8100 0001`, 'short-ethernet'],
    ['three tags', `${MACS} 8100 0001 8100 0001 8100 0001 0800`, 'short-ethernet'],
    ['an unknown type', `${MACS} 88b5`, 'whole'],
    ['IPv4 of 19 bytes', `${MACS} 0800 45000014 0000 0000 40 06 0000 c0000201 c63364`, 'bad-ip'],
    ['IPv4 of version 5', `${MACS} 0800 55000014 0000 0000 40 01 0000 ${IP4}`, 'bad-ip'],
    ['an IPv4 header of 16 bytes', `${MACS} 0800 44000014 0000 0000 40 01 0000 ${IP4}`, 'bad-ip'],
    ['a total length below the header', `${MACS} 0800 45000013 0000 0000 40 01 0000 ${IP4}`, 'bad-ip'],
    ['a total length beyond the frame', `${MACS} 0800 45000015 0000 0000 40 01 0000 ${IP4}`, 'bad-ip'],
    ['an empty IPv4 packet', `${MACS} 0800 45000014 0000 0000 40 01 0000 ${IP4}`, 'whole'],
    ['a short TCP header', `${MACS} 0800 45000015 0000 0000 40 06 0000 ${IP4} 00`, 'bad-l4'],
    [
      'a TCP data offset of 4',
      `${MACS} 0800 45000028 0000 0000 40 06 0000 ${IP4} ${TCP.replace('5018', '4018')}`,
      'bad-l4',
    ],
    [
      'a TCP data offset of 6',
      `${MACS} 0800 45000028 0000 0000 40 06 0000 ${IP4} ${TCP.replace('5018', '6018')}`,
      'bad-l4',
    ],
    ['UDP of length 7', `${MACS} 0800 4500001c 0000 0000 40 11 0000 ${IP4} 00010002 0007 0000`, 'bad-l4'],
    [
      'UDP of length 9 in 8',
      `${MACS} 0800 4500001c 0000 0000 40 11 0000 ${IP4} 00010002 0009 0000`,
      'bad-l4',
    ],
    ['IPv6 of version 4', `${MACS} 86dd 40000000 0000 3b 40 ${IP6}`, 'bad-ip'],
    ['IPv6 beyond the frame', `${MACS} 86dd 60000000 0001 3b 40 ${IP6}`, 'bad-ip'],
    ['an extension header cut off', `${MACS} 86dd 60000000 0007 00 40 ${IP6} 3b000000000000`, 'bad-ip'],
    ['no byte of an extension header', `${MACS} 86dd 60000000 0000 00 40 ${IP6}`, 'bad-ip'],
    [
      'an extension header beyond the packet',
      `${MACS} 86dd 60000000 0008 00 40 ${IP6} 3b01000000000000`,
      'bad-ip',
    ],
    [
      'nine extension headers',
      `${MACS} 86dd 60000000 0048 00 40 ${IP6} ${'0000000000000000'.repeat(9)}`,
      'bad-ip',
    ],
  ] as const)('%s', (_what, bytes, result) => {
    expect(parsed(hex(bytes)).result).toBe(result)
  })

  const link = { sourceMac: parseMac('00:16:3e:00:00:01'), destinationMac: parseMac('00:16:3e:00:00:02') }
  const v4 = { ...link, source: parseIp('192.0.2.1'), destination: parseIp('192.0.2.2') }
  const v6 = { ...link, vlan: 7, source: parseIp('2001:db8::1'), destination: parseIp('2001:db8::2') }

  function sample(kind: number): Uint8Array {
    const memory = privateArena(256)
    const frame = new Frame(wordsOf(memory.bytes), 0, 256, 0, null)
    const ports = {
      sourcePort: 1,
      destinationPort: 2,
      sequence: 3,
      payload: new Uint8Array(30),
      flags: TCP_PSH,
    }
    if (kind < 2) writeTcp(frame, { ...(kind === 0 ? v4 : v6), ...ports })
    else writeUdp(frame, { ...(kind === 2 ? v4 : v6), ...ports })
    return memory.bytes.slice(0, frame.length)
  }

  it('never throws, never reads outside and never points outside, whatever the bytes are', () => {
    const damaged = fc
      .tuple(
        fc.nat({ max: 3 }),
        fc.array(fc.tuple(fc.nat({ max: 100 }), fc.nat({ max: 255 })), { maxLength: 6 }),
      )
      .chain(([kind, changes]) => {
        const bytes = sample(kind)
        for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value
        return fc.nat({ max: bytes.length }).map((cut) => bytes.slice(0, bytes.length - (cut > 60 ? 0 : cut)))
      })
    const info = new PacketInfo()
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 120 }), damaged), (bytes) => {
        const good = parsePacket(atTheEnd(bytes), info)
        expect(good).toBe(info.result === 'whole')
        const { l3Offset, ipLength, ipHeaderLength, l4Offset, payloadOffset, payloadLength } = info
        expect(payloadLength).toBeGreaterThanOrEqual(0)
        expect(payloadOffset + payloadLength).toBeLessThanOrEqual(bytes.length)
        if (info.ipVersion === 0) return
        expect(l3Offset + ipLength).toBeLessThanOrEqual(bytes.length)
        expect(l4Offset).toBe(l3Offset + ipHeaderLength)
        expect(payloadOffset + payloadLength).toBeLessThanOrEqual(l3Offset + ipLength)
        expect(payloadOffset).toBeGreaterThanOrEqual(l4Offset)
      }),
      { seed: 3, numRuns: 3000 },
    )
  })

  it('forgets the last frame', () => {
    const info = new PacketInfo()
    parsePacket(atTheEnd(sample(1)), info)
    expect(info.l4).toBe(true)
    parsePacket(atTheEnd([1, 2, 3]), info)
    expect(info).toEqual(new PacketInfo())
  })
})
