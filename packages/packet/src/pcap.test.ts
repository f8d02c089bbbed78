import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PacketError } from './errors.js'
import { FramePool } from './frame-pool.js'
import { privateArena } from './memory.js'
import type { PcapRecord } from './pcap.js'
import { PcapReader, readPcap, readPcapStream } from './pcap.js'
import { PcapWriter } from './pcap-writer.js'

function hex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replaceAll(/\s/g, ''), 'hex'))
}

const MICRO_BIG = hex(`a1b2c3d4 0002 0004 00000000 00000000 0000ffff 00000001
  00000005 0000000a 00000003 00000040 aabbcc  00000006 000f423f 00000000 00000000`)
const NANO_LITTLE = hex(`4d3cb2a1 0200 0400 00000000 00000000 0e000100 01000000
  05000000 0a000000 03000000 40000000 aabbcc`)

function codeAndText(work: () => unknown): [string, string] {
  try {
    work()
  } catch (error) {
    if (error instanceof PacketError) return [error.code, error.message]
    throw error
  }
  return ['nothing thrown', '']
}

function writerInto(blocks: Uint8Array[], options = {}): PcapWriter {
  return new PcapWriter((block) => blocks.push(block), options)
}

describe('reading', () => {
  it('reads big-endian microseconds', () => {
    expect([...readPcap(MICRO_BIG)]).toEqual([
      { seconds: 5, nanoseconds: 10_000, originalLength: 64, bytes: hex('aabbcc') },
      { seconds: 6, nanoseconds: 999_999_000, originalLength: 0, bytes: hex('') },
    ])
  })

  it('reads little-endian nanoseconds, and tells what the file says', () => {
    const reader = new PcapReader()
    expect(reader.header).toBeUndefined()
    reader.push(NANO_LITTLE)
    expect(reader.header).toEqual({ littleEndian: true, nanoseconds: true, snapLength: 65550, linkType: 1 })
    expect(reader.next()).toEqual({ seconds: 5, nanoseconds: 10, originalLength: 64, bytes: hex('aabbcc') })
    expect(reader.next()).toBeUndefined()
    reader.end()
  })

  it.each([
    ['an empty file', 0, 0, 'file header', 0],
    ['a cut file header', 23, 23, 'file header', 0],
    ['a cut record header', 39, 15, 'record', 24],
    ['a cut record', 42, 18, 'record', 24],
    ['a cut second record', 58, 15, 'record', 43],
  ])('says where %s ends, after the records before it', (_what, length, into, what, at) => {
    const seen: PcapRecord[] = []
    const [code, text] = codeAndText(() => {
      for (const record of readPcap(MICRO_BIG.slice(0, length))) seen.push(record)
    })
    expect(code).toBe('PCAP_TRUNCATED')
    expect(text).toContain(`ends ${into} bytes into the ${what} at byte ${at}: `)
    expect(seen.length).toBe(at === 43 ? 1 : 0)
  })

  it('refuses what is no capture, a pcapng file, another version, and a record without end', () => {
    const text = new TextEncoder().encode('this is a letter, not a capture')
    expect(codeAndText(() => [...readPcap(text)])[1]).toContain('begins with 74686973')
    const [code, hint] = codeAndText(() => [...readPcap(hex(`0a0d0d0a${'00'.repeat(24)}`))])
    expect([code, hint.includes('editcap -F pcap')]).toEqual(['PCAP_FORMAT', true])
    const version = MICRO_BIG.slice()
    version[5] = 3
    expect(codeAndText(() => [...readPcap(version)])[1]).toContain('format version 3')
    const endless = MICRO_BIG.slice()
    endless[33] = 0xff
    expect(codeAndText(() => [...readPcap(endless)])).toEqual([
      'PCAP_FORMAT',
      expect.stringContaining('the record at byte 24 claims 16711683 bytes'),
    ])
  })

  it('gives the same records however the file is cut into chunks', async () => {
    const expected = [...readPcap(MICRO_BIG)]
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat({ max: MICRO_BIG.length })), async (cuts) => {
        const places = [0, ...cuts.toSorted((a, b) => a - b), MICRO_BIG.length]
        async function* chunks(): AsyncGenerator<Uint8Array> {
          for (let i = 1; i < places.length; i++) yield MICRO_BIG.subarray(places[i - 1], places[i])
        }
        const records: PcapRecord[] = []
        for await (const record of readPcapStream(chunks())) records.push(record)
        expect(records).toEqual(expected)
      }),
      { seed: 7, numRuns: 100 },
    )
  })

  it('counts bytes from the beginning of the file, not of the chunk', () => {
    const reader = new PcapReader()
    reader.push(MICRO_BIG.subarray(0, 30))
    expect(reader.next()).toBeUndefined()
    reader.push(MICRO_BIG.subarray(30, 50))
    expect(reader.next()?.seconds).toBe(5)
    reader.push(MICRO_BIG.subarray(50, 52))
    expect(codeAndText(() => reader.end())[1]).toContain('ends 9 bytes into the record at byte 43: ')
  })

  it('never throws anything but PacketError, whatever the bytes', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 100 }),
      fc.uint8Array({ maxLength: 100 }).map((tail) => Uint8Array.of(...NANO_LITTLE.slice(0, 24), ...tail)),
    )
    fc.assert(
      fc.property(bytes, (file) => {
        expect(codeAndText(() => [...readPcap(file)])[0]).toMatch(/^(PCAP_|nothing)/)
      }),
      { seed: 8, numRuns: 500 },
    )
  })
})

describe('writing', () => {
  const frame = new FramePool(privateArena(128), { frames: 1, bytesEach: 128, headroom: 5 }).take()!

  it('writes little-endian nanoseconds, to the byte', () => {
    const blocks: Uint8Array[] = []
    const writer = writerInto(blocks)
    frame.length = 3
    frame.bytes.set(hex('aabbcc'), frame.offset)
    writer.writeFrame(frame, 5_000_000_010)
    expect([blocks.length, writer.records]).toEqual([0, 1])
    writer.flush()
    writer.flush()
    expect(blocks.map((block) => Buffer.from(block).toString('hex'))).toEqual([
      Buffer.from(
        hex(`4d3cb2a1 0200 0400 00000000 00000000 0e000100 01000000
        05000000 0a000000 03000000 03000000 aabbcc`),
      ).toString('hex'),
    ])
  })

  it('keeps the real length of a frame that it cuts', () => {
    const blocks: Uint8Array[] = []
    const writer = writerInto(blocks, { snapLength: 2 })
    frame.length = 3
    writer.writeFrame(frame, 0)
    writer.flush()
    expect([...readPcap(Buffer.concat(blocks))]).toEqual([
      { seconds: 0, nanoseconds: 0, originalLength: 3, bytes: hex('aabb') },
    ])
  })

  it('reads back what it wrote, across blocks and with records longer than a block', () => {
    const blocks: Uint8Array[] = []
    const writer = writerInto(blocks, { snapLength: 262144 })
    const memory = Uint8Array.from({ length: 200_000 }, (_, i) => i * 31)
    const lengths = [0, 1, 65_000, 65_536, 199_000, 1514, 65_495, 65_496, 60]
    for (const [i, length] of lengths.entries()) writer.write(memory, i, length, i, i * 1000)
    writer.flush()
    expect(blocks.length).toBeGreaterThan(3)
    const records = [...readPcap(Buffer.concat(blocks))]
    expect(records.map((record) => record.originalLength)).toEqual(lengths)
    for (const [i, { bytes, seconds, nanoseconds }] of records.entries()) {
      expect(Buffer.compare(bytes, memory.subarray(i, i + lengths[i]))).toBe(0)
      expect([seconds, nanoseconds]).toEqual([i, i * 1000])
    }
  })

  it('gives the sink blocks it may keep', () => {
    const blocks: Uint8Array[] = []
    const writer = writerInto(blocks)
    writer.flush()
    const first = blocks[0].slice()
    for (let i = 0; i < 2000; i++) writer.write(new Uint8Array(100).fill(7), 0, 100, 0, i)
    expect(blocks[0]).toEqual(first)
    expect(new Set(blocks.map((block) => block.buffer)).size).toBe(blocks.length)
  })

  it.each([0, 1.5, 262145])('refuses a snap length of %d', (snapLength) => {
    expect(codeAndText(() => writerInto([], { snapLength }))[0]).toBe('BAD_OPTION')
  })
})
