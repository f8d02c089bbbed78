import { createHash } from 'node:crypto'
import { Random } from '@netaccel/packet'
import { describe, expect, it } from 'vitest'
import { type GuestDescription, readImage, writeImage } from './guest-image.js'
import type { Run } from './guest-memory.js'

const guest: GuestDescription = {
  name: 'guest1',
  value: { memory: 16, vcpus: 2, vifs: { vif0: { mac: '00:16:3e:00:00:01', accel: 'eth0' } } },
  arenas: [
    [100, 4],
    [10, 2],
  ],
  filled: [
    [101, 2],
    [10, 1],
  ],
  data: { 'a/b': 'ü', c: '' },
}

const page = ([first, count]: Run): Uint8Array => new Uint8Array(count * 4096).fill(first)

/** As they would be if whoever damages them reckons the digest anew. */
function sealed(bytes: Uint8Array): Uint8Array {
  const body = bytes.subarray(0, -32)
  return Buffer.concat([body, createHash('sha256').update(body).digest()])
}

function changed(change: Partial<Record<keyof GuestDescription, unknown>>): Uint8Array {
  return writeImage({ ...guest, ...change } as GuestDescription, page)
}

describe('the bytes of a saved guest', () => {
  it('say what it is, and what stands in its memory', () => {
    const bytes = writeImage(guest, page)
    const { pages, ...read } = readImage(bytes)
    expect(read).toEqual(guest)
    expect(pages.map((each) => [each.length, each[0]])).toEqual([
      [8192, 101],
      [4096, 10],
    ])
    // Of a larger buffer, as Node reads files.
    const within = Buffer.concat([Buffer.alloc(5), bytes])
    expect(readImage(within.subarray(5))).toMatchObject({ name: 'guest1' })
  })

  it('are refused with one sentence when they are others', () => {
    const bytes = writeImage(guest, page)
    const version = Uint8Array.from(bytes)
    version[16] = 9
    const length = Uint8Array.from(bytes)
    length.fill(0xff, 20, 24)
    const text = Uint8Array.from(bytes)
    text[24] = 0x5b
    const cases: [Uint8Array, string][] = [
      [new Uint8Array(0), 'do not begin'],
      [new TextEncoder().encode('x'.repeat(200)), 'do not begin'],
      [sealed(version), 'version 9'],
      [bytes.subarray(0, -1), 'cut short, or were changed'],
      [sealed(length), 'does not end in them'],
      [sealed(text), 'no JSON'],
      [sealed(bytes.subarray(0, -4096)), 'not the pages'],
      [changed({ data: { '../x': '' } }), 'its description.data'],
      [changed({ arenas: [[1]] }), 'its description.arenas.0'],
      [changed({ extra: 1 } as object), 'additional properties'],
      [changed({ arenas: [[0, 0]], filled: [] }), 'its memory is not'],
      [changed({ arenas: [[4090, 7]], filled: [] }), 'its memory is not'],
      [
        changed({
          arenas: [
            [10, 4],
            [12, 1],
          ],
          filled: [],
        }),
        'its memory is not',
      ],
      [changed({ filled: [[103, 2]] }), 'none of its memory'],
      [changed({ name: 'a b' }), 'has a name that is not'],
      [changed({ value: { vifs: { vif0: { mac: 'x' } } } }), "is no interface's MAC"],
    ]
    for (const [given, sentence] of cases) expect(() => readImage(given)).toThrow(sentence)
  })

  it('are refused, or say what they said, whichever byte is another', () => {
    const bytes = writeImage(guest, page)
    const random = new Random(5)
    for (let round = 0; round < 300; round++) {
      const other = Uint8Array.from(bytes)
      other[random.below(2) === 0 ? random.below(400) : random.below(bytes.length)] ^= 1 << random.below(8)
      expect(() => readImage(other)).toThrow('The bytes are no saved guest')
      try {
        readImage(sealed(other))
      } catch (error) {
        expect(error).toMatchObject({ code: 'BAD_VALUE' })
      }
    }
  })
})
