// The wasm module's frame moves against their TypeScript twin: equal memory, byte for byte, over frames of every kind.
import { Frame, parseIp, parseMac, Random, wordsOf, writeTcp, writeUdp } from '@netaccel/packet'
import { describe, expect, it } from 'vitest'
import { copyEngine } from './copy-engine.js'
import {
  FOUND_HEADER,
  FOUND_PLAIN,
  FOUND_SAME,
  FOUND_TRANSPORT,
  MOVE_BYTES,
  MOVE_FILL,
  MOVE_FOUND,
  MOVE_FROM,
  MOVE_LENGTH,
  MOVE_MAC_HIGH,
  MOVE_MAC_LOW,
  MOVE_TO,
} from './frame-moves.js'
import { Machine } from './machine.js'

const FRAMES = 12
const SEEDS = process.env.NETACCEL_TIER === 'soak' ? 20_000 : 100
/** Bytes from one frame to the next, and where copies begin. */
const STRIDE = 2048
const COPIES = FRAMES * STRIDE
const LIST = 2 * COPIES

interface World {
  readonly machine: Machine
  readonly base: number
}

function worldOf(): World {
  const machine = new Machine({ bytes: 1 << 18, maxDomains: 1 })
  return { machine, base: machine.createExtent(0, 16).base }
}

/** One frame at `at`: right, or spoilt in one of many ways. Its length. */
function writeFrame({ machine }: World, at: number, random: Random): number {
  const frame = new Frame(wordsOf(machine.bytes), at, STRIDE - 8, 0, null)
  const payloadLength = random.chance(0.5) ? random.below(80) : random.below(1459)
  const options = {
    sourceMac: parseMac('00:16:3e:00:00:01'),
    destinationMac: parseMac(random.chance(0.8) ? '00:16:3e:00:00:02' : 'ff:ff:ff:ff:ff:ff'),
    source: parseIp('10.0.0.1'),
    destination: parseIp(random.chance(0.8) ? '10.0.0.2' : '10.0.3.2'),
    sourcePort: 40_000,
    destinationPort: random.chance(0.8) ? 5001 : 5002,
    payloadLength,
    sequence: random.below(1 << 30),
    blank: random.chance(0.5),
  }
  for (let i = 0; i < STRIDE - 8; i++) machine.bytes[at + i] = random.chance(0.1) ? 0xff : random.below(256)
  if (random.chance(0.5)) writeTcp(frame, options)
  else writeUdp(frame, options)
  if (random.chance(0.2)) frame.length += random.below(20)
  if (random.chance(0.3)) machine.bytes[at + random.below(60)] ^= 1 << random.below(8)
  if (random.chance(0.1)) frame.length = 14 + random.below(frame.length - 14)
  // A UDP checksum of 0: none.
  if (random.chance(0.1)) frame.view.setUint16(at + 40, 0)
  return frame.length
}

/** Frames and the list of their moves, the same for the same seed. */
function fill(world: World, seed: number): void {
  const { machine, base } = world
  const random = new Random(`moves/${seed}`)
  for (let i = 0; i < FRAMES; i++) {
    const from = base + i * STRIDE + random.below(8)
    const length = writeFrame(world, from, random)
    const move = base + LIST + i * MOVE_BYTES
    machine.view.setInt32(move + MOVE_TO, base + COPIES + i * STRIDE + random.below(8), true)
    machine.view.setInt32(move + MOVE_FROM, from, true)
    machine.view.setInt32(move + MOVE_LENGTH, length, true)
    machine.view.setInt32(move + MOVE_FILL, random.below(2), true)
  }
}

describe('the frame moves of the two copy engines', () => {
  it('leave the same memory, and show each finding often', () => {
    const counts = { plain: 0, other: 0, header: 0, transport: 0, wrong: 0, same: 0 }
    const differ: number[] = []
    const a = worldOf()
    const b = worldOf()
    for (let seed = 0; seed < SEEDS; seed++) {
      fill(a, seed)
      fill(b, seed)
      copyEngine(a.machine, 'wasm').moveFrames(a.base + LIST, FRAMES)
      copyEngine(b.machine, 'typescript').moveFrames(b.base + LIST, FRAMES)
      if (Buffer.compare(a.machine.bytes, b.machine.bytes) !== 0) differ.push(seed)
      for (let i = 0; i < FRAMES; i++) {
        const found = a.machine.view.getInt32(a.base + LIST + i * MOVE_BYTES + MOVE_FOUND, true)
        if (found < 0) counts.other++
        else {
          counts.plain++
          if ((found & FOUND_HEADER) !== 0) counts.header++
          if ((found & FOUND_TRANSPORT) !== 0) counts.transport++
          else counts.wrong++
          if ((found & FOUND_SAME) !== 0) counts.same++
        }
      }
    }
    expect(differ).toEqual([])
    expect(Math.min(...Object.values(counts))).toBeGreaterThan(SEEDS)
  })

  it.each(['wasm', 'typescript'] as const)('fill in what RFC 1071 says, and find it right (%s)', (kind) => {
    const { machine, base } = worldOf()
    const words = wordsOf(machine.bytes)
    const frame = new Frame(words, base, STRIDE, 0, null)
    const options = {
      sourceMac: parseMac('00:16:3e:00:00:01'),
      destinationMac: parseMac('00:16:3e:00:00:02'),
      source: parseIp('10.0.0.1'),
      destination: parseIp('10.0.0.2'),
      sourcePort: 1,
      destinationPort: 2,
      payloadLength: 333,
    }
    writeUdp(frame, options)
    const finished = machine.bytes.slice(base, base + frame.length)
    writeUdp(frame, { ...options, blank: true })
    const moves = [
      [base, base + 4096, 1],
      [base + 4096, base + 8192, 0],
    ]
    for (const [i, [from, to, wanted]] of moves.entries()) {
      const move = base + LIST + i * MOVE_BYTES
      machine.view.setInt32(move + MOVE_FROM, from, true)
      machine.view.setInt32(move + MOVE_TO, to, true)
      machine.view.setInt32(move + MOVE_LENGTH, frame.length, true)
      machine.view.setInt32(move + MOVE_FILL, wanted, true)
    }
    copyEngine(machine, kind).moveFrames(base + LIST, 2)
    expect(machine.bytes.slice(base + 8192, base + 8192 + frame.length)).toEqual(finished)
    for (let i = 0; i < 2; i++) {
      const move = base + LIST + i * MOVE_BYTES
      const found = machine.view.getInt32(move + MOVE_FOUND, true)
      expect(found & FOUND_PLAIN).toBe(333 << 1)
      expect(found & ~FOUND_PLAIN).toBe(FOUND_HEADER | FOUND_TRANSPORT | (i === 1 ? FOUND_SAME : 0))
      expect(machine.view.getInt32(move + MOVE_MAC_HIGH, true)).toBe(0x0016)
      expect(machine.view.getInt32(move + MOVE_MAC_LOW, true)).toBe(0x3e000002)
    }
  })
})
