import type { Frame as PluginFrame } from '@netaccel/core'
import {
  Frame,
  fillChecksum,
  parseIp,
  parseMac,
  privateArena,
  wordsOf,
  writeIcmpEcho,
  writeTcp,
  writeUdp,
} from '@netaccel/packet'
import { describe, expect, it } from 'vitest'
import { AcceptTest } from './accept.js'
import { MacTable } from './mac-table.js'

const REMOTE = '00:16:3e:00:00:02'
const ends = {
  sourceMac: parseMac('00:16:3e:00:00:01'),
  destinationMac: parseMac(REMOTE),
  source: parseIp('10.0.0.1'),
  destination: parseIp('10.0.0.2'),
}
const ports = { sourcePort: 1000, destinationPort: 80 }

function newFrame(): Frame {
  const arena = privateArena(80_000)
  return new Frame(wordsOf(arena.bytes), 0, arena.length, 0, null)
}

function tcp(options: Partial<Parameters<typeof writeTcp>[1]> = {}): Frame {
  const frame = newFrame()
  writeTcp(frame, { ...ends, ...ports, sequence: 1, payloadLength: 100, blank: true, ...options })
  return frame
}

function udp(options: Partial<Parameters<typeof writeUdp>[1]> = {}): Frame {
  const frame = newFrame()
  writeUdp(frame, { ...ends, ...ports, payloadLength: 100, blank: true, ...options })
  return frame
}

function changed(frame: Frame, change: (frame: Frame) => void): Frame {
  change(frame)
  return frame
}

function test(frame: PluginFrame, before?: (accept: AcceptTest) => void): boolean {
  const macs = new MacTable()
  macs.learn(0x0016, 0x3e000002)
  const accept = new AcceptTest(macs, { reaches: (f) => f.length <= 65535 }, 1500)
  accept.open = true
  before?.(accept)
  return accept.test(frame)
}

describe('the accept test', () => {
  it('takes TCP and UDP over IPv4 to a learnt address', () => {
    expect([test(tcp()), test(udp()), test(tcp({ payloadLength: 1460 }))]).toEqual([true, true, true])
  })

  it('takes a finished checksum as it is', () => {
    expect(test(tcp({ blank: false }))).toBe(true)
    expect(test(changed(udp(), (frame) => fillChecksum(frame)))).toBe(true)
  })

  const foreign = { destinationMac: parseMac('00:16:3e:00:00:03') }
  const ip6 = { source: parseIp('fd00::1'), destination: parseIp('fd00::2') }
  const icmp = () =>
    changed(newFrame(), (frame) =>
      writeIcmpEcho(frame, { ...ends, echoId: 1, sequence: 1, payloadLength: 8 }),
    )
  const cannot: [string, () => Frame][] = [
    ['an address that was not learnt', () => tcp(foreign)],
    ['broadcast', () => udp({ destinationMac: parseMac('ff:ff:ff:ff:ff:ff') })],
    ['33 bytes', () => changed(tcp(), (frame) => (frame.length = 33))],
    ['a TCP header cut short', () => changed(tcp({ payloadLength: 0 }), (frame) => (frame.length = 50))],
    ['IPv6', () => tcp(ip6)],
    ['a VLAN tag', () => tcp({ vlan: 5 })],
    ['ICMP', icmp],
    ['a first fragment', () => changed(udp(), (frame) => frame.view.setUint16(20, 0x2000))],
    ['a later fragment', () => changed(udp(), (frame) => frame.view.setUint16(20, 10))],
    ['a frame above the MTU', () => tcp({ payloadLength: 1461 })],
    [
      'a blank checksum of a packet within (a tunnel)',
      () => changed(udp(), (frame) => frame.view.setUint16(40, 0)),
    ],
    ['padding that a blank checksum would cover', () => changed(tcp(), (frame) => (frame.length += 4))],
  ]
  it.each(cannot)('TX-06: declines %s', (_what, frame) => {
    expect(test(frame())).toBe(false)
  })

  it('takes GSO of TCP whose segments fit the wire', () => {
    const gso = tcp({ payloadLength: 60_000, gsoSize: 1460 })
    expect(test(gso)).toBe(true)
    expect(test(tcp({ payloadLength: 60_000, gsoSize: 1461 }))).toBe(false)
    expect(test(gso, (accept) => (accept.mtu = 1400))).toBe(false)
    expect(test(tcp({ payloadLength: 60_000, gsoSize: 100 }))).toBe(false)
    expect(test(tcp({ payloadLength: 65_495, gsoSize: 1460 }))).toBe(false)
  })

  it('TX-12: follows the MTU', () => {
    const frame = tcp({ payloadLength: 1460 })
    expect([test(frame), test(frame, (accept) => (accept.mtu = 1499))]).toEqual([true, false])
  })

  it('declines everything while it is shut', () => {
    expect(test(tcp(), (accept) => (accept.open = false))).toBe(false)
  })

  it('TX-06: changes nothing and throws at no bytes', () => {
    const frame = tcp()
    const before = Buffer.from(frame.bytes.subarray(0, 200)).toString('hex')
    for (let i = 0; i < 3; i++) expect(test(frame)).toBe(true)
    expect(Buffer.from(frame.bytes.subarray(0, 200)).toString('hex')).toBe(before)
    for (let length = 0; length <= frame.length; length++) {
      const short = tcp()
      short.length = length
      expect(test(short)).toBe(length === frame.length)
    }
  })
})
