// The hash that a guest is told of each frame, as bytes: {type 4, flags, hash type, algorithm, value u32} behind slot 0, for the
// published vectors ("Verifying the RSS hash calculation", Microsoft).
import { type Frame, MICROSOFT_RSS_KEY, parseIp, parseMac, writeTcp, writeUdp } from '@netaccel/packet'
import { describe, expect, it } from 'vitest'
import { RawControl } from './raw-control.js'
import { RawFrontend } from './raw-frontend.js'

const VECTORS: readonly (readonly [string, number, string, number, number, number])[] = [
  ['66.9.149.187', 2794, '161.142.100.80', 1766, 0x323e8fc2, 0x51ccc178],
  ['199.92.111.2', 14230, '65.69.140.83', 4739, 0xd718262a, 0xc626b0ea],
  ['24.19.198.95', 12898, '12.22.207.184', 38024, 0xd2d0a5de, 0x5c2b394a],
  ['38.27.205.30', 48228, '209.142.163.6', 2217, 0x82989176, 0xafc7327f],
  ['153.39.163.191', 44251, '202.188.127.2', 1303, 0x5d1809c5, 0x10e828a2],
  ['3ffe:2501:200:1fff::7', 2794, '3ffe:2501:200:3::1', 1766, 0x2cc18cd5, 0x40207d3d],
  ['3ffe:501:8::260:97ff:fe40:efab', 14230, 'ff02::1', 4739, 0x0f0c461c, 0xdde51bbf],
  ['3ffe:1900:4545:3:200:f8ff:fe21:67cf', 44251, 'fe80::200:f8ff:fe21:67cf', 38024, 0x4b61e985, 0x02d1feef],
]
const EXTRA_INFO = 8
const POSTED = 64

/** A guest of one queue with pages posted, and the algorithm, key and kinds of packets set. */
async function hashed(types: number) {
  const raw = await RawFrontend.make()
  const control = new RawControl(raw)
  const { extent, grants } = raw.guest
  const rx = raw.ring()
  const pages = extent.allocPages(POSTED).pages
  for (const [slot, page] of pages.entries()) {
    extent.view.setUint16(rx.at + 64 + 8 * slot, slot, true)
    extent.view.setUint32(rx.at + 64 + 8 * slot + 4, grants.grant(0, page, 'rw'), true)
  }
  extent.view.setUint32(rx.at, POSTED, true)
  await raw.connect({ ...raw.queueKeys('', { 'rx-ring-ref': rx.ref }), ...control.keys })
  expect((await control.ask(7, 1)).status).toBe(0)
  expect((await control.ask(3, control.page(MICROSOFT_RSS_KEY), 40)).status).toBe(0)
  expect((await control.ask(2, types)).status).toBe(0)
  let taken = 0
  /** The responses since the last call: flags of slot 0, and the extra's bytes if there is one. */
  const received = () => {
    const at = (slot: number): number => rx.at + 64 + 8 * (taken + slot)
    const produced = extent.view.getUint32(rx.at + 8, true)
    const slots = produced - taken
    const flags = extent.view.getUint16(at(0) + 4, true)
    const extra = slots > 1 ? [...extent.bytes.slice(at(1), at(1) + 8)] : null
    taken = produced
    return { slots, told: (flags & EXTRA_INFO) !== 0, extra }
  }
  return { raw, received }
}

type Writer = typeof writeTcp | typeof writeUdp

function frameOf(write: Writer, vector: (typeof VECTORS)[number]): (frame: Frame) => void {
  const [from, sourcePort, to, destinationPort] = vector
  const ends = { source: parseIp(from), destination: parseIp(to), sourcePort, destinationPort, sequence: 1 }
  const link = { sourceMac: parseMac('00:16:3e:00:00:02'), destinationMac: parseMac('00:16:3e:00:00:01') }
  return (frame) => write(frame, { ...link, ...ends, payloadLength: 20 })
}

function extraOf(type: number, hash: number): readonly number[] {
  return [4, 0, type, 1, hash & 0xff, (hash >>> 8) & 0xff, (hash >>> 16) & 0xff, hash >>> 24]
}

describe('Toeplitz: the HASH extra info', () => {
  it('TCP is hashed over addresses and ports, UDP over the addresses', async () => {
    const { raw, received } = await hashed(0xf)
    for (const vector of VECTORS) {
      const [from, , , , l3, l4] = vector
      const six = from.includes(':') ? 2 : 0
      await raw.send(frameOf(writeTcp, vector))
      expect(received()).toEqual({ slots: 2, told: true, extra: extraOf(six + 1, l4) })
      await raw.send(frameOf(writeUdp, vector))
      expect(received()).toEqual({ slots: 2, told: true, extra: extraOf(six, l3) })
    }
  })

  it('TCP is hashed over the addresses where its own bit is not set, and not at all without either', async () => {
    const { raw, received } = await hashed(1)
    await raw.send(frameOf(writeTcp, VECTORS[0]))
    expect(received()).toEqual({ slots: 2, told: true, extra: extraOf(0, VECTORS[0][4]) })
    await raw.send(frameOf(writeTcp, VECTORS[5]))
    expect(received()).toEqual({ slots: 1, told: false, extra: null })
  })
})
