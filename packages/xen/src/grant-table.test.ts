import { describe, expect, it } from 'vitest'
import { GTF_READING, GTF_READONLY, GTF_PERMIT_ACCESS } from './grant-abi.js'
import { GrantOps } from './grant-ops.js'
import { GrantTable } from './grant-table.js'
import { Machine } from './machine.js'
import type { MappedPage } from './mapped-page.js'
import type { GrantTableOptions } from './grant-table.js'

const hexOf = (...parts: string[]): string => parts.join('')

const SECOND = 1_000_000_000

/** A driver domain 0 and a guest 1 whose table is under test; timers that a test fires by hand. */
function world(options: GrantTableOptions = {}) {
  const machine = new Machine({ bytes: 2 << 20 })
  machine.createExtent(0, 16)
  const extent = machine.createExtent(1, 160)
  const timers: { ns: number; work: () => void; cancelled: boolean }[] = []
  const after = (ns: number, work: () => void) => {
    const timer = { ns, work, cancelled: false }
    timers.push(timer)
    return {
      cancel: () => {
        timer.cancelled = true
      },
    }
  }
  const table = new GrantTable(machine, extent, { after, ...options })
  const ops = new GrantOps(machine, 0)
  const map = (ref: number): MappedPage => {
    const page = ops.map(1, ref, 'ro')
    if (typeof page === 'number') throw new Error(`map gave ${page}`)
    return page
  }
  const entry = (ref: number): string => Buffer.from(extent.bytes.slice(ref * 8, ref * 8 + 8)).toString('hex')
  return { machine, extent, table, ops, map, entry, timers }
}

describe('grant entries, byte for byte (version 1)', () => {
  it('are flags, domid, frame', () => {
    const { table, extent, entry } = world()
    const [page] = extent.allocPages(1).pages
    const ref = table.claim()
    expect(ref).toBe(8)
    table.permit(ref, 0x0203, page, true)
    expect(entry(ref)).toBe(hexOf('0500', '0302', '01000000'))
    table.permit(ref, 0x0203, page, false)
    expect(entry(ref)).toBe(hexOf('0100', '0302', '01000000'))
    expect(table.tryEnd(ref)).toBe(true)
    expect(entry(ref)).toBe(hexOf('0000', '0302', '01000000'))
  })

  it('mark I/O memory uncached', () => {
    const { machine, table, entry } = world()
    const page = machine.ioPage(1, () => undefined)
    expect(entry(table.grant(0, page, 'io'))).toBe(hexOf('6100', '0000', '00000f00'))
  })

  it('0 to 7 are never claimed, but may be permitted', () => {
    const { table, extent, map } = world()
    table.permit(1, 0, extent.allocPages(1).pages[0], false)
    expect(map(1).gfn).toBe(1)
    expect(() => table.release(1)).toThrow(/not claimed/)
    const claimed = Array.from({ length: 504 }, () => table.claim())
    expect(Math.min(...claimed)).toBe(8)
    expect(new Set(claimed).size).toBe(504)
  })
})

describe('references', () => {
  it('grow the table by a frame of 512, up to the limit', () => {
    const { table } = world({ maxFrames: 2 })
    for (let count = 0; count < 504 + 512; count++) table.claim()
    expect([table.frames, table.free, table.inUse]).toEqual([2, 0, 1016])
    expect(table.tryClaim()).toBe(-1)
    expect(() => table.claim()).toThrow(/may not pass 2 frames/)
  })

  it('in a later frame work like the first', () => {
    const { table, extent, map } = world()
    expect(table.reserve(1000)).toBe(true)
    expect(table.frames).toBe(2)
    const refs = Array.from({ length: 1000 }, () => table.claim())
    const arena = extent.allocPages(1)
    extent.bytes[arena.offset] = 42
    const high = Math.max(...refs)
    expect(high).toBeGreaterThan(511)
    table.permit(high, 0, arena.pages[0], true)
    expect(map(high).bytes[0]).toBe(42)
  })

  it('stop at an extent without pages', () => {
    const { table, extent } = world()
    extent.allocPages(extent.pagesFree)
    expect(table.reserve(505)).toBe(false)
  })

  it('are released once', () => {
    const { table } = world()
    const ref = table.claim()
    table.release(ref)
    expect(() => table.release(ref)).toThrow(/released twice/)
    expect(() => table.permit(5000, 0, 0 as never, true)).toThrow(/no grant reference 5000/)
    expect(table.claim()).toBe(ref)
  })
})

describe('the end of access', () => {
  it('is refused while the page is in use, and leaves the entry alone', () => {
    const { table, extent, ops, map } = world()
    const ref = table.grant(0, extent.allocPages(1).pages[0], 'ro')
    const page = map(ref)
    expect(table.tryEnd(ref)).toBe(false)
    expect(table.flagsOf(ref)).toBe(GTF_PERMIT_ACCESS | GTF_READONLY | GTF_READING)
    expect(ops.unmap(page)).toBe(0)
    expect(table.tryEnd(ref)).toBe(true)
  })

  it('that cannot be now is tried every second; reference and page wait with it (XSA-396)', () => {
    const { table, extent, ops, map, timers } = world()
    const arena = extent.allocPages(1)
    const free = extent.pagesFree
    const ref = table.grant(0, arena.pages[0], 'rw')
    const page = map(ref)
    expect(table.endGrant(ref, arena)).toBe(false)
    expect([table.deferred, table.inUse, extent.pagesFree]).toEqual([1, 1, free])
    expect(timers.map(({ ns }) => ns)).toEqual([SECOND])
    timers[0].work()
    expect(table.deferred).toBe(1)
    expect(table.claim()).not.toBe(ref)
    ops.unmap(page)
    timers[1].work()
    expect([table.deferred, table.inUse, extent.pagesFree]).toEqual([0, 1, free + 1])
    expect(timers).toHaveLength(2)
  })

  it('takes ten a pass, in turn', () => {
    const { table, extent, map, ops, timers } = world()
    const grants = Array.from({ length: 25 }, () => table.grant(0, extent.allocPages(1).pages[0], 'ro'))
    const pages = grants.map(map)
    for (const ref of grants) expect(table.endGrant(ref)).toBe(false)
    for (const page of pages) ops.unmap(page)
    const left = []
    for (let pass = 0; table.deferred > 0; pass++) {
      timers[pass].work()
      left.push(table.deferred)
    }
    expect(left).toEqual([15, 5, 0])
  })

  it('that a peer holds up for a minute is reported once', () => {
    const stuck: number[] = []
    const { table, extent, map, timers } = world({ stuck: (ref) => stuck.push(ref) })
    const ref = table.grant(0, extent.allocPages(1).pages[0], 'ro')
    map(ref)
    table.endGrant(ref)
    for (let pass = 0; pass < 59; pass++) timers[pass].work()
    expect(stuck).toEqual([])
    for (let pass = 59; pass < 130; pass++) timers[pass].work()
    expect(stuck).toEqual([ref])
    table.stop()
    expect(timers.at(-1)?.cancelled).toBe(true)
  })

  it('frees pages at once when nobody uses them', () => {
    const { table, extent } = world()
    const free = extent.pagesFree
    const arena = extent.allocPages(3)
    expect(table.endGrant(table.grant(0, arena.pages[0], 'ro'), arena)).toBe(true)
    expect([table.inUse, extent.pagesFree]).toEqual([0, free])
  })
})
