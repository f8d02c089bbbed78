import { FencePage } from '@netaccel/core'
import type { Frame } from '@netaccel/packet'
import { VirtualClock } from '@netaccel/xen'
import { expect, it } from 'vitest'
import { GuestFrames } from '../guest-frames.js'
import { HeldFrames } from './held-frames.js'

const MS = 1_000_000
/** Near the wrap of ring indices. */
const START = 0xffff_fffe

function make() {
  const clock = new VirtualClock({ stuckSteps: 1000 })
  const bytes = new Uint8Array(new SharedArrayBuffer(4096))
  const page = new FencePage({ bytes, view: new DataView(bytes.buffer), offset: 0, length: 4096 })
  // As the frontend's first poll leaves it.
  page.deliver(START)
  const held = new HeldFrames({ engine: clock.engine('driver'), page, keepNs: 10 * MS })
  const released: number[] = []
  let awaited = true
  const pool = Object.create(GuestFrames.prototype) as GuestFrames
  Object.defineProperty(pool, 'watch', { get: () => (awaited ? {} : null) })
  const frame = (index: number, home: unknown = pool): Frame =>
    ({ home, release: () => void released.push(index) }) as Partial<Frame> as Frame
  const keep = (...indices: number[]): void => {
    for (const index of indices) held.keep(frame(index), (START + index) >>> 0)
    held.shown()
  }
  const deliver = (index: number): void => {
    page.deliver((START + index) >>> 0)
    held.look()
  }
  return { clock, page, held, released, frame, keep, deliver, nobodyWaits: () => (awaited = false) }
}

it('keeps frames of other guests until the frontend has delivered them, and asks once for all that stand there', () => {
  const { page, released, keep, deliver } = make()
  keep(1, 2, 3)
  const first = page.awaited
  expect(page.awaitedIndex).toBe((START + 3) | 0)
  keep(4)
  expect(page.awaited).toBe(first)
  deliver(2)
  expect([released, page.awaited]).toEqual([[1, 2], first])
  deliver(3)
  expect(released).toEqual([1, 2, 3])
  // The answer has come: now it is asked for the rest.
  expect([page.awaited === first, page.awaitedIndex]).toEqual([false, (START + 4) | 0])
  deliver(4)
  expect(released).toEqual([1, 2, 3, 4])
})

it('a frontend that was faster than the question is not waited for', () => {
  const { page, held, released, frame } = make()
  held.keep(frame(1), START + 1)
  page.deliver(START + 1)
  held.shown()
  expect(released).toEqual([1])
})

it('a moment whose sum with 10 ms is rounded down does not hold up the clock', async () => {
  const { clock, held, released, frame } = make()
  await clock.run({ for: 8_773_453.437135244 })
  held.keep(frame(1), START + 1)
  await clock.run({ for: 11 * MS })
  expect(released).toEqual([1])
})

it('what nobody waits for, and what is not from a guest, is released at once', () => {
  const { held, released, frame, nobodyWaits } = make()
  held.keep(frame(1, null), START)
  nobodyWaits()
  held.keep(frame(2), START)
  expect(released).toEqual([1, 2])
})

it('D8: a frontend that never tells keeps no frame for longer than 10 ms, and none beyond the slots of its ring', async () => {
  const { clock, held, released, keep } = make()
  keep(1)
  await clock.run({ for: 4 * MS })
  keep(2)
  await clock.run({ for: 6 * MS })
  expect(released).toEqual([1])
  await clock.run({ for: 4 * MS })
  expect(released).toEqual([1, 2])
  keep(...Array.from({ length: 513 }, (_, i) => 3 + i))
  expect(released.length).toBe(3)
  held.close()
  expect(released.length).toBe(515)
})

it('D8: a frontend that says it is half the numbers ahead is not asked for ever', () => {
  const { page, held, released, frame } = make()
  held.keep(frame(1), START + 1)
  held.keep(frame(2), START + 2)
  held.shown()
  page.deliver((START + 1 + 2 ** 31) >>> 0)
  held.look()
  expect(released).toEqual([1, 2])
})
