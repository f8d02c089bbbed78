import { describe, expect, it } from 'vitest'
import { parseIp, parseMac } from './address.js'
import {
  ARP_REPLY,
  ARP_REQUEST,
  isGratuitousArp,
  isIpv4Arp,
  readArpOperation,
  readArpTargetIp,
} from './arp.js'
import { echoHeaders, tcpHeaders, udpHeaders, writeArp, writeIcmpEcho, writeTcp, writeUdp } from './build.js'
import { foldSum, pseudoSum6, sumBytes, verifyChecksum } from './checksum.js'
import { isBroadcastMac, isMulticastMac, macEquals } from './ethernet.js'
import type { Frame } from './frame.js'
import { FramePool } from './frame-pool.js'
import { readEchoId, readEchoSequence, readIcmpType } from './icmp.js'
import { privateArena } from './memory.js'
import { PacketInfo, parsePacket } from './parse.js'
import { TCP_SYN } from './tcp.js'

const link = { sourceMac: parseMac('00:16:3e:00:00:01'), destinationMac: parseMac('00:16:3e:00:00:02') }
const v4 = { ...link, source: parseIp('192.0.2.1'), destination: parseIp('192.0.2.2') }
const v6 = { ...link, source: parseIp('2001:db8::1'), destination: parseIp('2001:db8::2') }
const info = new PacketInfo()

function frameOf(bytesEach = 256, headroom = 2): Frame {
  return new FramePool(privateArena(bytesEach), { frames: 1, bytesEach, headroom }).take()!
}

function text(frame: Frame): string {
  return Buffer.from(frame.bytes.slice(frame.offset, frame.offset + frame.length)).toString('hex')
}

function packed(parts: string): string {
  return parts.replaceAll(/\s/g, '')
}

describe('frames for generators and tests', () => {
  it('TCP, to the byte', () => {
    const frame = frameOf()
    const options = { ...v4, sourcePort: 0x9c40, destinationPort: 80, sequence: 1, flags: TCP_SYN, ipId: 7 }
    writeTcp(frame, { ...options, payload: Uint8Array.of(0xab) })
    // The checksums were worked out apart from this code, word by word.
    expect(text(frame)).toBe(
      packed(`00163e000002 00163e000001 0800
        4500 0029 0007 4000 4006 b6c4 c0000201 c0000202
        9c40 0050 00000001 00000000 5002 ffff e44b 0000 ab`),
    )
    parsePacket(frame, info)
    expect(verifyChecksum(frame, info)).toBe(true)
  })

  it('UDP over IPv6 with a tag, to the byte', () => {
    const frame = frameOf()
    writeUdp(frame, {
      ...v6,
      vlan: 5,
      sourcePort: 53,
      destinationPort: 54,
      ttl: 255,
      payload: Uint8Array.of(1, 2),
    })
    expect(text(frame)).toBe(
      packed(`00163e000002 00163e000001 8100 0005 86dd
        60000000 000a 11 ff 20010db8000000000000000000000001 20010db8000000000000000000000002
        0035 0036 000a a2f8 0102`),
    )
    parsePacket(frame, info)
    expect([verifyChecksum(frame, info), info.vlan, info.payloadLength]).toEqual([true, 5, 2])
  })

  it('ARP, to the byte', () => {
    const frame = frameOf()
    const options = { ...link, operation: ARP_REQUEST, senderIp: v4.source, targetIp: v4.destination }
    writeArp(frame, options)
    expect(text(frame)).toBe(
      packed(`00163e000002 00163e000001 0806 0001 0800 06 04 0001
        00163e000001 c0000201 000000000000 c0000202`),
    )
    writeArp(frame, { ...options, operation: ARP_REPLY, targetMac: link.destinationMac, targetIp: v4.source })
    const at = frame.offset + 14
    expect([isIpv4Arp(frame.view, at), readArpOperation(frame.view, at)]).toEqual([true, 2])
    expect([isGratuitousArp(frame.view, at), readArpTargetIp(frame.view, at)]).toEqual([true, 0xc0000201])
    expect(macEquals(frame.view, at + 18, link.destinationMac)).toBe(true)
  })

  it.each([
    ['ICMP', v4, false, 8],
    ['ICMP', v4, true, 0],
    ['ICMPv6', v6, false, 128],
    ['ICMPv6', v6, true, 129],
  ])('%s echo: right type, number and checksum', (_what, ip, reply, type) => {
    const frame = frameOf()
    writeIcmpEcho(frame, { ...ip, reply, echoId: 0x1234, sequence: 9, payload: Uint8Array.of(1, 2, 3) })
    parsePacket(frame, info)
    const at = frame.offset + info.l4Offset
    expect([
      readIcmpType(frame.view, at),
      readEchoId(frame.view, at),
      readEchoSequence(frame.view, at),
    ]).toEqual([type, 0x1234, 9])
    const pseudo = ip === v6 ? pseudoSum6(frame.view, frame.offset + 14, 58, 11) : 0
    expect(foldSum(pseudo + sumBytes(frame.words, at, 11))).toBe(0xffff)
  })

  it('takes a payload that already lies in the frame, or fills up a short one with zeros', () => {
    const frame = frameOf()
    const options = { ...v4, sourcePort: 1, destinationPort: 2, sequence: 3, payloadLength: 4 }
    expect([tcpHeaders(options), udpHeaders(v6), echoHeaders({ ...v4, vlan: 0 })]).toEqual([54, 62, 46])
    frame.bytes.set([9, 8, 7, 6], frame.offset + 54)
    writeTcp(frame, options)
    expect(text(frame).slice(-8)).toBe('09080706')
    parsePacket(frame, info)
    expect(verifyChecksum(frame, info)).toBe(true)
    writeTcp(frame, { ...options, payload: Uint8Array.of(5) })
    expect(text(frame).slice(-8)).toBe('05000000')
  })

  it('describes a GSO frame, and forgets it for the next', () => {
    const frame = frameOf(8192)
    const options = {
      ...v6,
      sourcePort: 1,
      destinationPort: 2,
      sequence: 3,
      gsoSize: 1000,
      payloadLength: 2001,
    }
    writeTcp(frame, options)
    expect(frame).toMatchObject({ gsoSize: 1000, gsoType: 'tcpv6', segments: 3, checksum: 'blank' })
    expect(frame).toMatchObject({ checksumStart: 54, checksumOffset: 16 })
    writeTcp(frame, { ...options, payloadLength: 1000 })
    expect(frame).toMatchObject({
      gsoSize: 0,
      gsoType: 'none',
      segments: 1,
      checksum: 'none',
      checksumStart: 0,
    })
  })

  it('refuses what does not fit the buffer or an IP packet', () => {
    const options = { ...v4, sourcePort: 1, destinationPort: 2, sequence: 3, payloadLength: 201 }
    expect(() => writeTcp(frameOf(), options)).toThrow('a frame of 255 bytes does not fit the 254 bytes')
    writeTcp(frameOf(), { ...options, payloadLength: 200 })
    expect(() => writeTcp(frameOf(1 << 17), { ...options, payloadLength: 65536 - 40 })).toThrow(
      'do not fit an IP',
    )
    writeTcp(frameOf(1 << 17), { ...options, payloadLength: 65535 - 40 })
    expect(() => writeTcp(frameOf(1 << 17), { ...options, ...v6, payloadLength: 65536 - 20 })).toThrow(
      'do not fit',
    )
    writeTcp(frameOf(1 << 17), { ...options, ...v6, payloadLength: 65535 - 20 })
  })

  it('tells group addresses', () => {
    const frame = frameOf()
    frame.bytes.set([
      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0, 0x5e, 0, 0, 1, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff,
    ])
    expect([0, 6, 12].map((at) => [isMulticastMac(frame.view, at), isBroadcastMac(frame.view, at)])).toEqual([
      [true, true],
      [true, false],
      [false, false],
    ])
  })
})
