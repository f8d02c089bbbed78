import { describe, expect, it } from 'vitest'
import { XenError } from './errors.js'
import { enterHypercall, leaveHypercall } from './hypercall.js'
import { Machine } from './machine.js'
import { PageAllocator } from './page-allocator.js'
import type { XenErrorCode } from './errors.js'

function expectCode(code: XenErrorCode, work: () => unknown): void {
  expect(work).toThrow(expect.objectContaining({ name: 'XenError', code }))
}

const small = (): Machine => new Machine({ bytes: 1 << 18, maxDomains: 4, name: 'm' })

describe('machine memory', () => {
  it('is one shared WebAssembly.Memory of fixed size', () => {
    const machine = small()
    expect(machine.buffer).toBeInstanceOf(SharedArrayBuffer)
    expect(machine.buffer.byteLength).toBe(1 << 18)
    expect(() => machine.memory.grow(1)).toThrow(RangeError)
    expect(new Machine().buffer.byteLength).toBe(16 << 20)
  })

  it('gives extents that end where the domain ends', () => {
    const machine = small()
    const one = machine.createExtent(0, 2)
    const two = machine.createExtent(1, 3)
    expect([one.length, two.length]).toEqual([8192, 12288])
    expect(two.base).toBe(one.base + 8192)
    one.bytes.fill(1)
    expect(two.bytes.every((byte) => byte === 0)).toBe(true)
    expect(() => one.view.getUint8(8192)).toThrow(RangeError)
    expect(machine.bytes[one.base]).toBe(1)
  })

  it('refuses domids outside the table, twice the same, and more than it has', () => {
    const machine = small()
    machine.createExtent(0, 1)
    expectCode('IN_USE', () => machine.createExtent(0, 1))
    expectCode('BAD_DOMAIN', () => machine.createExtent(4, 1))
    expectCode('BAD_DOMAIN', () => machine.createExtent(-1, 1))
    expectCode('NO_MEMORY', () => machine.createExtent(1, 100))
    expectCode('BAD_ARGUMENT', () => machine.createExtent(1, 0))
    expectCode('BAD_DOMAIN', () => machine.extentOf(3))
    expectCode('BAD_ARGUMENT', () => new Machine({ bytes: 1 }))
    expectCode('BAD_ARGUMENT', () => new Machine({ maxDomains: 0 }))
  })

  it('keeps every page when a domain goes, and shows the next one none of it', () => {
    const machine = small()
    const before = machine.pagesFree
    const extent = machine.createExtent(2, 10)
    extent.bytes.fill(0xaa)
    machine.destroyExtent(extent)
    expect(machine.pagesFree).toBe(before)
    expect(machine.createExtent(2, 10).bytes.every((byte) => byte === 0)).toBe(true)
    expectCode('BAD_DOMAIN', () => machine.destroyExtent(extent))
  })

  it('does not destroy anything while a hypercall is in progress', () => {
    const machine = small()
    const one = machine.createExtent(0, 1)
    machine.createExtent(1, 1)
    expect(enterHypercall(machine, 1)).toBe(true)
    expectCode('IN_USE', () => machine.destroyExtent(one))
    leaveHypercall(machine, 1)
    expect(enterHypercall(machine, 0)).toBe(false)
    expect(machine.inHypercall()).toBe(-1)
    machine.destroyExtent(one)
    expect(machine.hasDomain(0)).toBe(false)
  })

  it('reserves table space from the top, aligned, apart from domains', () => {
    const machine = small()
    const first = machine.reserve(10)
    const second = machine.reserve(64)
    expect(first % 64).toBe(0)
    expect(second).toBe(first + 64)
    expect(machine.reserve(8192) % 4096).toBe(0)
    expect(machine.createExtent(0, 4).base).toBeLessThan(first)
  })
})

describe('pages of a domain', () => {
  it('come zeroed and contiguous, by gfn, and can be given back once', () => {
    const extent = small().createExtent(0, 6)
    const first = extent.allocPages(2)
    expect([...first.pages]).toEqual([0, 1])
    const second = extent.allocPages(3)
    expect([second.offset, second.length, extent.pagesFree]).toEqual([8192, 12288, 1])
    expectCode('NO_MEMORY', () => extent.allocPages(2))
    extent.bytes.fill(7)
    extent.freePages(first)
    expectCode('BAD_PAGE', () => extent.freePages(first))
    expectCode('BAD_ARGUMENT', () => extent.allocPages(0))
    const third = extent.allocPages(1)
    expect(third.offset).toBe(0)
    expect(extent.bytes.slice(0, 4096).every((byte) => byte === 0)).toBe(true)
    expect(extent.bytes[4096]).toBe(7)
  })

  it('are not taken back for another domain', () => {
    const machine = small()
    const arena = machine.createExtent(0, 2).allocPages(1)
    const other = machine.createExtent(1, 2)
    other.allocPages(1)
    expectCode('BAD_PAGE', () => other.freePages(arena))
  })

  it('are given at a place that is asked for, if it is free', () => {
    const extent = small().createExtent(0, 4)
    const first = extent.allocPages(1)
    expectCode('NO_MEMORY', () => extent.allocPagesAt(0, 2))
    expectCode('NO_MEMORY', () => extent.allocPagesAt(3, 2))
    const arena = extent.allocPagesAt(2, 2)
    expect([arena.offset, arena.length, arena.pages, extent.pagesFree]).toEqual([8192, 8192, [2, 3], 1])
    arena.bytes.fill(7, arena.offset, arena.offset + arena.length)
    extent.freePages(arena)
    extent.freePages(first)
    expect(extent.allocPagesAt(2, 1).bytes[8192]).toBe(0)
    expect(extent.allocPages(2).offset).toBe(0)
  })

  it('are shown one by one', () => {
    const extent = small().createExtent(0, 2)
    const { pages } = extent.allocPages(2)
    expect(extent.pageView(pages[1])).toMatchObject({ offset: 4096, length: 4096 })
    expectCode('BAD_PAGE', () => extent.pageView((pages[1] + 1) as (typeof pages)[1]))
  })
})

describe('the page allocator', () => {
  it('fills from both ends and finds a hole of the right size', () => {
    const pages = new PageAllocator(8)
    expect([pages.take(2), pages.take(2), pages.takeHigh(2), pages.free]).toEqual([0, 2, 6, 2])
    expect(pages.take(3)).toBe(-1)
    expect(pages.give(0, 2)).toBe(true)
    expect(pages.give(0, 2)).toBe(false)
    expect(pages.give(7, 2)).toBe(false)
    expect([pages.take(1), pages.takeHigh(1), pages.takeHigh(1), pages.take(1), pages.take(1)]).toEqual([
      0, 5, 4, 1, -1,
    ])
  })
})

describe('errors', () => {
  it('carry a code, a sentence and the cause', () => {
    const cause = new Error('below')
    const error = new XenError('NO_MEMORY', 'why', { cause })
    expect([error.name, error.code, error.message, error.cause]).toEqual([
      'XenError',
      'NO_MEMORY',
      'why',
      cause,
    ])
  })
})
