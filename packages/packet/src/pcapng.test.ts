import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { PacketError } from './errors.js'
import { FramePool } from './frame-pool.js'
import { privateArena } from './memory.js'
import { PcapngWriter } from './pcapng-writer.js'

function hex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replaceAll(/\s/g, ''), 'hex'))
}

function written(work: (writer: PcapngWriter) => void, options = {}): Buffer {
  const blocks: Uint8Array[] = []
  const writer = new PcapngWriter((block) => blocks.push(block), options)
  work(writer)
  writer.flush()
  return Buffer.concat(blocks)
}

interface Block {
  readonly type: number
  readonly body: Buffer
}

/** A reader of blocks by the format alone (pcapng, section 3.1): type, length, body, length again. */
function blocksOf(file: Buffer): Block[] {
  const blocks: Block[] = []
  for (let at = 0; at < file.length;) {
    const length = file.readUInt32LE(at + 4)
    expect([length % 4, file.readUInt32LE(at + length - 4)]).toEqual([0, length])
    blocks.push({ type: file.readUInt32LE(at), body: file.subarray(at + 8, at + length - 4) })
    at += length
  }
  return blocks
}

it('writes section, interface and packet as the format has them, byte for byte', () => {
  const file = written(
    (writer) => {
      expect(writer.addInterface('a 2', 'fork')).toBe(0)
      writer.write(0, hex('0011aabbcc'), 2, 3, 5_000_000_010)
    },
    { snapLength: 64, application: 'netaccel' },
  )
  expect(file).toEqual(
    Buffer.from(
      hex(`
        0a0d0d0a 2c000000 4d3c2b1a 0100 0000 ffffffff ffffffff
          0400 0800 6e65746163 63656c  0000 0000  2c000000
        01000000 30000000 0100 0000 40000000
          0200 0300 61203200  0300 0400 666f726b  0900 0100 09000000  0000 0000  30000000
        06000000 24000000 00000000 01000000 0af2052a 03000000 03000000 aabbcc00 24000000`),
    ),
  )
})

it('keeps to the snap length, pads to words, and takes interfaces between packets', () => {
  const pool = new FramePool(privateArena(2048), { frames: 1, bytesEach: 2048 })
  const frame = pool.take()
  if (frame !== undefined) frame.length = 61
  const file = written(
    (writer) => {
      writer.addInterface('one')
      if (frame !== undefined) writer.writeFrame(0, frame, 7)
      writer.addInterface('two')
      if (frame !== undefined) writer.writeFrame(1, frame, 2 ** 40 + 3)
      expect(writer.records).toBe(2)
    },
    { snapLength: 41 },
  )
  const [section, first, one, second, two] = blocksOf(file)
  expect([section, first, one, second, two].map(({ type }) => type)).toEqual([0x0a0d0d0a, 1, 6, 1, 6])
  const head = ({ body }: Block): number[] => [0, 4, 8, 12, 16].map((at) => body.readUInt32LE(at))
  expect([head(one), head(two)]).toEqual([
    [0, 0, 7, 41, 61],
    [1, 256, 3, 41, 61],
  ])
  expect(one.body.length).toBe(20 + 44)
})

it('hands long captures on in blocks, of which each is whole', () => {
  const sizes: number[] = []
  const writer = new PcapngWriter((block) => sizes.push(blocksOf(Buffer.from(block)).length))
  const where = writer.addInterface('all')
  const bytes = new Uint8Array(40_000)
  for (let i = 0; i < 4; i++) writer.write(where, bytes, 0, bytes.length, i)
  writer.flush()
  expect(sizes).toEqual([3, 1, 1, 1])
})

it('refuses an interface that was not added, and a snap length that cannot be', () => {
  const writer = new PcapngWriter(() => undefined)
  expect(() => writer.write(0, new Uint8Array(4), 0, 4, 0)).toThrow(PacketError)
  expect(() => new PcapngWriter(() => undefined, { snapLength: 0 })).toThrow('give 1 to 262144')
})

const { error } = spawnSync('capinfos', ['--version'])
it.skipIf(error !== undefined)(
  'is read by capinfos (skipped where wireshark-common is not installed)',
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'netaccel-pcapng-'))
    const file = written((writer) => {
      writer.addInterface('one')
      writer.write(0, new Uint8Array(60), 0, 60, 1)
    })
    writeFileSync(join(folder, 'x.pcapng'), file)
    const { stdout } = spawnSync('capinfos', ['-c', '-T', '-r', join(folder, 'x.pcapng')], {
      encoding: 'utf8',
    })
    rmSync(folder, { recursive: true })
    expect(stdout.trim()).toMatch(/\t1$/)
  },
)
