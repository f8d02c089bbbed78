import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseIp, parseMac } from './address.js'
import type { TcpOptions } from './build.js'
import { tcpHeaders, writeTcp, writeUdp } from './build.js'
import { Coalescer } from './coalesce.js'
import type { Frame } from './frame.js'
import { FramePool } from './frame-pool.js'
import { privateArena } from './memory.js'
import { Random } from './random.js'
import { Segmenter } from './segment.js'
import { TCP_ACK, TCP_CWR, TCP_ECE, TCP_FIN, TCP_PSH, TCP_SYN, TCP_URG } from './tcp.js'

const link = { sourceMac: parseMac('00:16:3e:00:00:01'), destinationMac: parseMac('00:16:3e:00:00:02') }
const v4 = { ...link, source: parseIp('192.0.2.1'), destination: parseIp('192.0.2.2'), ipId: 0xfffe }
const v6 = { ...link, source: parseIp('2001:db8::1'), destination: parseIp('2001:db8::2') }
const ports = { sourcePort: 1000, destinationPort: 2000 }

const pool = new FramePool(privateArena(4 * 17 * 4096), { frames: 4, bytesEach: 65600, headroom: 6 })
const [big, head, next] = [pool.take()!, pool.take()!, pool.take()!]

function bytesOf(frame: Frame): string {
  return Buffer.from(frame.bytes.slice(frame.offset, frame.offset + frame.length)).toString('hex')
}

/** Two segments that follow each other, the second changed as told; 100 bytes of payload each. */
function pair(first: Partial<TcpOptions>, second: Partial<TcpOptions> = {}): void {
  const base = { ...v4, ...ports, sequence: 0xffffff9c, payload: new Uint8Array(100).fill(1) }
  writeTcp(head, { ...base, ...first })
  writeTcp(next, { ...base, sequence: 0, ipId: 0xffff, ...second })
  head.checksum = 'verified'
  next.checksum = 'verified'
}

describe('Coalescer', () => {
  it('gives back what the Segmenter cut, to the byte', () => {
    const shape = fc.record({
      ip: fc.constantFrom<Partial<TcpOptions>>(v4, v6),
      length: fc.oneof(fc.integer({ min: 600, max: 9000 }), fc.integer({ min: 64000, max: 65400 })),
      mss: fc.integer({ min: 500, max: 4000 }),
      sequence: fc.nat(),
      flags: fc.constantFrom(
        TCP_ACK,
        TCP_ACK | TCP_PSH,
        TCP_ACK | TCP_FIN | TCP_CWR | TCP_ECE,
        TCP_ACK | TCP_CWR,
      ),
      blank: fc.boolean(),
    })
    const segmenter = new Segmenter()
    const coalescer = new Coalescer()
    fc.assert(
      fc.property(shape, ({ ip, length, mss, sequence, flags, blank }) => {
        const options = { ...v4, ...ports, ...ip, sequence, flags, gsoSize: mss, payloadLength: length }
        new Random(length).fill(big.bytes, big.offset + tcpHeaders(options), length)
        writeTcp(big, options)
        if (!segmenter.begin(big)) return
        segmenter.write(0, head, blank)
        if (!blank) head.checksum = 'verified'
        expect(coalescer.begin(head)).toBe(true)
        for (let k = 1; k < segmenter.count; k++) {
          expect(coalescer.closed).toBe(false)
          segmenter.write(k, next, blank)
          if (!blank) next.checksum = 'verified'
          expect(coalescer.add(next)).toBe(true)
        }
        expect(coalescer.segments).toBe(segmenter.count)
        expect(coalescer.finish()).toBe(head)
        expect(bytesOf(head)).toBe(bytesOf(big))
        const { gsoSize, gsoType, segments, checksum, checksumStart, checksumOffset } = big
        expect(head).toMatchObject({ gsoSize, gsoType, segments, checksum, checksumStart, checksumOffset })
      }),
      { seed: 9, numRuns: 60 },
    )
  })

  it.each<[string, Partial<TcpOptions>, Partial<TcpOptions>]>([
    ['a gap', {}, { sequence: 1 }],
    ['an old segment', {}, { sequence: 0xffffff9c }],
    ['another flow', {}, { sourcePort: 1001 }],
    ['another destination port', {}, { destinationPort: 2001 }],
    ['another source', {}, { source: parseIp('192.0.2.9') }],
    ['another destination', {}, { destination: parseIp('192.0.2.9') }],
    ['another MAC', {}, { sourceMac: link.destinationMac }],
    ['another VLAN', { vlan: 1 }, { vlan: 2 }],
    ['a tag where there was none', {}, { vlan: 1 }],
    ['another IP version', {}, v6],
    ['another acknowledgement', {}, { acknowledgement: 1 }],
    ['another window', {}, { window: 5 }],
    ['another TTL', {}, { ttl: 63 }],
    ['another hop limit', v6, { ...v6, ttl: 63 }],
    ['an IPv4 id out of order', {}, { ipId: 0xfffe }],
    ['CWR', {}, { flags: TCP_ACK | TCP_CWR }],
    ['ECE', {}, { flags: TCP_ACK | TCP_ECE }],
    ['SYN', {}, { flags: TCP_ACK | TCP_SYN }],
    ['URG', {}, { flags: TCP_ACK | TCP_URG }],
    ['no ACK', {}, { flags: TCP_PSH }],
    ['no payload', {}, { payload: new Uint8Array(0) }],
    ['a longer segment', {}, { payload: new Uint8Array(101) }],
  ])('does not merge %s, and changes nothing', (_what, first, second) => {
    pair(first, second)
    const before = bytesOf(head)
    const coalescer = new Coalescer()
    expect(coalescer.begin(head)).toBe(true)
    expect(coalescer.add(next)).toBe(false)
    expect(coalescer.segments).toBe(1)
    expect(coalescer.finish()).toBe(head)
    expect(bytesOf(head)).toBe(before)
    expect(head).toMatchObject({ segments: 1, gsoSize: 0, checksum: 'verified' })
  })

  it('merges the pair that all of those differ from', () => {
    for (const ip of [v4, v6]) {
      pair(ip, { ...ip, ipId: 0xffff })
      const coalescer = new Coalescer()
      coalescer.begin(head)
      expect(coalescer.add(next)).toBe(true)
      expect(coalescer.finish()).toMatchObject({ segments: 2, gsoSize: 100, checksum: 'blank' })
    }
  })

  it.each<[string, Partial<TcpOptions>]>([
    ['PSH', { flags: TCP_ACK | TCP_PSH }],
    ['FIN', { flags: TCP_ACK | TCP_FIN }],
    ['a short segment', { payload: new Uint8Array(99) }],
  ])('is closed behind %s', (_what, second) => {
    pair({}, second)
    const coalescer = new Coalescer()
    coalescer.begin(head)
    expect(coalescer.add(next)).toBe(true)
    expect(coalescer.closed).toBe(true)
    expect(coalescer.add(next)).toBe(false)
    expect(coalescer.finish()!.segments).toBe(2)
  })

  it('does not begin with what cannot grow', () => {
    const coalescer = new Coalescer()
    const wrong: (() => void)[] = [
      () => (head.checksum = 'none'),
      () => (head.gsoSize = 50),
      () => (head.segments = 2),
      () => (head.length = 60),
      () => head.view.setUint8(head.offset + 47, TCP_SYN),
      () => head.view.setUint16(head.offset + 20, 0x2000),
      () => writeUdp(head, { ...v4, ...ports, payloadLength: 10 }),
    ]
    for (const spoil of wrong) {
      pair({})
      spoil()
      expect([spoil.toString(), coalescer.begin(head)]).toEqual([spoil.toString(), false])
      expect([coalescer.closed, coalescer.add(next), coalescer.finish()]).toEqual([true, false, null])
    }
    pair({ flags: TCP_ACK | TCP_PSH })
    expect([coalescer.begin(head), coalescer.closed]).toEqual([true, true])
  })

  it('stops at the end of the buffer and at 64 KiB', () => {
    const tight = new FramePool(privateArena(256), { frames: 1, bytesEach: 256, headroom: 3 }).take()!
    writeTcp(tight, { ...v4, ...ports, sequence: 0, payload: new Uint8Array(100) })
    writeTcp(next, { ...v4, ...ports, sequence: 100, ipId: 0xffff, payload: new Uint8Array(100) })
    tight.checksum = next.checksum = 'verified'
    const coalescer = new Coalescer()
    coalescer.begin(tight)
    expect(coalescer.add(next)).toBe(false)

    const options = { ...v4, ...ports, payloadLength: 22000 }
    writeTcp(head, { ...options, sequence: 0, ipId: 1 })
    head.checksum = 'verified'
    coalescer.begin(head)
    const added = [1, 2].map((k) => {
      writeTcp(next, { ...options, sequence: 22000 * k, ipId: 1 + k })
      next.checksum = 'verified'
      return coalescer.add(next)
    })
    expect(added).toEqual([true, false])
    expect(coalescer.finish()!.length).toBe(54 + 44000)
  })

  it('cuts off padding before it appends', () => {
    pair({ payload: new Uint8Array(2).fill(7) }, { sequence: 0xffffff9e, payload: Uint8Array.of(8) })
    head.length = 60
    next.length = 60
    const coalescer = new Coalescer()
    coalescer.begin(head)
    expect(coalescer.add(next)).toBe(true)
    expect(bytesOf(coalescer.finish()!).slice(108)).toBe('070708')
  })
})
