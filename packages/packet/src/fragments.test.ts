import { expect, it } from 'vitest'
import { Fragments, gather, headLength, linearise } from './fragments.js'
import { Frame } from './frame.js'
import { privateArena, wordsOf } from './memory.js'

class Pages extends Fragments {
  readonly done: Frame[] = []

  linearised(frame: Frame): void {
    this.done.push(frame)
  }
}

/** A frame of 20 bytes, 0 to 19: 14 in its buffer, the rest in two pages at 100 and 200 of another memory. */
function scattered() {
  const memory = privateArena(400)
  const pages = new Pages(wordsOf(memory.bytes), new Int32Array([100, 200, 300]), 4)
  const buffer = privateArena(64)
  const frame = new Frame(wordsOf(buffer.bytes), 8, 40, 0, null)
  frame.offset = 10
  frame.length = 20
  for (let i = 0; i < 14; i++) buffer.bytes[10 + i] = i
  const put = (fragment: number, page: number, offset: number, bytes: readonly number[]): void => {
    pages.pages[fragment] = page
    pages.offsets[fragment] = offset
    pages.lengths[fragment] = bytes.length
    memory.bytes.set(bytes, pages.table[page] + offset)
    pages.count = fragment + 1
    pages.bytes += bytes.length
  }
  put(0, 0, 3, [14, 15])
  put(1, 1, 0, [16, 17, 18, 19])
  frame.fragments = pages
  return { frame, pages, memory, buffer }
}

const counting = Array.from({ length: 20 }, (_, i) => i)

it('a frame with fragments is gathered in order, its head first', () => {
  const { frame, buffer } = scattered()
  const to = privateArena(32)
  gather(frame, wordsOf(to.bytes), 5)
  expect([headLength(frame), [...to.bytes.slice(5, 25)]]).toEqual([14, counting])
  expect(buffer.bytes.slice(24).every((byte) => byte === 0)).toBe(true)
})

it('made linear it has all bytes in its buffer, once, and its pages are free', () => {
  const { frame, pages, buffer, memory } = scattered()
  linearise(frame)
  expect([frame.fragments, headLength(frame), pages.done]).toEqual([null, 20, [frame]])
  expect([...buffer.bytes.slice(10, 30)]).toEqual(counting)
  memory.bytes.fill(99)
  linearise(frame)
  expect([pages.done.length, buffer.bytes[29]]).toEqual([1, 19])
})

it('a page that was exchanged is read where it is now', () => {
  const { frame, pages, memory } = scattered()
  memory.bytes.set([26, 27, 28, 29], 300)
  pages.table[1] = 300
  const to = privateArena(32)
  gather(frame, wordsOf(to.bytes), 0)
  expect([...to.bytes.slice(14, 20)]).toEqual([14, 15, 26, 27, 28, 29])
})
