import { Random } from '@netaccel/packet'
import { describe, expect, it } from 'vitest'
import { GTF_PERMIT_ACCESS, GTF_READING, GTF_SUB_PAGE } from './grant-abi.js'
import { copyEngine } from './copy-engine.js'
import { GrantMapBatch } from './grant-map-batch.js'
import { ENOSYS, GrantOps } from './grant-ops.js'
import type { GrantOpsOptions } from './grant-ops.js'
import { GrantTable } from './grant-table.js'
import { Machine } from './machine.js'
import type { MachineOptions } from './machine.js'
import { pinsOnDomain } from './reaper.js'
import { VmArea } from './vm-area.js'

/** Domain 0 maps what guest 1 grants; each of the guest's pages is full of its number. */
function world(options: GrantOpsOptions & { threads?: MachineOptions['threads'] } = {}) {
  const machine = new Machine({ bytes: 2 << 20, maxDomains: 4, threads: options.threads })
  const own = machine.createExtent(0, 16)
  const guest = machine.createExtent(1, 32)
  const table = new GrantTable(machine, guest)
  const ops = new GrantOps(machine, 0, options)
  const area = new VmArea(machine, 0, 8)
  const batch = new GrantMapBatch(ops, area)
  const arena = guest.allocPages(4)
  arena.pages.forEach((_, page) =>
    guest.bytes.fill(page + 1, arena.offset + page * 4096, arena.offset + (page + 1) * 4096),
  )
  /** The handle, or the status if that is not okay. */
  const map = (page: number, ref: number, dom = 1): number => {
    batch.resetMaps()
    const index = batch.map(page, dom, ref)
    batch.runMaps()
    const status = batch.mapStatus(index)
    return status === 0 ? batch.handle(index) : status
  }
  const unmap = (page: number, handle: number): number => {
    batch.resetUnmaps()
    const index = batch.unmap(page, handle)
    batch.runUnmaps()
    return batch.unmapStatus(index)
  }
  /** The first byte at a page of the area; -1: it shows nothing. */
  const at = (page: number): number => (area.table[page] === 0 ? -1 : machine.bytes[area.table[page]])
  const local = own.allocPages(1)
  own.bytes.fill(99, local.offset, local.offset + 4096)
  return { machine, own, guest, table, ops, area, batch, arena, map, unmap, at, local }
}

describe.each(['wasm', 'typescript'] as const)('grants mapped at a VM area (%s)', (engine) => {
  it.each(['one', 'many'] as const)(
    'are shown there, pinned read-only, until unmapped (%s thread)',
    (threads) => {
      const { machine, table, ops, area, arena, map, unmap, at } = world({ engine, threads })
      const ref = table.grant(0, arena.pages[2], 'ro')
      const handle = map(5, ref)
      expect([handle >= 0, at(5), at(4)]).toEqual([true, 3, -1])
      expect(machine.iommuReaches(0, area.table[5])).toBe(true)
      expect(table.flagsOf(ref) & GTF_READING).toBe(GTF_READING)
      expect(pinsOnDomain(machine, 1)).toMatchObject([{ ref, holder: 0, hostRead: 1, hostWrite: 0 }])
      expect(ops.mappings()).toEqual([{ handle, domid: 1, ref, flags: 6 }])
      const place = area.table[5]
      expect([unmap(5, handle), at(5), ops.mapped, machine.iommuReaches(0, place)]).toEqual([0, -1, 0, false])
      expect(table.flagsOf(ref) & GTF_READING).toBe(0)
      expect([pinsOnDomain(machine, 1), unmap(5, handle)]).toEqual([[], -4])
    },
  )

  it('are refused as the map operation refuses them, and at an address that shows something or is none', () => {
    const { guest, table, ops, arena, map } = world({ engine })
    const ref = table.grant(0, arena.pages[0], 'ro')
    const foreign = table.grant(2, arena.pages[1], 'ro')
    expect([map(0, ref, 3), map(0, ref, 40000), map(0, 0xffffffff), map(0, foreign)]).toEqual([
      -2, -2, -3, -1,
    ])
    expect(map(0, ref)).toBeGreaterThanOrEqual(0)
    expect([map(0, ref), map(1024, ref), map(-1, ref)]).toEqual([-1, -1, -1])
    const bad = table.grant(0, arena.pages[2], 'ro')
    guest.view.setUint32(bad * 8 + 4, 0xf0000, true)
    expect(map(1, bad)).toBe(-9)
    guest.view.setUint16(bad * 8, GTF_PERMIT_ACCESS | GTF_SUB_PAGE, true)
    expect([map(1, bad), ops.mapped]).toEqual([-1, 1])
  })

  it('are unmapped only at the address that shows them', () => {
    const { table, arena, map, unmap, at } = world({ engine })
    const one = map(0, table.grant(0, arena.pages[0], 'ro'))
    map(1, table.grant(0, arena.pages[1], 'ro'))
    expect([unmap(1, one), unmap(2, one), unmap(1024, one), unmap(0, 4711), at(0)]).toEqual([
      -1, -1, -1, -4, 1,
    ])
    expect(unmap(0, one)).toBe(0)
  })

  it('fail with -13 when no handle is left', () => {
    const { table, ops, arena, map } = world({ engine, maptrackFrames: 1 })
    const refs = [0, 1, 2].map((page) => table.grant(0, arena.pages[page], 'ro'))
    for (let count = 0; count < 256; count++) ops.map(1, refs[count % 3], 'ro')
    expect(map(0, refs[0])).toBe(-13)
  })
})

it('both engines leave the same machine behind, whatever they are told to map and unmap', () => {
  for (let seed = 1; seed <= 40; seed++) {
    const left = (['wasm', 'typescript'] as const).map((engine) => {
      const { machine, guest, table, ops, area, arena } = world({
        engine,
        threads: seed % 2 === 0 ? 'one' : 'many',
      })
      const random = new Random(seed)
      const refs = [0, 1, 2, 3].map((page) => table.grant(page === 3 ? 2 : 0, arena.pages[page], 'rw'))
      if (seed % 5 === 0) guest.view.setUint32(refs[2] * 8 + 4, 4711, true)
      const at = ops.machine.extentOf(0).base + 8 * 4096
      ops.reserveHandles(64)
      const pick = (values: readonly number[]): number => values[random.below(values.length)]
      const low = (): number => (area.addressOf(random.below(9)) % 2 ** 32) | 0
      for (let round = 0; round < 6; round++) {
        for (let op = at; op < at + 8 * 32; op += 32) {
          const words = [
            low(),
            pick([1, 1, 1, 1, 0, 2]),
            pick([2, 6, 6, 3, 7, 0, 18]),
            pick([...refs, 9, 600]),
            pick([1, 1, 1, 3, 50]),
          ]
          machine.words.set(words, op >> 2)
        }
        const failed = [copyEngine(machine, engine).mapBatch(at, 8, 0)]
        for (let op = at; op < at + 8 * 24; op += 24) {
          const bus = pick([0, 0, area.table[random.below(8)]])
          machine.words.set([pick([low(), low(), 0]), pick([1, 1, 0]), bus, 0, random.below(9)], op >> 2)
        }
        failed.push(copyEngine(machine, engine).unmapBatch(at, 8, 0))
        machine.words.set(failed, (at >> 2) + 512 + round * 2)
      }
      return machine.words.slice()
    })
    expect(Buffer.compare(Buffer.from(left[0].buffer), Buffer.from(left[1].buffer)), `seed ${seed}`).toBe(0)
  }
})

describe('unmap_and_replace (GNTTABOP 7)', () => {
  it('puts the page of the new address under the old one, lets go of the grant, and leaves the new address empty', () => {
    const { machine, table, ops, area, arena, map, at, local } = world()
    const ref = table.grant(0, arena.pages[0], 'ro')
    const handle = map(3, ref)
    const place = area.table[3]
    area.show(4, local.pages[0])
    expect(ops.unmapAndReplace(handle, area.addressOf(3), area.addressOf(4))).toBe(0)
    expect([at(3), at(4), ops.mapped, machine.iommuReaches(0, place)]).toEqual([99, -1, 0, false])
    expect([table.flagsOf(ref) & GTF_READING, pinsOnDomain(machine, 1)]).toEqual([0, []])
    expect(ops.unmapAndReplace(handle, area.addressOf(3), area.addressOf(4))).toBe(-4)
  })

  it('with a new address of 0 is a plain unmap', () => {
    const { table, ops, area, arena, map, at } = world()
    const handle = map(3, table.grant(0, arena.pages[0], 'ro'))
    expect([ops.unmapAndReplace(handle, area.addressOf(3), 0), at(3), ops.mapped]).toEqual([0, -1, 0])
  })

  it('checks handle, new address and address in this order; the new address loses its page before the last', () => {
    const { table, ops, area, arena, map, at, local } = world()
    const handle = map(3, table.grant(0, arena.pages[0], 'ro'))
    const other = map(2, table.grant(0, arena.pages[1], 'ro'))
    area.show(4, local.pages[0])
    const [bad, local4] = [area.addressOf(1024), area.addressOf(4)]
    expect(ops.unmapAndReplace(99, bad, bad)).toBe(-4)
    expect([
      ops.unmapAndReplace(handle, area.addressOf(3), bad),
      ops.unmapAndReplace(handle, 0, local4),
      at(4),
    ]).toEqual([-1, 0, 99])
    expect(ops.unmapAndReplace(handle, area.addressOf(3), local.offset + 1)).toBe(-1)
    expect([ops.unmapAndReplace(handle, area.addressOf(2), local4), at(4), at(2), at(3)]).toEqual([
      -1, -1, 2, 1,
    ])
    expect([ops.mapped, handle === other]).toEqual([2, false])
  })

  it('does not take a page mapped without an area: nothing could be put under it', () => {
    const { table, ops, area, arena, local } = world()
    const page = ops.map(1, table.grant(0, arena.pages[0], 'ro'), 'ro')
    if (typeof page === 'number') throw new Error(`map gave ${page}`)
    area.show(4, local.pages[0])
    expect([ops.unmapAndReplace(page.handle, page.hostAddr, area.addressOf(4)), ops.mapped]).toEqual([-1, 1])
  })

  it('is refused in a translated domain (HVM, PVH), unless the new address is 0', () => {
    const { machine, table, ops, area, arena, map, at, local } = world()
    machine.markTranslated(0)
    const handle = map(3, table.grant(0, arena.pages[0], 'ro'))
    area.show(4, local.pages[0])
    expect([ops.translated, ops.probeUnmapAndReplace()]).toEqual([true, 0])
    expect([ops.unmapAndReplace(handle, area.addressOf(3), area.addressOf(4)), at(3), at(4)]).toEqual([
      -1, 1, 99,
    ])
    expect([ops.unmapAndReplace(handle, area.addressOf(3), 0), at(3)]).toEqual([0, -1])
  })

  it('is unknown to a hypervisor before 3.1', () => {
    const { ops, area } = world({ unmapAndReplace: false })
    expect([ops.probeUnmapAndReplace(), ops.unmapAndReplace(0, area.addressOf(0), 0)]).toEqual([
      ENOSYS,
      ENOSYS,
    ])
  })
})

it('a VM area shows pages of its own domain, gives its addresses back, and keeps those in use', () => {
  const { machine, table, area, arena, map, unmap, local } = world()
  const free = machine.pagesFree
  const second = new VmArea(machine, 0, 1024)
  expect(second.addressOf(0)).toBe(area.addressOf(1024))
  expect([() => new VmArea(machine, 0, 0), () => new VmArea(machine, 0, 1025)].map(thrown)).toEqual([
    'BAD_ARGUMENT',
    'BAD_ARGUMENT',
  ])
  second.show(7, local.pages[0])
  expect(
    [() => second.show(7, local.pages[0]), () => second.show(8, 16 as never), () => second.dispose()].map(
      thrown,
    ),
  ).toEqual(['BAD_PAGE', 'BAD_PAGE', 'IN_USE'])
  second.hide(7)
  second.dispose()
  second.dispose()
  expect(machine.pagesFree).toBe(free)
  const handle = map(0, table.grant(0, arena.pages[0], 'ro'))
  expect(thrown(() => area.hide(0))).toBe('BAD_PAGE')
  unmap(0, handle)
  area.dispose()
  expect(new VmArea(machine, 0, 1).addressOf(0)).toBe(area.addressOf(0))
})

it('a domain that dies takes the tables of its areas along', () => {
  const machine = new Machine({ bytes: 2 << 20, maxDomains: 4 })
  const free = machine.pagesFree
  const extent = machine.createExtent(1, 16)
  new VmArea(machine, 1, 8).show(0, 3 as never)
  machine.destroyExtent(extent)
  expect(machine.pagesFree).toBe(free)
})

function thrown(work: () => unknown): unknown {
  try {
    return work()
  } catch (error) {
    return (error as { code: string }).code
  }
}
