import { describe, expect, it } from 'vitest'
import { GrantOps } from './grant-ops.js'
import { GrantTable } from './grant-table.js'
import { Machine, type MachineOptions } from './machine.js'
import { RingGrants, type RingGrantsOptions } from './ring-grants.js'

function world({ threads, ...options }: Partial<RingGrantsOptions> & Pick<MachineOptions, 'threads'> = {}) {
  const machine = new Machine({ bytes: 2 << 20, threads })
  machine.createExtent(0, 16)
  const extent = machine.createExtent(1, 160)
  const table = new GrantTable(machine, extent)
  const ops = new GrantOps(machine, 0)
  const free = extent.pagesFree
  const grants = new RingGrants(table, { slots: 256, domid: 0, access: 'ro', ...options })
  return { extent, table, ops, grants, free }
}

const KINDS = [
  { engine: 'wasm', threads: 'one' },
  { engine: 'wasm', threads: 'many' },
  { engine: 'typescript', threads: 'many' },
] as const

describe.each(KINDS)('the grants of a ring ($engine, memory of $threads)', (kind) => {
  it('are permitted as the table permits them', () => {
    const { extent, table, grants } = world({ ...kind, slots: 2, domid: 0x0203 })
    const [page] = extent.allocPages(1).pages
    grants.permit(1, page)
    const twin = table.claim()
    table.permit(twin, 0x0203, page, true)
    const entry = (ref: number): string => {
      const at = table.addressOf(ref) - extent.base
      return Buffer.from(extent.bytes.slice(at, at + 8)).toString('hex')
    }
    expect(entry(grants.refs[1])).toBe(entry(twin))
    expect(entry(grants.refs[0])).toBe('0000000000000000')
  })

  it('let write when they are for writing', () => {
    const { extent, ops, grants } = world({ ...kind, access: 'rw' })
    grants.permit(255, extent.allocPages(1).pages[0])
    expect(typeof ops.map(1, grants.refs[255], 'rw')).toBe('object')
  })

  it('end many at once, and say which are in use', () => {
    const { extent, table, ops, grants } = world({ ...kind })
    const [page] = extent.allocPages(1).pages
    const slots = [0, 255, 100]
    for (const slot of slots) grants.permit(slot, page)
    const mapped = ops.map(1, grants.refs[255], 'ro')
    if (typeof mapped === 'number') throw new Error(`map gave ${mapped}`)
    for (const slot of slots) grants.queueEnd(slot)
    expect(grants.end()).toBe(1)
    expect([0, 1, 2].map((index) => grants.ended(index))).toEqual([true, false, true])
    expect(slots.map((slot) => table.flagsOf(grants.refs[slot]))).toEqual([0, 13, 0])
    grants.reset()
    expect(grants.tryEnd(255)).toBe(false)
    ops.unmap(mapped)
    grants.queueEnd(255)
    expect([grants.queued, grants.end(), grants.ended(0)]).toEqual([1, 0, true])
    expect(table.inUse).toBe(256)
  })

  it('end as many as a loop has put into the queue itself', () => {
    const { extent, table, grants } = world({ ...kind })
    for (const slot of [9, 10, 11]) grants.permit(slot, extent.allocPages(1).pages[0])
    grants.queue.set([9, 11, 10])
    expect([grants.end(2), grants.queued]).toEqual([0, 0])
    expect([9, 10, 11].map((slot) => table.flagsOf(grants.refs[slot]))).toEqual([0, 5, 0])
  })

  it('go back with their page, but those that are kept', () => {
    const { extent, table, grants, free } = world({ ...kind })
    grants.close((slot) => slot === 7)
    expect([table.inUse, extent.pagesFree]).toEqual([1, free])
    table.release(grants.refs[7])
    expect(table.inUse).toBe(0)
  })
})

describe('a ring that cannot be granted', () => {
  it('leaves nothing taken', () => {
    const { table, extent } = world()
    const before = [table.inUse, extent.pagesFree]
    for (const slots of [0, 257]) {
      expect(() => new RingGrants(table, { slots, domid: 0, access: 'ro' })).toThrow(/1 to 256 slots/)
    }
    expect([table.inUse, extent.pagesFree]).toEqual(before)
    const machine = new Machine({ bytes: 2 << 20 })
    const small = new GrantTable(machine, machine.createExtent(1, 160), { maxFrames: 1 })
    for (let count = 0; count < 300; count++) small.claim()
    expect(() => new RingGrants(small, { slots: 256, domid: 0, access: 'ro' })).toThrow(
      /no 256 grant references/,
    )
    expect(small.inUse).toBe(300)
  })
})
