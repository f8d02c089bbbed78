import { VirtualClock } from '@netaccel/xen'
import { describe, expect, it } from 'vitest'
import { EventHub } from './event-hub.js'
import { LEASE_LENT, Lease } from './lease.js'
import { Registry } from './registry.js'
import type { RemoveReason } from './contract/index.js'
import type { Generation, RegistryMember, RegistryOptions, StopReport } from './registry-types.js'

type Half = string

/** A vif that does as it is told and writes down what it was asked. */
class Vif implements RegistryMember<Half> {
  readonly log: string[]
  answer: 'attached' | 'declined' = 'attached'
  attachNs = 0
  detachNs = 0
  lease: Lease | null = null

  readonly name: string
  readonly engine: ReturnType<VirtualClock['engine']>

  constructor(name: string, engine: ReturnType<VirtualClock['engine']>, log: string[] = []) {
    this.name = name
    this.engine = engine
    this.log = log
  }

  async attach(half: Half, generation: Generation<Half>): Promise<'attached' | 'declined'> {
    this.log.push(`${this.name} attach ${half}#${generation.number}`)
    if (this.attachNs > 0) await new Promise<void>((resolve) => this.engine.after(this.attachNs, resolve))
    if (this.answer === 'attached') this.lease = generation.lease.add(new Lease(this.name))
    return this.answer
  }

  async detach(reason: RemoveReason): Promise<void> {
    this.log.push(`${this.name} detach ${reason}`)
    if (this.detachNs > 0) await new Promise<void>((resolve) => this.engine.after(this.detachNs, resolve))
    this.log.push(`${this.name} detached`)
  }
}

function setUp(options: Partial<RegistryOptions> = {}) {
  const timeline = new VirtualClock()
  const engine = timeline.engine('guest')
  const events: string[] = []
  const hub = new EventHub()
  hub.onAny(({ event }) => events.push(event))
  const registry = new Registry<Half>({
    side: 'frontend',
    clock: engine,
    inDriverDomain: false,
    events: hub,
    ...options,
  })
  const log: string[] = []
  return { timeline, engine, registry, log, events, vif: (name: string) => new Vif(name, engine, log) }
}

describe.each(['frontend', 'backend'] as const)('versions of the %s side', (side) => {
  it.each([
    [1, 0],
    [2, 0],
    [3, 2],
    [99, 2],
    [0, 'EPROTO'],
  ] as const)('scenario 4: %s against [1, 2] gives %s', (version, result) => {
    const { registry } = setUp({ versions: [1, 2], side })
    expect(registry.loaded(version, 'sfc_netfront', 'half')).toBe(result)
    expect(registry.state('sfc_netfront')?.state).toBe(result === 0 ? 'loaded' : undefined)
  })
})

describe('versions', () => {
  it('scenario 4: refuses a frontend half in the driver domain before it looks at the version', () => {
    const { registry } = setUp({ inDriverDomain: true })
    expect(registry.loaded(99, 'sfc_netfront', 'half')).toBe('EINVAL')
    expect(setUp({ inDriverDomain: true, side: 'backend' }).registry.loaded(1, 'sfc_netback', 'half')).toBe(0)
  })
})

describe('a name', () => {
  it('scenario 2: may be asked for before a half is loaded, and is then attached, newest vif first', async () => {
    const asked: string[] = []
    const { registry, timeline, vif, log } = setUp({ onRequested: (name) => asked.push(name) })
    registry.request('sfc_netfront', vif('vif1.0'))
    registry.request('sfc_netfront', vif('vif1.1'))
    expect(asked).toEqual(['sfc_netfront', 'sfc_netfront'])
    expect(registry.state('sfc_netfront')).toMatchObject({
      state: 'requested',
      use: 'none',
      generation: undefined,
    })
    expect(registry.loaded(1, 'sfc_netfront', 'half')).toBe(0)
    expect(registry.state('sfc_netfront')).toMatchObject({ state: 'loaded', use: 'probed', leases: 2 })
    await timeline.run()
    expect(log).toEqual(['vif1.1 attach half#1', 'vif1.0 attach half#1'])
    expect(registry.state('sfc_netfront')).toMatchObject({
      use: 'active',
      members: [
        { name: 'vif1.1', state: 'attached' },
        { name: 'vif1.0', state: 'attached' },
      ],
    })
  })

  it('takes no second half while one is live', () => {
    const { registry } = setUp()
    expect(registry.loaded(1, 'sfc_netfront', 'one')).toBe(0)
    expect(registry.loaded(1, 'sfc_netfront', 'two')).toBe('EEXIST')
  })

  it('that declines keeps the vif, asks it again only when it asks again, and holds no lease for it', async () => {
    const { registry, timeline, vif, log } = setUp()
    const guest = vif('vif1.0')
    guest.answer = 'declined'
    registry.loaded(1, 'sfc_netfront', 'half')
    registry.request('sfc_netfront', guest)
    await timeline.run()
    expect(registry.state('sfc_netfront')).toMatchObject({ leases: 0, members: [{ state: 'declined' }] })
    registry.request('sfc_netfront', guest)
    await timeline.run()
    expect(log).toEqual(['vif1.0 attach half#1', 'vif1.0 attach half#1'])
  })

  it('takes a vif whose attach rejects for declined', async () => {
    const { registry, timeline, vif, events } = setUp()
    const guest = vif('vif1.0')
    guest.attach = () => Promise.reject(new Error('no VI left'))
    registry.loaded(1, 'sfc_netfront', 'half')
    registry.request('sfc_netfront', guest)
    await timeline.run()
    expect(registry.state('sfc_netfront')?.members).toEqual([{ name: 'vif1.0', state: 'declined' }])
    expect(events).toContain('member_attached')
  })

  it('refuses a vif that another name has', () => {
    const { registry, vif } = setUp()
    const guest = vif('vif1.0')
    registry.request('sfc_netfront', guest)
    expect(() => registry.request('other', guest)).toThrow(
      /^TAKEN: vif1\.0 asks for other and is on the list of sfc_netfront/,
    )
  })
})

describe('names that a backend writes', () => {
  it('are kept only while somebody asks for them or has loaded them', async () => {
    const { registry, vif, timeline } = setUp()
    const one = vif('vif1.0')
    for (let i = 0; i < 300; i++) {
      registry.request(`n${i}`, one)
      await registry.withdraw(one)
    }
    expect(registry.status()).toEqual([])
    // What is loaded stays without a vif, and what a vif asks for stays without a half.
    registry.loaded(1, 'kept', 'half')
    registry.request('kept', one)
    await timeline.run()
    const withdrawn = registry.withdraw(one)
    await timeline.run()
    await withdrawn
    expect(registry.state('kept')).toMatchObject({ state: 'loaded', members: [] })
    registry.request('kept', one)
    await timeline.run()
    const stopped = registry.stop('kept', 'unloaded')
    await timeline.run()
    await stopped
    expect(registry.state('kept')).toMatchObject({ state: 'requested', members: [{ name: 'vif1.0' }] })
    await registry.withdraw(one)
    expect(registry.status()).toEqual([])
  })

  it('are kept while a load of them is under way, and not after it has failed', async () => {
    const { registry, vif } = setUp()
    const one = vif('vif1.0')
    await registry.admit('late')
    registry.request('late', one)
    await registry.withdraw(one)
    expect(registry.state('late')?.state).toBe('loading')
    registry.abandon('late')
    expect(registry.status()).toEqual([])
  })
})

describe('a stop', () => {
  it('detaches every vif, waits for the leases, keeps the vifs on the list and attaches them to the next', async () => {
    const { registry, timeline, engine, vif, log } = setUp()
    const guest = vif('vif1.0')
    guest.detachNs = 1000
    registry.request('sfc_netfront', guest)
    registry.loaded(1, 'sfc_netfront', 'one')
    await timeline.run()
    guest.lease?.take(LEASE_LENT)
    let report: StopReport | undefined
    void registry.stop('sfc_netfront', 'unloaded').then((done) => (report = done))
    engine.after(5000, () => guest.lease?.drop(LEASE_LENT))
    expect(registry.state('sfc_netfront')?.state).toBe('draining')
    await timeline.run({ for: 4000 })
    expect(report).toBeUndefined()
    await timeline.run()
    expect(report).toEqual({
      name: 'sfc_netfront',
      generation: 1,
      forced: false,
      holders: [],
      detached: ['vif1.0'],
      tookNs: 5000,
    })
    expect(registry.state('sfc_netfront')).toMatchObject({
      state: 'requested',
      members: [{ state: 'requested' }],
    })
    expect(registry.loaded(1, 'sfc_netfront', 'two')).toBe(0)
    await timeline.run()
    expect(log).toEqual([
      'vif1.0 attach one#1',
      'vif1.0 detach unloaded',
      'vif1.0 detached',
      'vif1.0 attach two#2',
    ])
  })

  it('aborts an attach in flight and takes a vif that still comes back off it', async () => {
    const { registry, timeline, vif, log } = setUp()
    const guest = vif('vif1.0')
    guest.attachNs = 1000
    registry.loaded(1, 'sfc_netfront', 'half')
    registry.request('sfc_netfront', guest)
    let report: StopReport | undefined
    void registry.stop('sfc_netfront', 'unloaded').then((done) => (report = done))
    await timeline.run()
    expect(log).toEqual(['vif1.0 attach half#1', 'vif1.0 detach unloaded', 'vif1.0 detached'])
    expect(report).toMatchObject({ forced: false, tookNs: 1000 })
    expect(registry.state('sfc_netfront')).toMatchObject({
      state: 'requested',
      members: [{ state: 'requested' }],
    })
  })

  it('ends at its deadline by force and names who holds what', async () => {
    const { registry, timeline, vif } = setUp()
    const good = vif('vif1.0')
    const stuck = vif('vif2.0')
    stuck.detach = () => new Promise(() => {})
    registry.loaded(1, 'sfc_netfront', 'half')
    registry.request('sfc_netfront', good)
    registry.request('sfc_netfront', stuck)
    await timeline.run()
    good.lease?.take(LEASE_LENT)
    good.lease?.entering(7)
    let report: StopReport | undefined
    void registry.stop('sfc_netfront', 'unloaded').then((done) => (report = done))
    await timeline.run()
    expect(report).toEqual({
      name: 'sfc_netfront',
      generation: 1,
      forced: true,
      holders: [
        'sfc_netfront#1 control: 1 hook',
        'vif1.0: 1 lent, last in startXmit',
        'vif2.0: detach has not ended',
      ],
      detached: ['vif1.0', 'vif2.0'],
      tookNs: 10_000_000_000,
    })
    expect(registry.loaded(1, 'sfc_netfront', 'next')).toBe(0)
  })

  it('of a name that is not loaded is no error', async () => {
    const { registry } = setUp()
    await expect(registry.stop('sfc_netfront', 'unloaded')).resolves.toMatchObject({ generation: undefined })
  })
})

describe('a second install', () => {
  it('scenario 6: waits for the last lease of the first and is then live, never before', async () => {
    const { registry, timeline, engine, vif, log } = setUp()
    const guest = vif('vif1.0')
    registry.loaded(1, 'sfc_netfront', 'one')
    registry.request('sfc_netfront', guest)
    await timeline.run()
    const lease = guest.lease
    lease?.take(LEASE_LENT)
    void registry.stop('sfc_netfront', 'upgraded')
    expect(registry.loaded(1, 'sfc_netfront', 'two')).toBe(0)
    expect(registry.state('sfc_netfront')).toMatchObject({ state: 'deferred', generation: 1 })
    await timeline.run({ for: 3000 })
    expect(log.at(-1)).toBe('vif1.0 detached')
    engine.after(1, () => lease?.drop(LEASE_LENT))
    await timeline.run()
    expect(log.at(-1)).toBe('vif1.0 attach two#2')
    expect(registry.state('sfc_netfront')).toMatchObject({ state: 'loaded', generation: 2, use: 'active' })
  })

  it('is replaced by a newer one and called off by a stop', async () => {
    const { registry, timeline, engine, vif, events } = setUp()
    const guest = vif('vif1.0')
    registry.loaded(1, 'sfc_netfront', 'one')
    registry.request('sfc_netfront', guest)
    await timeline.run()
    guest.lease?.take(LEASE_LENT)
    void registry.stop('sfc_netfront', 'upgraded')
    const second = registry.admit('sfc_netfront').catch((error: Error) => error.message.slice(0, 10))
    registry.loaded(1, 'sfc_netfront', 'three')
    expect(await second).toBe('SUPERSEDED')
    void registry.stop('sfc_netfront', 'unloaded')
    engine.after(1, () => guest.lease?.drop(LEASE_LENT))
    await timeline.run()
    expect(events).toContain('load_refused')
    expect(registry.state('sfc_netfront')?.state).toBe('requested')
  })

  it('that is admitted runs its set-up when the first is gone, and alone', async () => {
    const { registry, timeline } = setUp()
    registry.loaded(1, 'sfc_netfront', 'one')
    await expect(registry.admit('sfc_netfront')).rejects.toThrow('EEXIST')
    const stopped = registry.stop('sfc_netfront', 'unloaded')
    const admitted = registry.admit('sfc_netfront')
    await timeline.run()
    await Promise.all([stopped, admitted])
    expect(registry.state('sfc_netfront')?.state).toBe('loading')
    await expect(registry.admit('sfc_netfront')).rejects.toThrow('EEXIST')
    registry.abandon('sfc_netfront')
    await expect(registry.admit('sfc_netfront')).resolves.toBeUndefined()
    expect(registry.loaded(1, 'sfc_netfront', 'two')).toBe(0)
  })
})

describe('a vif', () => {
  it('that withdraws is detached and off the list', async () => {
    const { registry, timeline, vif, log } = setUp()
    const guest = vif('vif1.0')
    registry.loaded(1, 'sfc_netfront', 'half')
    registry.request('sfc_netfront', guest)
    await timeline.run()
    await registry.withdraw(guest, 'disconnected')
    expect(log.slice(1)).toEqual(['vif1.0 detach disconnected', 'vif1.0 detached'])
    expect(registry.state('sfc_netfront')).toMatchObject({
      state: 'loaded',
      use: 'none',
      leases: 0,
      members: [],
    })
  })

  it('that leaves by itself gives back its lease and may ask again', async () => {
    const { registry, timeline, vif, log } = setUp()
    const guest = vif('vif1.0')
    registry.loaded(1, 'sfc_netfront', 'half')
    registry.request('sfc_netfront', guest)
    await timeline.run()
    registry.left(guest, 'declined')
    registry.left(guest, 'requested')
    expect(registry.state('sfc_netfront')).toMatchObject({ leases: 0, members: [{ state: 'declined' }] })
    registry.request('sfc_netfront', guest)
    await timeline.run()
    expect(log).toEqual(['vif1.0 attach half#1', 'vif1.0 attach half#1'])
    expect(registry.state('sfc_netfront')?.use).toBe('active')
  })
})
