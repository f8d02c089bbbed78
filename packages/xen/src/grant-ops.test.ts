import { describe, expect, it } from 'vitest'
import {
  GNTMAP_CONTAINS_PTE,
  GNTMAP_DEVICE,
  GNTMAP_HOST,
  GTF_ACCEPT_TRANSFER,
  GTF_PERMIT_ACCESS,
  GTF_READING,
  GTF_READONLY,
  GTF_SUB_PAGE,
  GTF_TRANSITIVE,
  GTF_WRITING,
} from './grant-abi.js'
import { GrantOps } from './grant-ops.js'
import { GrantPins } from './grant-pins.js'
import { GrantTable } from './grant-table.js'
import { PIN_HOST_READ } from './hypervisor-layout.js'
import { Machine } from './machine.js'
import type { MappedPage } from './mapped-page.js'
import { IoPage } from './mapped-page.js'
import { pinsOnDomain } from './reaper.js'
import type { GrantOpsOptions } from './grant-ops.js'

const BOTH = GNTMAP_HOST | GNTMAP_DEVICE

/** Guest 1 grants; domains 0 and 2 use. */
function world(options: GrantOpsOptions = {}) {
  const machine = new Machine({ bytes: 2 << 20, maxDomains: 4 })
  machine.createExtent(0, 16)
  machine.createExtent(2, 16)
  const guest = machine.createExtent(1, 32)
  const table = new GrantTable(machine, guest)
  const ops = new GrantOps(machine, 0, options)
  const other = new GrantOps(machine, 2)
  const arena = guest.allocPages(4)
  const grant = (access: 'ro' | 'rw' = 'rw', to = 0): number => table.grant(to, arena.pages[0], access)
  const setFlags = (ref: number, flags: number): void => guest.view.setUint16(ref * 8, flags, true)
  return { machine, guest, table, ops, other, arena, grant, setFlags }
}

function mapped(page: MappedPage | number): MappedPage {
  if (typeof page === 'number') throw new Error(`map gave ${page}`)
  return page
}

describe('map', () => {
  it('shows the page, sets reading and writing, and notes the pin', () => {
    const { machine, guest, table, ops, arena, grant } = world()
    const ref = grant()
    guest.bytes[arena.offset + 5] = 99
    const page = mapped(ops.map(1, ref, 'rw'))
    expect([page.offset, page.length, page.bytes[5], page.gfn]).toEqual([0, 4096, 99, arena.pages[0]])
    page.view.setUint8(6, 7)
    expect(guest.bytes[arena.offset + 6]).toBe(7)
    expect(table.flagsOf(ref)).toBe(GTF_PERMIT_ACCESS | GTF_READING | GTF_WRITING)
    expect(pinsOnDomain(machine, 1)).toEqual([
      {
        ref,
        page: arena.pages[0],
        holder: 0,
        hostWrite: 1,
        hostRead: 0,
        deviceWrite: 0,
        deviceRead: 0,
        locked: false,
      },
    ])
    expect(ops.mappings()).toEqual([{ handle: page.handle, domid: 1, ref, flags: GNTMAP_HOST }])
  })

  it.each([
    ['no device or host flag', -3, { flags: 0 }],
    ['a flag of another kind of guest', -1, { flags: GNTMAP_HOST | GNTMAP_CONTAINS_PTE }],
    ['a domain that does not exist', -2, { dom: 3 }],
    ['a domid beyond the table', -2, { dom: 40000 }],
    ['a reference beyond the table', -3, { ref: 512 }],
    ['a reference of 32 bits', -3, { ref: 0xffffffff }],
    ['a reference below 0', -3, { ref: -1 }],
  ])('refuses %s: %i', (_, status, change) => {
    const { ops, grant } = world()
    const call = { dom: 1, ref: grant(), flags: GNTMAP_HOST, ...change }
    expect(ops.map(call.dom, call.ref, 'rw', call.flags)).toBe(status)
    expect(ops.mapped).toBe(0)
  })

  it.each([
    ['an entry never permitted', 0, -1],
    ['a transfer', GTF_ACCEPT_TRANSFER, -1],
    ['a transitive entry', GTF_TRANSITIVE, -1],
    ['a sub-page entry', GTF_PERMIT_ACCESS | GTF_SUB_PAGE, -1],
    ['a write to a read-only entry', GTF_PERMIT_ACCESS | GTF_READONLY, -1],
  ])('refuses %s', (_, flags, status) => {
    const { machine, table, ops, grant, setFlags } = world()
    const ref = grant()
    setFlags(ref, flags)
    expect(ops.map(1, ref, 'rw')).toBe(status)
    expect(table.flagsOf(ref)).toBe(flags)
    expect(pinsOnDomain(machine, 1)).toEqual([])
  })

  it('refuses a domain it was not granted to', () => {
    const { other, grant, table } = world()
    const ref = grant()
    expect(other.map(1, ref, 'ro')).toBe(-1)
    expect(table.flagsOf(ref)).toBe(GTF_PERMIT_ACCESS)
  })

  it.each([32, 33, 0xf0000, 0xffffffff])('refuses frame %i, which the guest does not have: -9', (frame) => {
    const { machine, guest, ops, grant, table } = world()
    const ref = grant()
    guest.view.setUint32(ref * 8 + 4, frame, true)
    expect(ops.map(1, ref, 'rw')).toBe(-9)
    expect(table.flagsOf(ref)).toBe(GTF_PERMIT_ACCESS)
    expect([pinsOnDomain(machine, 1).length, ops.mapped]).toEqual([0, 0])
  })

  it('refuses when no handle is left: -13', () => {
    const { ops, grant } = world({ maptrackFrames: 1 })
    const refs = [grant('ro'), grant('ro'), grant('ro')]
    for (let count = 0; count < 256; count++) mapped(ops.map(1, refs[count & 1], 'ro'))
    expect(ops.map(1, refs[2], 'ro')).toBe(-13)
    expect(ops.mapped).toBe(256)
  })

  it('looks for a handle before it looks at the reference', () => {
    const { ops } = world({ maptrackFrames: 0 })
    expect(ops.map(1, 9999, 'ro')).toBe(-13)
    expect(ops.map(3, 9999, 'ro')).toBe(-2)
  })

  it('goes by the active entry once pinned, whatever the guest writes (XSA-155)', () => {
    const { guest, ops, arena, grant } = world()
    const ref = grant('rw')
    const page = mapped(ops.map(1, ref, 'ro'))
    guest.view.setUint32(ref * 8 + 4, 0, true)
    guest.view.setUint16(ref * 8 + 2, 2, true)
    const again = mapped(ops.map(1, ref, 'ro'))
    expect([again.gfn, again.hostAddr]).toEqual([arena.pages[0], page.hostAddr])
  })

  it('refuses a second domain while the first holds the page', () => {
    const { guest, ops, other, grant } = world()
    const ref = grant('ro')
    mapped(ops.map(1, ref, 'ro'))
    guest.view.setUint16(ref * 8 + 2, 2, true)
    expect(other.map(1, ref, 'ro')).toBe(-1)
  })

  it('raises to writing only if the entry still allows it', () => {
    const { table, ops, grant, setFlags } = world()
    const ref = grant('rw')
    mapped(ops.map(1, ref, 'ro'))
    setFlags(ref, GTF_PERMIT_ACCESS | GTF_READONLY | GTF_READING)
    expect(ops.map(1, ref, 'rw')).toBe(-1)
    setFlags(ref, GTF_PERMIT_ACCESS | GTF_READING)
    mapped(ops.map(1, ref, 'rw'))
    expect(table.flagsOf(ref)).toBe(GTF_PERMIT_ACCESS | GTF_READING | GTF_WRITING)
  })

  it('counts to 128 in one counter and refuses the next, other counters being apart', () => {
    const { machine, ops, grant } = world()
    const ref = grant('rw')
    for (let count = 0; count < 128; count++) mapped(ops.map(1, ref, 'ro'))
    expect(ops.map(1, ref, 'ro')).toBe(-1)
    mapped(ops.map(1, ref, 'rw'))
    mapped(ops.map(1, ref, 'ro', GNTMAP_DEVICE))
    expect(pinsOnDomain(machine, 1)[0]).toMatchObject({
      hostRead: 128,
      hostWrite: 1,
      deviceRead: 1,
      deviceWrite: 0,
    })
    expect(ops.releaseMappings()).toBe(130)
    expect(pinsOnDomain(machine, 1)).toEqual([])
  })
})

describe('an entry that keeps changing', () => {
  /** Plays a guest that flips an unused flag before each of the first `times` exchanges. */
  class RestlessGuest extends GrantPins {
    times = 0
    exchanges = 0

    protected override exchange(index: number, expected: number, value: number): number {
      this.exchanges++
      if (this.exchanges <= this.times) this.words[index] ^= 0x20
      return super.exchange(index, expected, value)
    }
  }

  it.each([
    [4, 0, 5],
    [5, -1, 5],
    [100, -1, 5],
  ])('%i times: status %i after %i tries', (times, status, tries) => {
    const { machine, grant } = world()
    const pins = new RestlessGuest(machine)
    pins.times = times
    expect(pins.acquire(machine.record(1), grant(), 0, false, PIN_HOST_READ, true, false)).toBe(status)
    expect(pins.exchanges).toBe(tries)
    expect(pinsOnDomain(machine, 1)).toHaveLength(status === 0 ? 1 : 0)
  })
})

describe('unmap', () => {
  it('clears reading with the last pin and writing with the last write pin', () => {
    const { table, ops, grant } = world()
    const ref = grant('rw')
    const read = mapped(ops.map(1, ref, 'ro'))
    const write = mapped(ops.map(1, ref, 'rw'))
    expect(ops.unmap(write)).toBe(0)
    expect(table.flagsOf(ref)).toBe(GTF_PERMIT_ACCESS | GTF_READING)
    expect(ops.unmap(read)).toBe(0)
    expect(table.flagsOf(ref)).toBe(GTF_PERMIT_ACCESS)
  })

  it('of a reader does not clear the writing bit (XSA-230)', () => {
    const { table, ops, grant, setFlags } = world()
    const ref = grant('rw')
    const first = mapped(ops.map(1, ref, 'ro'))
    mapped(ops.map(1, ref, 'ro'))
    // A status bit that belongs to somebody else's write, as when a transfer of the bit is under way.
    setFlags(ref, table.flagsOf(ref) | GTF_WRITING)
    expect(ops.unmap(first)).toBe(0)
    expect(table.flagsOf(ref) & GTF_WRITING).toBe(GTF_WRITING)
  })

  it('takes a handle once: -4', () => {
    const { ops, grant } = world()
    const page = mapped(ops.map(1, grant(), 'rw'))
    expect([ops.unmap(page), ops.unmap(page)]).toEqual([0, -4])
    expect(ops.unmapHandle(100000, 1, 1)).toBe(-4)
    expect(ops.unmapHandle(-1, 1, 1)).toBe(-4)
    expect(ops.unmapHandle(0xffffffff, 1, 1)).toBe(-4)
  })

  it('wants the address that is mapped: -1 for the host, -6 for the device', () => {
    const { ops, grant } = world()
    const page = mapped(ops.map(1, grant(), 'rw', BOTH))
    expect(ops.unmapHandle(page.handle, page.hostAddr + 4096, 0)).toBe(-1)
    expect(ops.unmapHandle(page.handle, 0, page.hostAddr + 4096)).toBe(-6)
    expect(ops.mapped).toBe(1)
    expect(ops.unmap(page)).toBe(0)
  })

  it('leaves a part whose address is 0, and frees the handle with the last', () => {
    const { machine, table, ops, grant } = world()
    const ref = grant()
    const page = mapped(ops.map(1, ref, 'rw', BOTH))
    expect(pinsOnDomain(machine, 1)[0]).toMatchObject({ hostWrite: 1, deviceWrite: 1 })
    expect(ops.unmapHandle(page.handle, 0, 0)).toBe(0)
    expect(ops.unmapHandle(page.handle, page.hostAddr, 0)).toBe(0)
    expect(pinsOnDomain(machine, 1)[0]).toMatchObject({ hostWrite: 0, deviceWrite: 1 })
    expect(table.flagsOf(ref)).toBe(GTF_PERMIT_ACCESS | GTF_READING | GTF_WRITING)
    expect(ops.unmapHandle(page.handle, 0, page.hostAddr)).toBe(0)
    expect([ops.mapped, table.flagsOf(ref)]).toEqual([0, GTF_PERMIT_ACCESS])
    expect(ops.unmapHandle(page.handle, 0, page.hostAddr)).toBe(-4)
  })

  it('works after the guest has revoked by force', () => {
    const { machine, ops, grant, setFlags, table } = world()
    const ref = grant()
    const page = mapped(ops.map(1, ref, 'rw'))
    setFlags(ref, 0)
    expect(ops.unmap(page)).toBe(0)
    expect([table.flagsOf(ref), pinsOnDomain(machine, 1).length]).toEqual([0, 0])
  })

  it('hands handles out again, over more than one frame of them', () => {
    const { ops, grant } = world()
    const refs = Array.from({ length: 10 }, () => grant('ro'))
    for (let round = 0; round < 2; round++) {
      const pages = Array.from({ length: 600 }, (_, index) => mapped(ops.map(1, refs[index % 10], 'ro')))
      expect(new Set(pages.map(({ handle }) => handle)).size).toBe(600)
      expect(Math.max(...pages.map(({ handle }) => handle))).toBeLessThan(768)
      for (const page of pages) expect(ops.unmap(page)).toBe(0)
    }
    expect(ops.mapped).toBe(0)
  })
})

describe('I/O memory', () => {
  function device() {
    const all = world()
    const writes: [number, number][] = []
    const page = all.machine.ioPage(
      1,
      (offset, value) => writes.push([offset, value]),
      (offset) => offset - 1,
    )
    return { ...all, writes, page, ref: all.table.grant(0, page, 'io') }
  }

  it('granted by its owner calls the owner at each write', () => {
    const { ops, ref, writes, table } = device()
    const io = ops.mapIo(1, ref)
    if (!(io instanceof IoPage)) throw new Error(`mapIo gave ${io}`)
    io.write32(0x830, -1)
    io.write32(0, 5)
    expect(writes).toEqual([
      [0x830, 0xffffffff],
      [0, 5],
    ])
    expect([io.read32(4), io.read32(0)]).toEqual([3, 0xffffffff])
    expect(() => io.write32(4096, 0)).toThrow(/no 32-bit register/)
    expect(() => io.read32(2)).toThrow(/no 32-bit register/)
    expect(table.flagsOf(ref) & (GTF_READING | GTF_WRITING)).toBe(GTF_READING | GTF_WRITING)
    expect(ops.unmap(io)).toBe(0)
    expect(table.tryEnd(ref)).toBe(true)
  })

  it('is not memory, and memory is not a device: -9', () => {
    const { ops, ref, grant, table } = device()
    expect(ops.map(1, ref, 'rw')).toBe(-9)
    expect(ops.mapIo(1, grant())).toBe(-9)
    const io = ops.mapIo(1, ref)
    expect(io).toBeInstanceOf(IoPage)
    expect(ops.map(1, ref, 'rw')).toBe(-9)
    expect(table.flagsOf(ref) & GTF_READING).toBe(GTF_READING)
  })

  it('of another domain cannot be granted: -1', () => {
    const { machine, table, ops } = device()
    const foreign = machine.ioPage(2, () => undefined)
    expect(ops.mapIo(1, table.grant(0, foreign, 'io'))).toBe(-1)
  })

  it('that is gone reads as all ones and swallows writes', () => {
    const { machine, ops, ref, page, writes } = device()
    const io = ops.mapIo(1, ref)
    if (!(io instanceof IoPage)) throw new Error(`mapIo gave ${io}`)
    machine.io.remove(page)
    io.write32(0, 1)
    expect([io.read32(0), writes.length]).toEqual([0xffffffff, 0])
    expect(() => machine.io.remove(page)).toThrow(/no I\/O page/)
    expect(ops.unmap(io)).toBe(0)
  })
})

describe('a domain that dies', () => {
  it('with pages pinned stays until the holder lets go; the pins say who', () => {
    const { machine, guest, ops, other, grant } = world()
    const page = mapped(ops.map(1, grant('rw'), 'rw'))
    const ref = grant('ro', 2)
    mapped(other.map(1, ref, 'ro'))
    expect(() => machine.destroyExtent(guest)).toThrow(/domain 0 still holds grant 8 of domain 1/)
    expect(pinsOnDomain(machine, 1).map(({ holder }) => holder)).toEqual([0, 2])
    expect(ops.map(1, ref, 'ro')).toBe(-2)
    expect(ops.unmap(page)).toBe(0)
    expect(() => machine.destroyExtent(guest)).toThrow(/domain 2 still holds/)
    expect(other.releaseMappings()).toBe(1)
    const free = machine.pagesFree
    machine.destroyExtent(guest)
    // Its 32 pages, and two for its active entries.
    expect(machine.pagesFree).toBe(free + 34)
  })

  it('makes no hypercall any more, and its mappings are released for it', () => {
    const { machine, ops, grant, table } = world()
    const ref = grant('rw')
    const page = mapped(ops.map(1, ref, 'rw'))
    machine.markDying(0)
    expect([ops.map(1, ref, 'rw'), ops.unmap(page)]).toEqual([-2, -2])
    expect(ops.releaseMappings()).toBe(1)
    expect(table.tryEnd(ref)).toBe(true)
    const before = machine.pagesFree
    machine.destroyExtent(machine.extentOf(0))
    // Its 16 pages, a maptrack frame and the page that lists it.
    expect(machine.pagesFree).toBe(before + 18)
  })

  it('was never there: no operations for it', () => {
    const { machine } = world()
    expect(() => new GrantOps(machine, 3)).toThrow(/has no domain 3/)
  })
})
