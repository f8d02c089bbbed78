import {
  ARP_REQUEST,
  FramePool,
  PacketInfo,
  parseIp,
  parseMac,
  parsePacket,
  privateArena,
  tcpHeaders,
  udpHeaders,
  verifyChecksum,
  writeArp,
  writeTcp,
  writeUdp,
} from '@netaccel/packet'
import type { Frame } from '@netaccel/packet'
import { describe, expect, it } from 'vitest'
import { XEN_NETIF_GSO_TYPE_TCPV4, XEN_NETIF_GSO_TYPE_TCPV6 } from './netif.js'
import { applyOffload } from './netif-offload.js'
import type { RingOffload } from './netif-offload.js'

const link = { sourceMac: parseMac('00:16:3e:00:00:01'), destinationMac: parseMac('00:16:3e:00:00:02') }
const v4 = { ...link, source: parseIp('192.0.2.1'), destination: parseIp('192.0.2.2') }
const v6 = { ...link, source: parseIp('2001:db8::1'), destination: parseIp('2001:db8::2') }
const ports = { sourcePort: 1000, destinationPort: 2000, sequence: 1 }

const pool = new FramePool(privateArena(2 * 4096), { frames: 1, bytesEach: 8192, headroom: 2 })
const info = new PacketInfo()
const says = (said: Partial<RingOffload>): RingOffload => ({
  blank: false,
  verified: false,
  gsoSize: 0,
  gsoType: 0,
  ...said,
})

/** What a driver holds after it has copied a packet in: bytes, and nothing known about them. */
function received(write: (frame: Frame) => void): Frame {
  const frame = pool.take()!
  write(frame)
  frame.checksum = 'none'
  frame.gsoSize = 0
  frame.gsoType = 'none'
  frame.segments = 1
  frame.release()
  return frame
}

const tcp4 = (payloadLength: number): Frame =>
  received((frame) => writeTcp(frame, { ...v4, ...ports, payloadLength }))
const tcp6 = (payloadLength: number): Frame =>
  received((frame) => writeTcp(frame, { ...v6, ...ports, payloadLength }))
const udp4 = (): Frame => received((frame) => writeUdp(frame, { ...v4, ...ports, payloadLength: 100 }))
const arp = (): Frame =>
  received((frame) =>
    writeArp(frame, {
      ...link,
      operation: ARP_REQUEST,
      senderIp: v4.source,
      targetIp: v4.destination,
    }),
  )

describe('applyOffload', () => {
  it('takes a packet without a claim as it is, whatever it holds', () => {
    const frame = arp()
    expect([applyOffload(frame, says({}), info), frame.checksum]).toEqual(['ok', 'none'])
    expect([applyOffload(frame, says({ verified: true }), info), frame.checksum]).toEqual(['ok', 'verified'])
  })

  it('finds the field of a blank checksum by the headers', () => {
    const tcp = tcp6(10)
    expect(applyOffload(tcp, says({ blank: true }), info)).toBe('ok')
    expect([tcp.checksum, tcp.checksumStart, tcp.checksumOffset]).toEqual(['blank', 14 + 40, 16])
    const udp = udp4()
    expect(applyOffload(udp, says({ blank: true, verified: true }), info)).toBe('ok')
    expect([udp.checksum, udp.checksumStart, udp.checksumOffset]).toEqual(['blank', 14 + 20, 6])
  })

  it('refuses a blank checksum where no field is', () => {
    expect(applyOffload(arp(), says({ blank: true }), info)).toBe('bad-checksum')
    const cut = udp4()
    cut.length = udpHeaders(v4) - 1
    expect(applyOffload(cut, says({ blank: true }), info)).toBe('bad-checksum')
  })

  it.each([
    ['tcpv4', tcp4, XEN_NETIF_GSO_TYPE_TCPV4, XEN_NETIF_GSO_TYPE_TCPV6],
    ['tcpv6', tcp6, XEN_NETIF_GSO_TYPE_TCPV6, XEN_NETIF_GSO_TYPE_TCPV4],
  ] as const)('marks %s to be cut, and refuses the type of the other version', (name, make, right, wrong) => {
    const frame = make(2001)
    expect(applyOffload(frame, says({ blank: true, gsoSize: 1000, gsoType: right }), info)).toBe('ok')
    expect([frame.gsoType, frame.gsoSize, frame.segments]).toEqual([name, 1000, 3])
    expect(applyOffload(make(2001), says({ blank: true, gsoSize: 1000, gsoType: wrong }), info)).toBe(
      'bad-gso',
    )
  })

  it('makes the finished checksum of a packet to be cut blank', () => {
    const frame = tcp4(3000)
    expect(parsePacket(frame, info) && verifyChecksum(frame, info)).toBe(true)
    const said = says({ gsoSize: 1000, gsoType: XEN_NETIF_GSO_TYPE_TCPV4 })
    expect([applyOffload(frame, said, info), frame.checksum, frame.segments]).toEqual(['fixed', 'blank', 3])
  })

  it('refuses to cut what is no TCP, has no payload, or into segments below the least MSS', () => {
    const cut = (frame: Frame, gsoSize: number): string =>
      applyOffload(frame, says({ blank: true, gsoSize, gsoType: XEN_NETIF_GSO_TYPE_TCPV4 }), info)
    expect(cut(arp(), 1000)).toBe('bad-gso')
    expect(cut(udp4(), 1000)).toBe('bad-gso')
    expect(cut(tcp4(0), 1000)).toBe('bad-gso')
    expect(cut(tcp4(1000), 47)).toBe('bad-gso')
    expect(cut(tcp4(1000), 48)).toBe('ok')
    const headless = tcp4(1000)
    headless.length = tcpHeaders(v4) - 1
    expect(cut(headless, 1000)).toBe('bad-gso')
  })
})
