import { Hypervisor, settle, VirtualClock } from '@netaccel/xen'
import type { Domain } from '@netaccel/xen'
import { describe, expect, it } from 'vitest'
import type {
  AcceleratedPort,
  Arena,
  BackendVif,
  Filter,
  FlowKey,
  Frame,
  GuestObserver,
  PortChange,
  PortObserver,
  Vi,
  ViRequest,
} from '../contract/index.js'
import { Lease } from '../lease.js'
import { BackendDoors } from './backend-doors.js'
import type { InsertFence } from './filters.js'
import { FilterTable, unfenced } from './filters.js'
import { KeptPages } from './kept-pages.js'
import { PortDoors } from './port-doors.js'
import { PortHub } from './port-hub.js'
import { ScopeBook } from './scope-book.js'
import { DoorTally } from './tally.js'
import { Quota } from './vi.js'

/** A port with VIs and filters that only keeps a log of what was asked of it. */
class TestPort implements AcceleratedPort {
  readonly name = 'eth1'
  readonly kind = 'test'
  readonly mac = '00:16:3e:00:00:ff'
  readonly mtu = 1500
  readonly link = true
  readonly log: string[] = []
  observer: PortObserver | undefined
  changed: (change: PortChange) => void = () => {}
  quiesced: (signal: AbortSignal) => Promise<void> = () => Promise.resolve()
  #vis = 0

  readonly vis = {
    capacity: 8,
    create: (_request: ViRequest): Vi => this.vi(++this.#vis),
  }

  readonly filters = {
    capacity: 8,
    supports: (key: FlowKey) => key.protocol !== 17,
    insert: (key: FlowKey, vi: Vi): Filter => {
      this.log.push(`insert ${key.destinationPort} for ${vi.id}`)
      const remove = () => void this.log.push(`remove ${key.destinationPort}`)
      return { key, vi, hits: () => 5, remove }
    },
  }

  observe(observer: PortObserver): void {
    this.observer = observer
  }

  onChange(changed: TestPort['changed']): void {
    this.changed = changed
  }

  transmit(): 'full' {
    return 'full'
  }

  handedOver(): Promise<void> {
    return Promise.resolve()
  }

  private vi(id: number): Vi {
    let address = 16
    return {
      id,
      facts: {},
      pages: [],
      register: (pages) => {
        this.log.push(`register ${pages.length}`)
        address += pages.length
        return address - pages.length
      },
      unregister: (at, pages) => void this.log.push(`unregister ${pages} at ${at}`),
      onWake: () => {},
      quiesce: async (signal) => {
        await this.quiesced(signal)
        this.log.push(`quiesce ${id}`)
      },
      close: () => void this.log.push(`close ${id}`),
    }
  }
}

interface World {
  readonly clock: VirtualClock
  readonly dom0: Domain
  readonly port: TestPort
  readonly hub: PortHub
  readonly book: ScopeBook
  readonly vif: BackendVif
  readonly filters: FilterTable
  readonly tally: DoorTally
  readonly taps: Set<GuestObserver>
  readonly rings: Arena
}

async function makeWorld(fence: InsertFence = unfenced): Promise<World> {
  const clock = new VirtualClock()
  const xen = new Hypervisor({ timeline: clock })
  const dom0 = await settle(clock, xen.createDomain({ name: 'Domain-0', pages: 64 }))
  const tally = new DoorTally('test')
  const book = new ScopeBook('vif', {
    domain: dom0,
    engine: dom0.engine,
    lease: new Lease('test'),
    capabilities: new Set(['vi', 'filters', 'observe'] as const),
    kept: KeptPages.of(dom0.engine, dom0),
    tally,
    log: () => {},
    counter: () => undefined,
    faults: null,
  })
  const port = new TestPort()
  const hub = new PortHub(port)
  const filters = new FilterTable(port.filters, new Quota(2), fence)
  const taps = new Set<GuestObserver>()
  const vif = new BackendDoors(book, {
    handle: 0,
    mac: '00:16:3e:00:00:01',
    queueCount: 1,
    peer: 3,
    directories: { own: '/own', peer: '/peer' },
    requestDetach: () => {},
    port: new PortDoors(book, hub),
    hub,
    limits: { filters: 2, bufferPages: 6, multicasts: 8 },
    bufferPages: new Quota(6),
    filters,
    queueFor: () => 0,
    tap: (observer) => {
      taps.add(observer)
      return () => taps.delete(observer)
    },
    punish: () => {},
  })
  return { clock, dom0, port, hub, book, vif, filters, tally, taps, rings: vif.arena(4) }
}

function makeVi({ vif, rings }: World, owner = 3): Vi {
  const vi = vif.createVi({ owner, events: 256, tx: 128, rx: 128, rings })
  if (typeof vi === 'string') throw new Error(vi)
  return vi
}

describe('a VI behind its door', () => {
  it('is quiesced, unregistered and closed, in that order, after its filters (MEM-03)', async () => {
    const world = await makeWorld()
    const vi = makeVi(world)
    vi.register(world.rings.pages.slice(0, 2))
    vi.register(world.rings.pages.slice(2, 3))
    world.filters.open()
    await world.vif.insertFilter({ protocol: 6, destinationPort: 80 }, vi)
    world.port.log.length = 0
    await settle(world.clock, world.book.close())
    expect(world.port.log).toEqual([
      'remove 80',
      'quiesce 1',
      'unregister 1 at 18',
      'unregister 2 at 16',
      'close 1',
    ])
  })

  it('that never becomes quiet is told to hurry, closed, and only then are older takings undone (MEM-07)', async () => {
    const world = await makeWorld()
    const { log } = world.port
    world.vif.undo(() => void log.push('older'))
    world.port.quiesced = (signal) => {
      signal.addEventListener('abort', () => log.push('hurry'))
      return new Promise(() => {})
    }
    const vi = makeVi(world)
    vi.register(world.rings.pages)
    log.length = 0
    const { failures } = await settle(world.clock, world.book.close())
    expect(log).toEqual(['hurry', 'close 1', 'unregister 4 at 16', 'older'])
    expect(failures).toHaveLength(1)
    expect(failures[0]).toContain('VI 1')
  })

  it('and others like it in one conversation are all closed before what is older than the conversation', async () => {
    const world = await makeWorld()
    const { log } = world.port
    world.vif.undo(() => void log.push('older'))
    world.port.quiesced = () => new Promise(() => {})
    const talk = world.vif.child('talk')
    for (let i = 0; i < 3; i++) makeVi({ ...world, vif: talk })
    await settle(world.clock, world.book.close())
    expect(log).toEqual(['close 3', 'close 2', 'close 1', 'older'])
  })

  it('keeps to the quota of pages, which a refused registration does not use up (CT-07)', async () => {
    const world = await makeWorld()
    const vi = makeVi(world)
    const { pages } = world.rings
    expect(vi.register(pages)).toBe(16)
    expect(vi.register(pages)).toBeLessThan(0)
    expect(vi.register(pages.slice(0, 2))).toBe(20)
    vi.unregister(16, 4)
    expect(vi.register(pages)).toBe(22)
    expect(world.port.log).toEqual(['register 4', 'register 2', 'unregister 4 at 16', 'register 4'])
  })

  it('gives back only what was registered, once (MEM-02)', async () => {
    const world = await makeWorld()
    const vi = makeVi(world)
    vi.unregister(16, 4)
    const address = vi.register(world.rings.pages)
    vi.unregister(address, 3)
    vi.unregister(address, 4)
    vi.unregister(address, 4)
    expect(world.tally.violations.get('MEM-02')).toBe(3)
    vi.close()
    vi.close()
    expect(vi.register(world.rings.pages)).toBeLessThan(0)
    expect(world.tally.lateCalls).toBe(2)
    expect(world.port.log.filter((line) => line.startsWith('close'))).toHaveLength(1)
  })

  it('is made for the peer only, and by an open scope only', async () => {
    const world = await makeWorld()
    const request = { owner: 4, events: 256, tx: 128, rx: 128, rings: world.rings }
    expect(world.vif.createVi(request)).toBe('unsupported')
    await settle(world.clock, world.book.close())
    expect(world.vif.createVi({ ...request, owner: 3 })).toBe('closed')
  })
})

describe('filters', () => {
  const web: FlowKey = { protocol: 6, destinationPort: 80 }

  it('are inserted between start and stop only (LC-14), within the quota (CT-07)', async () => {
    const world = await makeWorld()
    const vi = makeVi(world)
    expect(await world.vif.insertFilter(web, vi)).toBe('closed')
    world.filters.open()
    const filter = await world.vif.insertFilter(web, vi)
    expect(filter).toMatchObject({ key: web, vi })
    expect(await world.vif.insertFilter({ protocol: 17, destinationPort: 53 }, vi)).toBe('unsupported')
    await world.vif.insertFilter({ protocol: 6, destinationPort: 22 }, vi)
    expect(await world.vif.insertFilter({ protocol: 6, destinationPort: 23 }, vi)).toBe('quota')
    if (typeof filter !== 'string') filter.remove()
    if (typeof filter !== 'string') filter.remove()
    expect(world.port.log.filter((line) => line === 'remove 80')).toHaveLength(1)
    expect(await world.vif.insertFilter({ protocol: 6, destinationPort: 23 }, vi)).toMatchObject({ vi })
    world.filters.shut()
    world.filters.removeAll()
    expect(world.filters.size).toBe(0)
    expect(await world.vif.insertFilter(web, vi)).toBe('closed')
  })

  it('that wait at the fence while the vif stops are not inserted', async () => {
    let release: (() => void) | undefined
    const world = await makeWorld({
      insert: async (_key, _vi, insert) => {
        await new Promise<void>((resolve) => {
          release = resolve
        })
        return insert()
      },
    })
    const vi = makeVi(world)
    world.filters.open()
    const waiting = world.vif.insertFilter(web, vi)
    world.filters.shut()
    release?.()
    expect(await waiting).toBe('closed')
    expect(world.port.log).toEqual([])
  })

  it('go before the VI that they feed', async () => {
    const world = await makeWorld()
    const vi = makeVi(world)
    world.filters.open()
    await world.vif.insertFilter(web, vi)
    vi.close()
    expect(world.port.log).toEqual(['insert 80 for 1', 'remove 80', 'close 1'])
  })
})

describe('observers', () => {
  const frame = { length: 60 } as Frame

  it('of the port see frames until their scope closes; hardware keeps one', async () => {
    const world = await makeWorld()
    const seen: string[] = []
    const hardware = world.port.observer
    world.vif.port.observe({ received: () => void seen.push('in'), transmitted: () => void seen.push('out') })
    world.vif.port.observe({ received: () => void seen.push('too') })
    hardware?.received?.(frame)
    hardware?.transmitted?.(frame)
    expect(seen).toEqual(['in', 'too', 'out'])
    await settle(world.clock, world.book.close())
    hardware?.received?.(frame)
    expect(seen).toHaveLength(3)
    expect(world.port.observer).toBe(hardware)
  })

  it('that throw are counted and never reach the driver (ER-03)', async () => {
    const world = await makeWorld()
    world.vif.port.observe({
      received: () => {
        throw new Error('no')
      },
    })
    world.port.observer?.received?.(frame)
    expect(world.tally.violations.get('ER-03')).toBe(1)
  })

  it('of the guest are taken away with the scope they were made in', async () => {
    const world = await makeWorld()
    const child = world.vif.child('talk')
    child.observe({ fromGuest: () => {} })
    expect([...world.taps].map((tap) => Object.keys(tap))).toEqual([['fromGuest']])
    await settle(world.clock, child.close())
    expect(world.taps.size).toBe(0)
  })
})
