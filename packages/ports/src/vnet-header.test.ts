import { FramePool, poolBytes, privateArena, writeTcp, parseIp, parseMac } from '@netaccel/packet'
import type { Frame } from '@netaccel/packet'
import { describe, expect, it } from 'vitest'
import { readVnetHeader, VNET_HEADER, writeVnetHeader } from './vnet-header.js'

const pool = new FramePool(privateArena(poolBytes(4, 69_632) + 4096), { frames: 4, bytesEach: 69_632 })

/** A TCP frame with 32 bytes of TCP header, as the kernel sends it: timestamps are on. */
function tcpFrame(payload: number): Frame {
  const frame = pool.take() as Frame
  writeTcp(frame, {
    sourceMac: parseMac('00:16:3e:00:00:01'),
    destinationMac: parseMac('00:16:3e:00:00:02'),
    source: parseIp('10.77.0.1'),
    destination: parseIp('10.77.0.2'),
    sourcePort: 5201,
    destinationPort: 40_000,
    sequence: 1,
    payload: new Uint8Array(payload + 12),
  })
  // The first 12 bytes of the payload become the option space of the header.
  frame.view.setUint8(frame.offset + 34 + 12, 0x80)
  return frame
}

function header(hex: string): DataView {
  const bytes = Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'))
  return new DataView(bytes.buffer)
}

function written(frame: Frame): string {
  const bytes = new Uint8Array(VNET_HEADER).fill(0xee)
  writeVnetHeader(new DataView(bytes.buffer), 0, frame)
  return Buffer.from(bytes).toString('hex')
}

// As seen on a TAP of Linux 6.18 with 10-byte headers and TUN_F_CSUM | TSO4 | TSO6.
const DATA = '01 01 4200 a805 2200 1000'
const ACK = '01 00 0000 0000 2200 1000'
const ARP = '00 00 0000 0000 0000 0000'

describe('a frame from the kernel', () => {
  it('is 64 KiB of TCP that is left to us to cut', () => {
    const frame = tcpFrame(1448 * 44 + 7)
    expect(readVnetHeader(header(DATA), 0, frame)).toBe(true)
    expect(frame).toMatchObject({ checksum: 'blank', checksumStart: 34, checksumOffset: 16 })
    expect(frame).toMatchObject({ gsoType: 'tcpv4', gsoSize: 1448, segments: 45 })
    frame.release()
  })

  it('is an acknowledgement whose checksum is left to us', () => {
    const frame = tcpFrame(0)
    expect(readVnetHeader(header(ACK), 0, frame)).toBe(true)
    expect(frame).toMatchObject({ checksum: 'blank', checksumStart: 34, checksumOffset: 16 })
    expect(frame).toMatchObject({ gsoType: 'none', gsoSize: 0, segments: 1 })
    frame.release()
  })

  it('is an ordinary frame, whatever the frame stood for before', () => {
    const frame = tcpFrame(0)
    Object.assign(frame, { gsoType: 'tcpv6', gsoSize: 9, segments: 7, checksum: 'blank' })
    expect(readVnetHeader(header(ARP), 0, frame)).toBe(true)
    expect(frame).toMatchObject({ checksum: 'none', gsoType: 'none', gsoSize: 0, segments: 1 })
    frame.release()
  })

  it('was verified', () => {
    const frame = tcpFrame(0)
    expect(readVnetHeader(header('02 00 0000 0000 0000 0000'), 0, frame)).toBe(true)
    expect(frame.checksum).toBe('verified')
    frame.release()
  })

  it('keeps its kind of segmentation when the ECN bit is beside it', () => {
    const frame = tcpFrame(3000)
    expect(readVnetHeader(header('01 81 4200 a805 2200 1000'), 0, frame)).toBe(true)
    expect(frame).toMatchObject({ gsoType: 'tcpv4', segments: 3 })
    frame.release()
  })

  it.each([
    ['a checksum behind its end', '01 00 0000 0000 f0ff 1000'],
    ['a segment size of 0', '01 01 4200 0000 2200 1000'],
    ['a kind that was not asked for (UDP)', '01 03 4200 a805 2200 1000'],
  ])('does not fit a header with %s', (_what, hex) => {
    const frame = tcpFrame(100)
    expect(readVnetHeader(header(hex), 0, frame)).toBe(false)
    expect(frame).toMatchObject({ gsoType: 'none', gsoSize: 0, segments: 1 })
    frame.release()
  })
})

describe('a frame to the kernel', () => {
  it.each([
    ['to be cut', DATA],
    ['with a blank checksum', ACK],
    ['of neither', ARP],
  ])('has the bytes that the kernel itself writes, %s', (_what, hex) => {
    const frame = tcpFrame(1448 * 3)
    expect(readVnetHeader(header(hex), 0, frame)).toBe(true)
    expect(written(frame)).toBe(hex.replaceAll(' ', ''))
    frame.release()
  })

  it('says which sums need not be looked at', () => {
    const frame = tcpFrame(10)
    frame.checksum = 'verified'
    expect(written(frame)).toBe('02000000000000000000')
    frame.release()
  })

  it('names IPv6 segmentation', () => {
    const frame = tcpFrame(3000)
    Object.assign(frame, {
      checksum: 'blank',
      checksumStart: 34,
      checksumOffset: 16,
      gsoType: 'tcpv6',
      gsoSize: 1428,
    })
    expect(written(frame)).toBe('01044200940522001000')
    frame.release()
  })
})
