import { Hypervisor, settle, VirtualClock } from '@netaccel/xen'
import type { Domain } from '@netaccel/xen'
import { describe, expect, it } from 'vitest'
import type { Frame as PacketFrame } from '@netaccel/packet'
import type { Page } from '../contract/index.js'
import { Lease } from '../lease.js'
import { FrontendDoors } from './frontend-doors.js'
import { KeptPages } from './kept-pages.js'
import { FailDoor } from './parts.js'
import type { DoorFaults } from './parts.js'
import type { PluginPool } from './plugin-pool.js'
import { ScopeBook } from './scope-book.js'
import { DoorTally } from './tally.js'

const MS = 1_000_000

function pageOf(arena: { readonly pages: readonly Page[] }): Page {
  const [page] = arena.pages
  if (page === undefined) throw new Error('the arena has no page')
  return page
}

/** A driver domain, a guest with one vif directory, and the guest's doors. */
class World {
  readonly clock = new VirtualClock()
  readonly lease = new Lease('test')
  readonly tally = new DoorTally('test')
  readonly pools: PluginPool[] = []
  readonly logs: string[] = []
  readonly detaches: string[] = []
  dom0!: Domain
  guest!: Domain
  kept!: KeptPages
  book!: ScopeBook
  doors!: FrontendDoors

  static async make(faults: DoorFaults | null = null): Promise<World> {
    const world = new World()
    const xen = new Hypervisor({ timeline: world.clock })
    world.dom0 = await settle(world.clock, xen.createDomain({ name: 'Domain-0', pages: 128 }))
    world.guest = await settle(world.clock, xen.createDomain({ name: 'guest', pages: 128 }))
    world.kept = KeptPages.of(world.guest.engine, world.guest)
    const path = `/local/domain/${world.guest.id}/data/vif`
    const peer = '/local/domain/0/backend/vif'
    await world.run(world.guest.store.write(path, ''))
    await world.run(world.dom0.store.write(peer, ''))
    await world.run(
      world.dom0.store.setPerms(peer, [
        { domid: 0, letter: 'n' },
        { domid: world.guest.id, letter: 'r' },
      ]),
    )
    world.open(faults, { own: path, peer })
    return world
  }

  run<T>(work: Promise<T>): Promise<T> {
    return settle(this.clock, work)
  }

  private open(faults: DoorFaults | null, directories: { own: string; peer: string }): void {
    const { guest, lease, kept, tally } = this
    const log = (_level: string, _scope: string, text: string) => void this.logs.push(text)
    const capabilities = new Set(['tx', 'rx'] as const)
    const counter = (name: string) => (name === 'known' ? { value: 0 } : undefined)
    const { engine } = guest
    this.book = new ScopeBook('vif', {
      domain: guest,
      engine,
      lease,
      capabilities,
      kept,
      tally,
      log,
      counter,
      faults,
    })
    const facts = {
      handle: 0,
      mac: '00:16:3e:00:00:01',
      queueCount: 1,
      peer: 0,
      directories,
      mtu: 1500,
      features: { sg: true, gso: true, checksum: true },
      txArenas: [],
      requestDetach: (reason: string) => void this.detaches.push(reason),
    }
    this.doors = new FrontendDoors(this.book, facts, this.pools)
  }
}

describe('a scope', () => {
  it('undoes what was taken, newest first, its own undos and children included', async () => {
    const world = await World.make()
    const before = world.guest.resources()
    const order: string[] = []
    const arena = world.doors.arena(2)
    world.doors.undo(() => void order.push('first'))
    for (const page of arena.pages) world.doors.grant(page, 'rw')
    const child = world.doors.child('talk')
    child.undo(() => void order.push('child'))
    child.listen(() => {})
    world.doors.undo(async () => {
      await Promise.resolve()
      order.push('last')
    })
    expect(Object.fromEntries(world.book.holdings())).toEqual({ arena: 1, undo: 3, grant: 2, channel: 1 })
    const report = await world.run(world.book.close())
    expect(report).toEqual({ tasks: [], failures: [] })
    expect(order).toEqual(['last', 'child', 'first'])
    expect(world.guest.resources()).toEqual(before)
  })

  it('goes on when an undo throws or never settles, and says which', async () => {
    const world = await World.make()
    const order: string[] = []
    world.doors.undo(() => void order.push('first'))
    world.doors.undo(() => {
      throw new Error('broken')
    })
    world.doors.undo(() => new Promise(() => {}))
    const report = await world.run(world.book.close())
    expect(order).toEqual(['first'])
    expect(report.failures).toHaveLength(2)
    expect(report.failures[0]).toContain('DEADLINE')
    expect(report.failures[1]).toContain('broken')
  })

  it("by force does not ask the plugin, but gives the host's own back", async () => {
    const world = await World.make()
    const before = world.guest.resources()
    const order: string[] = []
    world.doors.undo(() => void order.push('asked'))
    world.doors.arena(3)
    world.doors.task('for ever', () => new Promise(() => {}))
    const report = await world.run(world.book.close(true))
    expect(order).toEqual([])
    expect(report.tasks).toEqual(['for ever'])
    expect(world.lease.held).toBe(0)
    expect(world.guest.resources()).toEqual(before)
  })

  it('holds a lease while a task runs, aborts it at its end, and loses no rejection', async () => {
    const world = await World.make()
    let aborted = false
    world.doors.task(
      'waits',
      (signal) =>
        new Promise((resolve) => {
          signal.addEventListener('abort', () => {
            aborted = true
            resolve()
          })
        }),
    )
    world.doors.task('fails', async () => {
      await Promise.resolve()
      throw new Error('no luck')
    })
    await world.clock.run({ for: MS })
    expect(world.lease.byKind.task).toBe(1)
    expect(world.tally.threw).toBe(1)
    expect(world.logs).toEqual(["the task 'fails' failed"])
    const report = await world.run(world.book.close())
    expect(aborted).toBe(true)
    expect(report.tasks).toEqual([])
    expect(world.lease.held).toBe(0)
  })

  it('cancels timers; a timer that throws is counted', async () => {
    const world = await World.make()
    const fired: number[] = []
    world.doors.after(1, () => void fired.push(1))
    world.doors.after(2, () => {
      throw new Error('late')
    })
    world.doors.after(3, () => void fired.push(3)).cancel()
    world.doors.after(50, () => void fired.push(50))
    await world.clock.run({ for: 10 * MS })
    await world.run(world.book.close())
    await world.clock.run({ for: 100 * MS })
    expect(fired).toEqual([1])
    expect(world.tally.threw).toBe(1)
  })

  it('a timer runs its work again when asked to, is held until it is cancelled, and ends with the scope', async () => {
    const world = await World.make()
    const fired: number[] = []
    const timer = world.doors.after(1, () => {
      fired.push(Math.floor(world.doors.now() / MS))
      if (fired.length < 3) timer.again(2)
    })
    await world.clock.run({ for: 2 * MS })
    expect(world.book.holdings().get('timer')).toBe(1)
    await world.clock.run({ for: 10 * MS })
    expect(fired).toEqual([1, 3, 5])
    // One that was asked for again stays in the book until it is cancelled: each time would be garbage.
    expect(world.book.holdings().get('timer')).toBe(1)
    timer.again(1)
    timer.cancel()
    expect(world.book.holdings().get('timer')).toBeUndefined()
    timer.again(5)
    timer.again(3)
    expect(world.book.holdings().get('timer')).toBe(1)
    await world.clock.run({ for: 10 * MS })
    expect(fired).toEqual([1, 3, 5, 15])
    timer.again(5)
    expect(() => timer.again(-1)).toThrow(/^BAD_ARGUMENT/)
    await world.run(world.book.close())
    expect(() => timer.again(1)).toThrow(/^CLOSED/)
    await world.clock.run({ for: 100 * MS })
    expect(fired).toEqual([1, 3, 5, 15])
    expect(world.tally.threw).toBe(0)
  })

  it('dead doors throw CLOSED where they would give, else are inert, and both are counted', async () => {
    const world = await World.make()
    const { doors } = world
    const channel = doors.listen(() => {})
    const ref = doors.grant(pageOf(doors.arena(1)), 'ro')
    await world.run(world.book.close())
    expect(() => doors.arena(1)).toThrow(/^CLOSED/)
    expect(() => doors.listen(() => {})).toThrow(/^CLOSED/)
    expect(() => doors.task('x', () => Promise.resolve())).toThrow(/^CLOSED/)
    expect(() => doors.after(1, () => {})).toThrow(/^CLOSED/)
    expect(() => doors.pool(1, 64)).toThrow(/^CLOSED/)
    await expect(doors.keys.read('x')).rejects.toThrow(/^CLOSED/)
    doors.requestDetach('again')
    channel.notify()
    expect(doors.endGrant(ref)).toBe(false)
    expect(world.detaches).toEqual([])
    expect(world.tally.lateCalls).toBe(9)
  })
})

describe('grants', () => {
  it('a page that the other domain still maps is kept out of use until it lets go, and named', async () => {
    const world = await World.make()
    const before = world.guest.resources()
    const arena = world.doors.arena(1)
    const page = pageOf(arena)
    const ref = world.doors.grant(page, 'rw')
    const mapped = world.dom0.grantOps.map(world.guest.id, ref, 'rw')
    if (typeof mapped === 'number') throw new Error(`status ${mapped}`)
    expect(world.doors.endGrant(ref)).toBe(false)
    await world.run(world.book.close())
    expect(world.kept.mapped).toEqual([{ ref, page, by: 0, scope: 'vif' }])
    expect(world.guest.resources().pages).toBe(before.pages + 1)
    await world.clock.run({ for: 2500 * MS })
    expect(world.kept.mapped).toHaveLength(1)
    world.dom0.grantOps.unmap(mapped)
    await world.clock.run({ for: 1000 * MS })
    expect(world.kept.mapped).toEqual([])
    expect(world.guest.resources()).toEqual(before)
  })

  it('one that was not taken, or was given back, is refused and counted (MEM-02)', async () => {
    const world = await World.make()
    const ref = world.doors.grant(pageOf(world.doors.arena(1)), 'ro')
    expect(world.doors.endGrant(ref)).toBe(true)
    expect(world.doors.endGrant(ref)).toBe(false)
    expect(world.doors.endGrant(4711)).toBe(false)
    expect(world.tally.violations.get('MEM-02')).toBe(2)
  })

  it('maps all pages or none', async () => {
    const world = await World.make()
    const arena = world.dom0.extent.allocPages(2)
    const refs = arena.pages.map((page) => world.dom0.grants.grant(world.guest.id, page, 'rw'))
    expect(world.doors.map([...refs, 4000], 'rw')).toBeLessThan(0)
    expect(world.guest.resources().mappings).toBe(0)
    const mapping = world.doors.map(refs, 'rw')
    if (typeof mapping === 'number') throw new Error(`status ${mapping}`)
    expect(mapping.pages).toHaveLength(2)
    world.dom0.extent.bytes[arena.offset + 4096] = 77
    expect(mapping.whole?.bytes[4096]).toBe(77)
    mapping.unmap()
    mapping.unmap()
    expect(world.guest.resources().mappings).toBe(0)
    expect(world.tally.lateCalls).toBe(1)
  })

  it('copies over page boundaries of its own arena, and refuses what lies outside', async () => {
    const world = await World.make()
    const source = world.dom0.extent.allocPages(1)
    for (let i = 0; i < 4096; i++) world.dom0.extent.bytes[source.offset + i] = i & 255
    const ref = world.dom0.grants.grant(world.guest.id, pageOf(source), 'ro')
    const to = world.doors.arena(2)
    expect(world.doors.copy(ref, 16, to, 4000, 1000)).toBe(0)
    expect(to.bytes[to.offset + 4000]).toBe(16)
    expect(to.bytes[to.offset + 4999]).toBe((16 + 999) & 255)
    expect(to.bytes[to.offset + 5000]).toBe(0)
    expect(world.doors.copy(ref, 4000, to, 0, 200)).toBeLessThan(0)
    expect(world.doors.copy(ref, 0, to, 8100, 200)).toBeLessThan(0)
    expect(world.doors.copy(3999, 0, to, 0, 8)).toBeLessThan(0)
  })

  it('another domain than the peer needs the capability peers (VN-06)', async () => {
    const world = await World.make()
    expect(() => world.doors.grant(pageOf(world.doors.arena(1)), 'ro', 7)).toThrow(/^NOT_DECLARED/)
    expect(world.tally.violations.get('VN-06')).toBe(1)
  })
})

describe('keys', () => {
  it("writes own keys that begin with accel and refuses the host's (CT-03)", async () => {
    const world = await World.make()
    const { keys } = world.doors
    expect(await world.run(keys.write({ accelstate: '1', 'accel-x/y': '2' }))).toBe(true)
    expect(await world.run(keys.read('accelstate'))).toBe('1')
    expect(
      await world.run(keys.write({ accelstate: undefined, 'accel-x': undefined, 'accel-none': undefined })),
    ).toBe(true)
    expect(await world.run(keys.read('accelstate'))).toBe(undefined)
    const refused = [
      'accel',
      'accel-frontend',
      'accel-phase',
      'accel-fence-epoch',
      'accel-phase/x',
      'state',
      '../accelx',
      'accel x',
    ]
    for (const key of refused) await expect(keys.write({ [key]: '1' })).rejects.toThrow(/^BAD_KEY/)
    expect(world.tally.violations.get('CT-03')).toBe(refused.length)
  })

  it('are removed with the scope that wrote them, but not what another has written since (LC-06)', async () => {
    const world = await World.make()
    const path = `/local/domain/${world.guest.id}/data/vif`
    const { keys } = world.doors
    const talk = world.doors.child('talk')
    await world.run(keys.write({ 'accel-a': '1', 'accel-b': '1', 'accel-c': '1', 'accel-d/e': '1' }))
    await world.run(talk.keys.write({ 'accel-c': '2', 'accel-d/f': '2', 'accel-t': '2' }))
    await world.run(keys.write({ 'accel-b': undefined }))
    expect(world.book.holdings().get('key')).toBe(6)
    await world.run(talk.close())
    const list = () => world.run(world.guest.store.directory(path))
    expect((await list()).toSorted()).toEqual(['accel-a', 'accel-d'])
    // A write that is still under way when the scope closes is waited for.
    const late = keys.write({ 'accel-late': '1' })
    await world.run(world.guest.store.write(`${path}/accel-a`, 'of a stranger'))
    expect(await world.run(world.book.close(true))).toEqual({ tasks: [], failures: [] })
    expect(await world.run(late)).toBe(true)
    expect(await list()).toEqual(['accel-a'])
  })

  it('answers false when the directory is gone', async () => {
    const world = await World.make()
    await world.run(world.guest.store.rm(`/local/domain/${world.guest.id}/data/vif`))
    expect(await world.run(world.doors.keys.write({ accelstate: '1' }))).toBe(false)
    expect(await world.run(world.guest.store.read(`/local/domain/${world.guest.id}/data/vif`))).toBe(
      undefined,
    )
  })

  it('a watch fires once at once, merges changes, and ends with the scope', async () => {
    const world = await World.make()
    let fired = 0
    world.doors.keys.watchPeer('accel-y', () => fired++)
    await world.clock.run({ for: MS })
    expect(fired).toBe(1)
    await world.run(world.dom0.store.write('/local/domain/0/backend/vif/accel-y', '1'))
    await world.clock.run({ for: MS })
    expect(fired).toBe(2)
    const watches = world.guest.resources().watches
    await world.run(world.book.close())
    await world.run(world.dom0.store.write('/local/domain/0/backend/vif/accel-y', '2'))
    await world.clock.run({ for: MS })
    expect(fired).toBe(2)
    expect(world.guest.resources().watches).toBe(watches - 1)
  })
})

describe('a pool', () => {
  it('outlives the plugin until the stack has given the last frame back (MEM-05)', async () => {
    const world = await World.make()
    const before = world.guest.resources()
    const pool = world.doors.pool(4, 2048)
    const [known] = world.pools
    const delivered = pool.take() as PacketFrame
    pool.take()
    expect(known?.deliver(delivered)).toBe(true)
    expect([known?.onLoan(), known?.heldByPlugin()]).toEqual([1, 1])
    await world.run(world.book.close())
    expect(world.tally.violations.get('MEM-05')).toBe(1)
    expect(pool.take()).toBe(undefined)
    expect(world.kept.pagesOnLoan).toBe(2)
    expect(world.guest.resources().pages).toBe(before.pages + 2)
    delivered.release()
    expect(world.kept.pagesOnLoan).toBe(0)
    expect(world.guest.resources()).toEqual(before)
  })
})

describe('a delivery', () => {
  it('is of a frame that the plugin took from this pool, once each time it was taken (RX-05)', async () => {
    const world = await World.make()
    const pool = world.doors.pool(4, 2048)
    const other = world.doors.pool(4, 2048).take() as PacketFrame
    const [known] = world.pools
    const frame = pool.take() as PacketFrame
    expect([known.deliver(other), known.deliver(frame), known.deliver(frame)]).toEqual([false, true, false])
    frame.release()
    expect(known.deliver(frame)).toBe(false)
    expect(pool.take()).toBe(frame)
    expect(known.deliver(frame)).toBe(true)
  })
})

describe('failing doors', () => {
  it('each answers as it does for want of what it gives', async () => {
    const attempts: [string, (world: World) => unknown, unknown][] = [
      ['arena', ({ doors }) => doors.arena(1), /^NO_MEMORY/],
      ['pool', ({ doors }) => doors.pool(1, 64), /^NO_MEMORY/],
      ['listen', ({ doors }) => doors.listen(() => {}), /^NO_PORTS/],
      ['connect', ({ doors }) => doors.connect(1, () => {}), undefined],
      ['map', ({ doors }) => doors.map([8], 'ro'), -1],
      ['mapIo', ({ doors }) => doors.mapIo(8), -1],
    ]
    for (const [door, call, answer] of attempts) {
      const fault = new FailDoor(0)
      const world = await World.make(fault)
      if (answer instanceof RegExp) expect(() => call(world)).toThrow(answer)
      else expect(call(world)).toBe(answer)
      expect(fault.failed).toBe(door)
    }
    const fault = new FailDoor(1)
    const world = await World.make(fault)
    const arena = world.doors.arena(1)
    expect(() => world.doors.grant(pageOf(arena), 'ro')).toThrow(/^NO_GRANTS/)
    expect(fault.failed).toBe('grant')
  })

  it('a machine that is full says NO_MEMORY', async () => {
    const world = await World.make()
    expect(() => world.doors.arena(1000)).toThrow(/^NO_MEMORY/)
  })
})
