import { describe, expect, it } from 'vitest'
import { copyBy32, copyBytes, doublesKeepBits } from './copy.js'
import type { WordView } from './memory.js'
import { privateArena, wordsOf } from './memory.js'
import { Random } from './random.js'

const SIZE = 4096
const CANARY = 0xa5

function filled(seed: string): WordView {
  const words = wordsOf(privateArena(SIZE).bytes)
  new Random(seed).fill(words.bytes)
  return words
}

type Copy = (dst: WordView, dstAt: number, src: WordView, srcAt: number, length: number) => void

/** Every alignment of both sides and every length: the right bytes, and not one beside them. */
function checkAllAlignments(copy: Copy, lengths: readonly number[]): void {
  const src = filled('copy')
  const dst = wordsOf(privateArena(SIZE).bytes)
  for (let to = 16; to < 24; to++) {
    for (let from = 32; from < 40; from++) {
      for (const length of lengths) {
        dst.bytes.fill(CANARY)
        copy(dst, to, src, from, length)
        for (let i = 0; i < to + length + 24; i++) {
          const expected = i < to || i >= to + length ? CANARY : src.bytes[from + i - to]
          if (dst.bytes[i] !== expected) {
            expect.fail(`byte ${i - to} of ${length} from ${from} to ${to}: ${dst.bytes[i]}, not ${expected}`)
          }
        }
      }
    }
  }
  expect(dst.bytes[SIZE - 1]).toBe(CANARY)
}

const UP_TO_200 = Array.from({ length: 201 }, (_, i) => i)

describe('copyBytes', () => {
  it('copies lengths 0 to 200 at all alignments, and writes nothing beside them', () => {
    checkAllAlignments(copyBytes, UP_TO_200)
  })

  it('copies long frames at all alignments', () => {
    checkAllAlignments(copyBytes, [699, 700, 701, 1448, 1514, 3001])
  })

  it('does so by 32-bit words too, for engines whose floats lose bits', () => {
    checkAllAlignments(copyBy32, UP_TO_200)
  })

  it('reads and writes the very ends of both memories', () => {
    for (const length of [1, 7, 8, 15, 16, 17, 64, 100, 800]) {
      for (const extra of [0, 1, 4]) {
        const src = filled('ends')
        const dst = wordsOf(privateArena(SIZE).bytes)
        copyBytes(dst, SIZE - length, src, SIZE - length - extra, length)
        expect(dst.bytes.slice(-length)).toEqual(src.bytes.slice(SIZE - length - extra, SIZE - extra))
      }
    }
  })

  it('is memmove within one memory, whichever way the ranges overlap', () => {
    for (const length of [10, 64, 200, 900]) {
      for (const shift of [-9, -8, -1, 0, 1, 8, 9, 40]) {
        const one = filled('overlap')
        const expected = one.bytes.slice().copyWithin(500 + shift, 500, 500 + length)
        copyBytes(one, 500 + shift, one, 500, length)
        expect(one.bytes).toEqual(expected)
      }
    }
  })

  it('works across two stretches of one shared memory', () => {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true })
    const src = wordsOf(new Uint8Array(memory.buffer, 0, 4096))
    const dst = wordsOf(new Uint8Array(memory.buffer, 8192, 4096))
    new Random(3).fill(src.bytes)
    copyBytes(dst, 2, src, 5, 1500)
    expect(Array.from(dst.bytes.slice(2, 1502))).toEqual(Array.from(src.bytes.slice(5, 1505)))
  })

  it('keeps every bit of NaN patterns, also once the loop is compiled', () => {
    const patterns = [
      [0x00000001, 0x7ff00000],
      [0xdeadbeef, 0x7ff4cafe],
      [0x00000001, 0xfff00000],
      [0xfff7ffff, 0xfff7ffff],
      [0xffffffff, 0xffffffff],
    ]
    const src = wordsOf(privateArena(256).bytes)
    const dst = wordsOf(privateArena(256).bytes)
    for (let round = 0; round < 20_000; round++) {
      const [low, high] = patterns[round % patterns.length]
      const from = round & 8
      for (let at = from; at < from + 80; at += 8) {
        src.view.setUint32(at, low, true)
        src.view.setUint32(at + 4, high, true)
      }
      const to = round & 7
      copyBytes(dst, to, src, from, 80)
      for (let at = to; at < to + 80; at += 8) {
        if (dst.view.getUint32(at, true) !== low || dst.view.getUint32(at + 4, true) !== high) {
          expect.fail(`round ${round}: ${high.toString(16)} ${low.toString(16)} changed on its way to ${at}`)
        }
      }
    }
    expect(doublesKeepBits()).toBe(true)
  })
})
