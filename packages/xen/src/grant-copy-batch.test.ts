import { describe, expect, it } from 'vitest'
import { DOMID_SELF, GTF_PERMIT_ACCESS, GTF_READING, GTF_READONLY, GTF_WRITING } from './grant-abi.js'
import { GrantCopyBatch } from './grant-copy-batch.js'
import { GrantOps } from './grant-ops.js'
import { GrantTable } from './grant-table.js'
import { COPY_BATCH } from './hypervisor-layout.js'
import { Machine } from './machine.js'
import { pinsOnDomain } from './reaper.js'
import type { CopyEngineKind } from './copy-engine.js'

const hexOf = (...parts: string[]): string => parts.join('')

/** Domain 0 copies; 1 and 2 grant. Pages hold their offset plus the domain's number. */
function world(engine: CopyEngineKind) {
  const machine = new Machine({ bytes: 2 << 20, maxDomains: 4 })
  const own = machine.createExtent(0, 16)
  const guest = machine.createExtent(1, 16)
  const third = machine.createExtent(2, 16)
  const tables = [guest, third].map((extent) => new GrantTable(machine, extent))
  const ops = new GrantOps(machine, 0, { engine })
  const batch = new GrantCopyBatch(ops)
  const [local, page, far] = [own, guest, third].map((extent) => extent.allocPages(2))
  for (const [index, arena] of [local, page, far].entries())
    for (let at = 0; at < arena.length; at++) arena.bytes[arena.offset + at] = (at + index) & 0xff
  const one = (queue: () => number): number => {
    batch.reset()
    const index = queue()
    batch.run()
    return batch.status(index)
  }
  return { machine, own, guest, third, tables, table: tables[0], ops, batch, local, page, far, one }
}

const bytes = (from: { bytes: Uint8Array; offset: number }, at: number, length: number): number[] => [
  ...from.bytes.slice(from.offset + at, from.offset + at + length),
]

describe.each(['wasm', 'typescript'] as const)('grant copy (%s)', (engine) => {
  it('takes operations from a loop that counts them itself', () => {
    const { table, batch, local, page } = world(engine)
    const ref = table.grant(0, page.pages[0], 'rw')
    batch.setFromGrant(0, ref, 1, 5, local.offset, 3)
    batch.setToGrant(1, local.offset + 4096, ref, 1, 9, 2)
    expect(batch.count).toBe(0)
    batch.count = 2
    expect([batch.run(), batch.status(0), batch.status(1)]).toEqual([0, 0, 0])
    expect(bytes(local, 0, 4)).toEqual([6, 7, 8, 3])
    expect(bytes(page, 8, 4)).toEqual([9, 0, 1, 12])
  })

  it('writes its structs as gnttab_copy, 40 bytes', () => {
    const { own, batch, local } = world(engine)
    const offset = local.offset + 0x0123
    batch.fromGrant(0x01020304, 0x0506, 0x0708, offset, 0x090a)
    batch.toGrant(offset, 0x01020304, 0x0506, 0x0708, 0x090a)
    batch.grantToGrant(1, 2, 3, 4, 5, 6, 7)
    // The batch took the domain's first page.
    const hex = (index: number): string =>
      Buffer.from(own.bytes.slice(index * 40, index * 40 + 40)).toString('hex')
    const gmfn = '0100000000000000'
    expect(hex(0)).toBe(
      hexOf('04030201000000000605080700000000', `${gmfn}f07f230100000000`, '0a09010000000000'),
    )
    expect(hex(1)).toBe(
      hexOf(`${gmfn}f07f230100000000`, '04030201000000000605080700000000', '0a09020000000000'),
    )
    expect(hex(2)).toBe(
      hexOf('01000000000000000200030000000000', '04000000000000000500060000000000', '0700030000000000'),
    )
  })

  it('copies from a grant, to a grant and between two', () => {
    const { table, tables, batch, local, page, far } = world(engine)
    const source = table.grant(0, page.pages[0], 'ro')
    const dest = tables[1].grant(0, far.pages[1], 'rw')
    expect(batch.fromGrant(source, 1, 100, local.offset + 7, 300)).toBe(0)
    expect(batch.toGrant(local.offset + 7, dest, 2, 4000, 96)).toBe(1)
    expect(batch.grantToGrant(source, 1, 0, dest, 2, 0, 16)).toBe(2)
    batch.run()
    expect([0, 1, 2].map((index) => batch.status(index))).toEqual([0, 0, 0])
    expect(bytes(local, 6, 4)).toEqual([6, 101, 102, 103])
    expect(bytes(local, 306, 2)).toEqual([(399 + 1) & 0xff, 307 & 0xff])
    expect(bytes(far, 4096 + 3999, 3)).toEqual([(3999 + 2) & 0xff, 101, 102])
    expect(bytes(far, 4096, 17)).toEqual([...bytes(page, 0, 16), 18])
    expect([table.flagsOf(source), tables[1].flagsOf(dest)]).toEqual([5, 1])
  })

  it('goes on after an operation that fails', () => {
    const { table, batch, local, page } = world(engine)
    const ref = table.grant(0, page.pages[0], 'ro')
    batch.fromGrant(ref + 1, 1, 0, local.offset, 10)
    batch.fromGrant(ref, 1, 0, local.offset, 10)
    batch.run()
    expect([batch.status(0), batch.status(1)]).toEqual([-1, 0])
  })

  it('of nothing is okay, with no check at all', () => {
    const { one, batch } = world(engine)
    expect(one(() => batch.fromGrant(0xffffffff, 0xffff, 0xffff, 0xfffff000, 0))).toBe(0)
  })

  it('checks the domains, then the source, then the destination, then the ranges', () => {
    const { table, one, batch, local, page } = world(engine)
    const ref = table.grant(0, page.pages[0], 'ro')
    const to = local.offset
    const beyond = 16 * 4096
    expect(one(() => batch.fromGrant(9999, 3, 5000, beyond, 1))).toBe(-2)
    expect(one(() => batch.fromGrant(ref, 40000, 0, to, 1))).toBe(-2)
    expect(one(() => batch.grantToGrant(9999, 1, 0, 9999, 3, 0, 1))).toBe(-2)
    expect(one(() => batch.fromGrant(9999, 1, 5000, beyond, 1))).toBe(-3)
    expect(one(() => batch.fromGrant(ref, 1, 5000, beyond, 1))).toBe(-9)
    expect(one(() => batch.fromGrant(ref, 1, 5000, to, 1))).toBe(-10)
    expect(table.flagsOf(ref)).toBe(GTF_PERMIT_ACCESS | GTF_READONLY)
  })

  it.each([
    [4095, 0, 1, 0],
    [4095, 0, 2, -10],
    [0, 4095, 2, -10],
    [0, 0, 4096, 0],
    [0, 0, 4097, -10],
    [1, 0, 4096, -10],
    [65535, 0, 1, -10],
    [0, 0, 65535, -10],
  ])('from offset %i to %i, %i bytes: %i', (fromOffset, toOffset, length, status) => {
    const { machine, table, one, batch, local, page } = world(engine)
    const ref = table.grant(0, page.pages[0], 'ro')
    expect(one(() => batch.fromGrant(ref, 1, fromOffset, local.offset + toOffset, length))).toBe(status)
    expect([table.flagsOf(ref), pinsOnDomain(machine, 1).length]).toEqual([5, 0])
  })

  it('without a grant reaches the own memory only: -8 for another domain, by number too', () => {
    const { own, one, batch, local, table, page } = world(engine)
    const ref = table.grant(0, page.pages[0], 'rw')
    for (const domid of [1, 0]) {
      expect(
        one(() => {
          const index = batch.toGrant(local.offset, ref, 1, 0, 8)
          own.view.setUint16(index * 40 + 8, domid, true)
          return index
        }),
      ).toBe(-8)
    }
  })

  it('refuses a frame number above 32 bits: -9', () => {
    const { own, one, batch, local, table, page } = world(engine)
    const ref = table.grant(0, page.pages[0], 'rw')
    const high = (): number => {
      const index = batch.toGrant(local.offset, ref, 1, 0, 8)
      own.view.setUint32(index * 40 + 4, 1, true)
      return index
    }
    expect(one(high)).toBe(-9)
    own.view.setUint32(4, 0, true)
  })

  it('accepts grants of the own domain to itself as DOMID_SELF', () => {
    const { machine, own, one, batch, local } = world(engine)
    const table = new GrantTable(machine, own)
    const ref = table.grant(0, local.pages[0], 'ro')
    expect(one(() => batch.fromGrant(ref, DOMID_SELF, 0, local.offset + 4096, 64))).toBe(0)
    expect(bytes(local, 4096, 64)).toEqual(bytes(local, 0, 64))
  })

  it('refuses to write to a read-only grant, and drops the pin of the source: -1', () => {
    const { machine, table, tables, one, batch, page, far } = world(engine)
    const source = table.grant(0, page.pages[0], 'ro')
    const dest = tables[1].grant(0, far.pages[0], 'ro')
    expect(one(() => batch.grantToGrant(source, 1, 0, dest, 2, 0, 64))).toBe(-1)
    expect([pinsOnDomain(machine, 1).length, pinsOnDomain(machine, 2).length]).toEqual([0, 0])
    expect([table.flagsOf(source), tables[1].flagsOf(dest)]).toEqual([5, 5])
  })

  it('works on a page that is mapped, and leaves the mapping its bits', () => {
    const { table, ops, one, batch, local, page } = world(engine)
    const ref = table.grant(0, page.pages[0], 'rw')
    ops.map(1, ref, 'ro')
    expect(one(() => batch.toGrant(local.offset, ref, 1, 0, 64))).toBe(0)
    expect(table.flagsOf(ref)).toBe(GTF_PERMIT_ACCESS | GTF_READING)
    ops.map(1, ref, 'rw')
    expect(one(() => batch.toGrant(local.offset, ref, 1, 0, 64))).toBe(0)
    expect(table.flagsOf(ref)).toBe(GTF_PERMIT_ACCESS | GTF_READING | GTF_WRITING)
  })

  it('within one granted page, source and destination the same reference', () => {
    const { machine, table, one, batch, page } = world(engine)
    const ref = table.grant(0, page.pages[0], 'rw')
    expect(one(() => batch.grantToGrant(ref, 1, 0, ref, 1, 3, 2000))).toBe(0)
    expect(bytes(page, 0, 6)).toEqual([1, 2, 3, 1, 2, 3])
    expect(bytes(page, 2000, 3)).toEqual([(1997 + 1) & 0xff, 1999 & 0xff, 2000 & 0xff])
    expect([table.flagsOf(ref), pinsOnDomain(machine, 1).length]).toEqual([1, 0])
  })

  it('refuses a pin too many: -1', () => {
    const { table, ops, one, batch, local, page } = world(engine)
    const ref = table.grant(0, page.pages[0], 'rw')
    for (let count = 0; count < 128; count++) ops.map(1, ref, 'ro')
    expect(one(() => batch.fromGrant(ref, 1, 0, local.offset, 1))).toBe(-1)
    expect(one(() => batch.toGrant(local.offset, ref, 1, 0, 1))).toBe(0)
  })

  it('does not reach a device through a grant that is mapped as one: -9', () => {
    const { machine, table, ops, one, batch, local } = world(engine)
    const ref = table.grant(
      0,
      machine.ioPage(1, () => undefined),
      'io',
    )
    ops.mapIo(1, ref)
    expect(one(() => batch.fromGrant(ref, 1, 0, local.offset, 1))).toBe(-9)
    expect(one(() => batch.toGrant(local.offset, ref, 1, 0, 1))).toBe(-9)
    expect(pinsOnDomain(machine, 1)).toHaveLength(1)
  })

  it('does nothing for a dying caller, and nothing to a dying domain: -2', () => {
    const { machine, table, one, batch, local, page } = world(engine)
    const ref = table.grant(0, page.pages[0], 'rw')
    machine.markDying(1)
    expect(one(() => batch.fromGrant(ref, 1, 0, local.offset, 1))).toBe(-2)
    machine.markDying(0)
    expect(one(() => batch.fromGrant(ref, 1, 0, local.offset, 0))).toBe(-2)
    expect(machine.inHypercall()).toBe(-1)
  })

  it('holds 64, says when it is full, and gives its page back', () => {
    const { own, batch, local, table, page } = world(engine)
    const ref = table.grant(0, page.pages[0], 'ro')
    batch.run()
    for (let count = 0; count < COPY_BATCH; count++)
      expect(batch.fromGrant(ref, 1, count, local.offset + 2 * count, 1)).toBe(count)
    expect([batch.full, batch.fromGrant(ref, 1, 0, 0, 1)]).toEqual([true, -1])
    batch.run()
    expect(bytes(local, 126, 1)).toEqual([64])
    expect(batch.status(63)).toBe(0)
    batch.reset()
    expect([batch.count, batch.full]).toEqual([0, false])
    const free = own.pagesFree
    batch.dispose()
    expect(own.pagesFree).toBe(free + 1)
  })
})
