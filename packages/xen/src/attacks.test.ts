// docs/netif.md §5: grant tables and event channels against a guest that writes its own entries, by advisory.
import { Random } from '@netaccel/packet'
import { describe, expect, it } from 'vitest'
import { EventChannelTable, MAX_PORTS } from './event-channel-table.js'
import { EventChannels } from './event-channels.js'
import { GNTMAP_DEVICE, GNTMAP_HOST } from './grant-abi.js'
import { GrantCopyBatch } from './grant-copy-batch.js'
import { addGrantFrame } from './grant-frames.js'
import { GrantOps } from './grant-ops.js'
import { Machine } from './machine.js'
import { MappedPage } from './mapped-page.js'
import { pinsOnDomain } from './reaper.js'
import { VirtualClock } from './virtual-clock.js'

const PERMIT = 1
const TRANSITIVE = 3
const READONLY = 4
const READING = 8
const WRITING = 16
const SUB_PAGE = 256

/** Guest 1 writes the entries of its table itself; domain 0 uses what it grants. Page 0 of the guest is its table. */
function world(machineOptions: { maptrackFrames?: number } = {}) {
  const machine = new Machine({ bytes: 2 << 20, maxDomains: 4 })
  const own = machine.createExtent(0, 16)
  const guest = machine.createExtent(1, 16)
  const other = machine.createExtent(2, 16)
  const [table] = guest.allocPages(1).pages
  addGrantFrame(machine, 1, table)
  const ops = new GrantOps(machine, 0, machineOptions)
  const batch = new GrantCopyBatch(ops)
  const local = own.allocPages(1)
  const entry = (ref: number, flags: number, page: number, domid = 0): void => {
    guest.view.setUint32(table * 4096 + ref * 8 + 4, page, true)
    guest.view.setUint32(table * 4096 + ref * 8, flags | (domid << 16), true)
  }
  const flags = (ref: number): number => guest.view.getUint16(table * 4096 + ref * 8, true)
  const copy = (ref: number, length = 16): number => {
    batch.reset()
    batch.fromGrant(ref, 1, 0, local.offset, length)
    batch.run()
    return batch.status(0)
  }
  return { machine, own, guest, other, ops, entry, flags, copy, local }
}

function page(mapped: MappedPage | number): MappedPage {
  if (!(mapped instanceof MappedPage)) throw new Error(`map gave ${mapped}`)
  return mapped
}

describe('grants of a hostile guest', () => {
  it('XSA-134: references and handles that nobody gave are refused by every operation', () => {
    const { ops, copy } = world()
    for (const ref of [512, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff]) {
      expect([ops.map(1, ref, 'ro'), copy(ref)]).toEqual([-3, -3])
      expect(ops.unmapHandle(ref, 4096, 0)).toBe(-4)
    }
    expect(ops.mapped).toBe(0)
  })

  it('XSA-224: pins of the host and of devices are counted apart, and each part of a mapping drops its own', () => {
    const { machine, ops, entry, flags } = world()
    entry(8, PERMIT, 3)
    const both = page(ops.map(1, 8, 'rw', GNTMAP_HOST | GNTMAP_DEVICE))
    const host = page(ops.map(1, 8, 'ro'))
    expect(ops.unmapHandle(both.handle, 0, both.hostAddr)).toBe(0)
    expect(pinsOnDomain(machine, 1)[0]).toMatchObject({ hostWrite: 1, hostRead: 1, deviceWrite: 0 })
    // The device's part again, by the handle that has none any more.
    ops.unmapHandle(both.handle, 0, both.hostAddr)
    expect(pinsOnDomain(machine, 1)[0]).toMatchObject({ hostWrite: 1, hostRead: 1, deviceWrite: 0 })
    expect([ops.unmap(host), flags(8)]).toEqual([0, PERMIT | READING | WRITING])
    expect([ops.unmapHandle(both.handle, both.hostAddr, 0), flags(8), ops.mapped]).toEqual([0, PERMIT, 0])
  })

  it('XSA-226, XSA-411: an entry that names an entry of another domain is followed by nobody', () => {
    const { ops, entry, copy } = world()
    for (const flags of [TRANSITIVE, TRANSITIVE | READING, TRANSITIVE | SUB_PAGE]) {
      entry(8, flags, 8, 1)
      entry(9, flags, 9)
      expect([ops.map(1, 8, 'ro'), copy(8), ops.map(1, 9, 'ro'), copy(9)]).toEqual([-1, -1, -1, -1])
    }
  })

  it('XSA-228, XSA-406: handles given and taken in any order are each one mapping of the right page, and none is lost', () => {
    const { ops, entry } = world({ maptrackFrames: 1 })
    for (let ref = 8; ref < 16; ref++) entry(ref, PERMIT, 3 + (ref & 3))
    const random = new Random(3)
    const held: MappedPage[] = []
    for (let step = 0; step < 3000; step++) {
      if (held.length < 256 && random.below(2) === 0) held.push(page(ops.map(1, 8 + random.below(8), 'ro')))
      else if (held.length > 0) expect(ops.unmap(held.splice(random.below(held.length), 1)[0])).toBe(0)
      if (step % 100 !== 0) continue
      expect(new Set(held.map(({ handle }) => handle)).size).toBe(held.length)
      expect(held.every(({ gfn, ref }) => gfn === 3 + (ref & 3))).toBe(true)
    }
    expect(ops.mapped).toBe(held.length)
    for (const each of held) ops.unmap(each)
    for (let i = 0; i < 256; i++) page(ops.map(1, 8, i < 128 ? 'ro' : 'rw'))
    expect(ops.map(1, 8, 'ro')).toBe(-13)
  })

  it('XSA-230: the status bits that the guest waits for go with the last pin of their kind, whatever it writes there', () => {
    const { ops, entry, flags, copy } = world()
    entry(8, PERMIT, 3)
    const write = page(ops.map(1, 8, 'rw'))
    const read = page(ops.map(1, 8, 'ro'))
    expect([copy(8), flags(8)]).toEqual([0, PERMIT | READING | WRITING])
    entry(8, PERMIT, 3)
    expect([copy(8), ops.unmap(write)]).toEqual([0, 0])
    expect(flags(8) & WRITING).toBe(0)
    expect([ops.unmap(read), flags(8)]).toEqual([0, PERMIT])
  })

  it('XSA-236: a copy through a page that is mapped leaves its pins as they were, also one that fails', () => {
    const { machine, ops, entry, copy } = world()
    entry(8, PERMIT | READONLY, 3)
    page(ops.map(1, 8, 'ro'))
    const before = pinsOnDomain(machine, 1)
    for (let i = 0; i < 300; i++) expect([copy(8, i % 2 === 0 ? 16 : 5000)]).toEqual([i % 2 === 0 ? 0 : -10])
    expect(pinsOnDomain(machine, 1)).toEqual(before)
  })

  it('XSA-382, XSA-384, XSA-500, XSA-501: there is no second version of the table, so no page of status bits to be had; its flags are refused', () => {
    const { ops, entry, copy } = world()
    entry(8, PERMIT | SUB_PAGE, 3)
    expect(ops.map(1, 8, 'ro')).toBe(-1)
    for (const flags of [0, 2, 2 | READONLY]) {
      entry(8, flags, 3)
      expect([ops.map(1, 8, 'ro'), copy(8)]).toEqual([-1, -1])
    }
  })

  it('XSA-155, XSA-486: once pinned an entry is what it was, whatever the guest makes of it', () => {
    const { guest, other, ops, entry, copy, own, local } = world()
    guest.bytes.fill(3, 3 * 4096, 4 * 4096)
    guest.bytes.fill(4, 4 * 4096, 5 * 4096)
    entry(8, PERMIT, 3)
    const held = page(ops.map(1, 8, 'ro'))
    entry(8, PERMIT | READONLY, 4, 2)
    const again = page(ops.map(1, 8, 'ro'))
    expect([again.hostAddr, again.bytes[0], new GrantOps(ops.machine, 2).map(1, 8, 'ro')]).toEqual([
      held.hostAddr,
      3,
      -1,
    ])
    expect(copy(8)).toBe(0)
    expect([...own.bytes.subarray(local.offset, local.offset + 16)]).toEqual(
      Array.from({ length: 16 }, () => 3),
    )
    expect(other.bytes.every((byte) => byte === 0)).toBe(true)
  })

  it('a page that is not the guest’s cannot be granted by it', () => {
    const { ops, entry, copy } = world()
    for (const beyond of [16, 0x7fffffff, 0xffffffff]) {
      entry(8, PERMIT, beyond)
      expect([ops.map(1, 8, 'rw'), copy(8)]).toEqual([-9, -9])
    }
  })
})

describe('event channels of a hostile guest', () => {
  function channels() {
    const clock = new VirtualClock()
    const machine = new Machine({ bytes: 1 << 20 })
    const table = new EventChannelTable(machine)
    const domain = (domid: number) => {
      const extent = machine.createExtent(domid, 4)
      const info = extent.allocPages(1)
      const engine = clock.engine(`d${domid}`)
      table.addDomain(domid, info.pages[0], [engine])
      return { extent, info, events: new EventChannels(domid, table, [engine], info) }
    }
    return { clock, table, a: domain(0), b: domain(1) }
  }

  it('XSA-342, XSA-344: ports outside the table are refused by every operation', () => {
    const { table, b } = channels()
    const before = b.extent.bytes.slice()
    for (const port of [0, -1, MAX_PORTS, 0x7fffffff, 0x80000000, 0xffffffff, 1.5, Number.NaN]) {
      const answers = [table.send(1, port), table.close(1, port), table.unmask(1, port)]
      expect(answers.every((status) => status === -22)).toBe(true)
      expect(table.bindInterdomain(1, 0, port)).toBeLessThan(0)
      expect(table.status(1, port)).toEqual({ state: 'closed' })
    }
    expect([b.extent.bytes, b.events.inUse]).toEqual([before, 0])
  })

  it('XSA-343, XSA-359, XSA-496, XSA-505: a domain that goes while its ports are signalled leaves no port and no event behind', async () => {
    const { clock, table, a, b } = channels()
    let handled = 0
    const ports = Array.from({ length: 500 }, () => a.events.allocUnbound(1, () => handled++))
    const bound = ports.map((port) => b.events.bindInterdomain(0, port, () => {}) as number)
    for (const port of bound) b.events.notify(port)
    b.events.shutdown()
    table.removeDomain(1)
    await clock.run()
    expect([handled, a.events.inUse]).toEqual([500, 500])
    for (const port of ports) expect(table.status(0, port)).toEqual({ state: 'unbound', remote: 1 })
    for (const port of ports) a.events.notify(port)
    for (const port of ports) a.events.close(port)
    expect([a.events.inUse, table.send(1, bound[0])]).toEqual([0, -3])
  })

  it('XSA-358: what the guest writes into its pending and mask words moves nobody else', async () => {
    const { clock, a, b } = channels()
    let handled = 0
    const port = a.events.allocUnbound(1, () => handled++)
    const mine = b.events.bindInterdomain(0, port, () => {}) as number
    await clock.run()
    const random = new Random(4)
    for (let round = 0; round < 50; round++) {
      for (let at = 0; at < 4096; at += 4) b.extent.view.setUint32(b.info.offset + at, random.next32(), true)
      b.events.notify(mine)
      await clock.run({ for: 1e6 })
    }
    expect([handled, a.events.inUse]).toEqual([50, 1])
  })
})
