import type { Page } from '@netaccel/core'
import { describe, expect, it } from 'vitest'
import { allot, chunkOf } from './allotment.js'
import { PageTable } from './page-table.js'
import { Registration } from './registration.js'

const wish = { stack: 264, receive: 192, copy: false }

describe('how the quota is divided', () => {
  it('sends without a copy while the quota covers the stack, with fewer receive buffers if it must', () => {
    expect(allot(1024, wish)).toEqual({ shared: 264, copy: 0, receive: 192, total: 456 })
    expect(allot(384, wish)).toEqual({ shared: 264, copy: 0, receive: 120, total: 384 })
    expect(allot(296, wish)).toEqual({ shared: 264, copy: 0, receive: 32, total: 296 })
  })

  it('copies when it does not, or is told to, and gives up below 64 pages', () => {
    expect(allot(295, wish)).toEqual({ shared: 0, copy: 151, receive: 144, total: 295 })
    expect(allot(384, { ...wish, copy: true })).toEqual({ shared: 0, copy: 192, receive: 192, total: 384 })
    expect(allot(64, wish)).toEqual({ shared: 0, copy: 32, receive: 32, total: 64 })
    expect([allot(63, wish), allot(0, wish)]).toEqual([undefined, undefined])
  })
})

describe('MAPBUF requests', () => {
  it('scenario 19: CT-06: cover every total from 1 to 384 in powers of two of 8 pages at most', () => {
    for (let total = 1; total <= 384; total++) {
      const sizes: number[] = []
      for (let left = total; left > 0; left -= chunkOf(left)) sizes.push(chunkOf(left))
      expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(total)
      expect(sizes.every((size) => [1, 2, 4, 8].includes(size))).toBe(true)
    }
  })

  const made = (count: number) => {
    const offset = 0x8000
    const pages = Array.from({ length: count }, (_, i) => (8 + i) as Page)
    const arena = {
      offset,
      length: count * 4096,
      pages,
      view: new DataView(new ArrayBuffer(0)),
      bytes: new Uint8Array(0),
    }
    const table = new PageTable([arena])
    let refs = 100
    return { table, registration: new Registration([arena], table, () => refs++) }
  }

  it('fill the page table from the answers, in any order', () => {
    const { table, registration } = made(13)
    const asked = [registration.next(), registration.next(), registration.next()]
    expect(asked.map(({ request, pages, grants }) => [request, pages, grants.length])).toEqual([
      [0, 8, 8],
      [8, 4, 4],
      [12, 1, 1],
    ])
    expect(registration.due).toBe(0)
    for (const one of asked.toReversed())
      expect(registration.answered({ ...one, address: 50 + one.request })).toBe(true)
    expect(registration.complete).toBe(true)
    expect([table.indexOf(0x8000), table.indexOf(0x8000 + 12 * 4096 + 5)]).toEqual([50, 62])
    expect(table.stretches(0x8000 + 100, 13 * 4096 - 100)).toBe(1)
    expect(table.stretches(0x8000, 13 * 4096 + 1)).toBe(0)
    expect(table.addressOf(0x8000 + 4096 + 7)).toBe(51 * 4096 + 7)
  })

  it('CT-05: an answer that was not asked for, comes twice or names page 0 is refused', () => {
    const { registration } = made(16)
    const one = registration.next()
    expect(registration.answered({ ...one, address: 0 })).toBe(false)
    expect(registration.answered({ ...one, address: 0xffff_ffff })).toBe(false)
    expect(registration.answered({ ...one, request: 4, address: 9 })).toBe(false)
    expect(registration.answered({ ...one, address: 9 })).toBe(true)
    expect(registration.answered({ ...one, address: 9 })).toBe(false)
    expect(registration.complete).toBe(false)
  })

  it('one descriptor names a stretch of pages that follow one another in the buffer table', () => {
    const { table, registration } = made(16)
    const [one, two] = [registration.next(), registration.next()]
    registration.answered({ ...one, address: 30 })
    registration.answered({ ...two, address: 60 })
    expect(table.stretches(0x8000 + 7 * 4096, 8192)).toBe(2)
    expect(table.stretch(0x8000 + 10, 16 * 4096)).toBe(8 * 4096 - 10)
    expect(table.stretch(0x8000 + 8 * 4096, 100)).toBe(100)
  })
})
