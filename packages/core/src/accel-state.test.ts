import { Hypervisor, settle, VirtualClock, XenbusState } from '@netaccel/xen'
import { describe, expect, it } from 'vitest'
import { ACCELSTATE_KEY, AccelState } from './accel-state.js'
import { Lease } from './lease.js'
import { KeptPages } from './scope/kept-pages.js'
import { DoorTally } from './scope/tally.js'
import { ScopeBook } from './scope/scope-book.js'
import { VifDoors } from './scope/vif-doors.js'
import type { AccelStateWork } from './accel-state.js'
import type { Domain } from '@netaccel/xen'

const { Initialising, InitWait, Connected, Closing, Closed } = XenbusState
const FRONT = '/local/domain/1/device/vif/0'
const BACK = '/local/domain/0/backend/vif/1/0'

async function setUp() {
  const timeline = new VirtualClock()
  const wait = <T>(work: Promise<T>): Promise<T> => settle(timeline, work)
  const xen = new Hypervisor({ timeline, machine: { bytes: 4 << 20 } })
  const dom0 = await wait(xen.createDomain({ name: 'dom0', pages: 32 }))
  const guest = await wait(xen.createDomain({ name: 'guest1', pages: 32 }))
  for (const [path, owner, reader] of [
    [FRONT, guest.id, dom0.id],
    [BACK, dom0.id, guest.id],
  ] as const) {
    await wait(dom0.store.write(path, ''))
    await wait(
      dom0.store.setPerms(path, [
        { domid: owner, letter: 'n' },
        { domid: reader, letter: 'r' },
      ]),
    )
  }
  const log: string[] = []
  const read = (path: string) => wait(dom0.store.read(`${path}/${ACCELSTATE_KEY}`))

  function half(side: 'frontend' | 'backend', work: Partial<AccelStateWork> = {}) {
    const domain: Domain = side === 'frontend' ? guest : dom0
    const lease = new Lease(side)
    const book = new ScopeBook(side, {
      domain,
      engine: domain.engine,
      lease,
      capabilities: new Set(),
      kept: KeptPages.of(domain.engine, domain),
      tally: new DoorTally(side),
      log: (_level, _scope, text) => void log.push(`${side} log: ${text}`),
      counter: () => undefined,
      faults: null,
    })
    const scope = new VifDoors(book, {
      handle: 0,
      mac: '00:16:3e:00:00:01',
      queueCount: 1,
      peer: side === 'frontend' ? dom0.id : guest.id,
      directories: side === 'frontend' ? { own: FRONT, peer: BACK } : { own: BACK, peer: FRONT },
      requestDetach: () => {},
    })
    const note = (what: string) => void log.push(`${side} ${what}`)
    const state = new AccelState({
      side,
      scope,
      work: {
        setUp: () => (note('sets up'), true),
        connected: () => note('connected'),
        stop: () => note('stops'),
        release: () => note('releases'),
        ...work,
      },
    })
    return { state, book, lease, domain, close: (ms?: number) => wait(state.close(ms)) }
  }

  /** Starts both ends and runs until nothing is due. */
  async function both(front: Partial<AccelStateWork> = {}, back: Partial<AccelStateWork> = {}) {
    const backend = half('backend', back)
    await wait(backend.state.start())
    const frontend = half('frontend', front)
    await wait(frontend.state.start())
    await timeline.run({ for: 50_000_000 })
    return { frontend, backend }
  }
  return { timeline, wait, xen, dom0, guest, log, read, half, both }
}

describe('two ends that start', () => {
  it('become Connected, the frontend first', async () => {
    const { both, log, read } = await setUp()
    const { frontend, backend } = await both()
    expect([frontend.state.own, backend.state.own]).toEqual([Connected, Connected])
    expect([frontend.state.established, backend.state.established]).toEqual([true, true])
    expect(log).toEqual(['frontend sets up', 'backend sets up', 'backend connected', 'frontend connected'])
    expect([await read(FRONT), await read(BACK)]).toEqual(['4', '4'])
    expect([frontend.lease.held, backend.lease.held]).toEqual([0, 0])
  })

  it('do so in either order', async () => {
    const { half, wait, timeline } = await setUp()
    const frontend = half('frontend')
    await wait(frontend.state.start())
    const backend = half('backend')
    await wait(backend.state.start())
    await timeline.run({ for: 50_000_000 })
    expect([frontend.state.established, backend.state.established]).toEqual([true, true])
  })

  it('become Closed when the set-up of the frontend fails, with everything released', async () => {
    const { both, log } = await setUp()
    const { frontend, backend } = await both({
      setUp: () => {
        throw new Error('no pages')
      },
    })
    expect([frontend.state.own, backend.state.own]).toEqual([Closed, Closed])
    expect(log).toEqual([
      'frontend log: the conversation could not be set up',
      'frontend stops',
      'frontend releases',
    ])
  })

  it('become Closed when the set-up of the backend fails', async () => {
    const { both, log } = await setUp()
    const { frontend, backend } = await both({}, { setUp: () => false })
    expect([frontend.state.own, backend.state.own]).toEqual([Closed, Closed])
    expect(log.filter((line) => line.endsWith('releases')).toSorted()).toEqual([
      'backend releases',
      'frontend releases',
    ])
    expect(log).not.toContain('frontend connected')
  })

  it('give a set-up one second', async () => {
    const { half, wait, timeline } = await setUp()
    const backend = half('backend')
    await wait(backend.state.start())
    let aborted = false
    const frontend = half('frontend', {
      setUp: (signal) => {
        signal.addEventListener('abort', () => (aborted = true))
        return new Promise(() => {})
      },
    })
    await wait(frontend.state.start())
    await timeline.run({ for: 900_000_000 })
    expect([frontend.state.own, aborted]).toEqual([Initialising, false])
    await timeline.run({ for: 200_000_000 })
    expect([frontend.state.own, backend.state.own, aborted]).toEqual([Closed, Closed, true])
  })
})

describe('a leave', () => {
  it('of the frontend is followed, and the backend stays for the next', async () => {
    const { both, half, log, read, wait, timeline } = await setUp()
    const { frontend, backend } = await both()
    log.length = 0
    expect(await frontend.close()).toBe('closed')
    await timeline.run({ for: 1_000_000 })
    expect(log).toEqual([
      'backend stops',
      'frontend stops',
      'backend stops',
      'backend releases',
      'frontend stops',
      'frontend releases',
    ])
    expect([await read(FRONT), backend.state.own]).toEqual([undefined, Closed])
    const next = half('frontend')
    await wait(next.state.start())
    await timeline.run({ for: 50_000_000 })
    expect([next.state.established, backend.state.established]).toEqual([true, true])
  })

  it('of the backend is followed by the frontend', async () => {
    const { both, read } = await setUp()
    const { frontend, backend } = await both()
    expect(await backend.close()).toBe('closed')
    expect([frontend.state.own, await read(BACK)]).toEqual([Closed, undefined])
  })

  it('scenario 17: of both at once ends in order', async () => {
    const { both, wait, read, log } = await setUp()
    const { frontend, backend } = await both()
    log.length = 0
    expect(await wait(Promise.all([frontend.state.close(), backend.state.close()]))).toEqual([
      'closed',
      'closed',
    ])
    expect([await read(FRONT), await read(BACK)]).toEqual([undefined, undefined])
    expect(log.filter((line) => line.endsWith('releases')).toSorted()).toEqual([
      'backend releases',
      'frontend releases',
    ])
  })

  it.each(['frontend', 'backend'] as const)(
    'scenario 17: of the %s from a silent peer ends at its deadline',
    async (side) => {
      const { both, read, timeline } = await setUp()
      const ends = await both()
      const other = ends[side === 'frontend' ? 'backend' : 'frontend']
      // The other half has stopped looking, as one whose engine hangs.
      other.book.kill()
      const from = timeline.now()
      expect(await ends[side].close(300)).toBe('forced')
      expect(timeline.now() - from).toBeGreaterThanOrEqual(300_000_000)
      expect(timeline.now() - from).toBeLessThan(310_000_000)
      expect(await read(side === 'frontend' ? FRONT : BACK)).toBeUndefined()
    },
  )

  it('scenario 17: from a peer that is gone waits for nothing', async () => {
    const { both, xen, guest, wait, timeline, log } = await setUp()
    const { backend } = await both()
    await wait(xen.destroyDomain(guest))
    await timeline.run({ for: 50_000_000 })
    expect(log).toContain('backend releases')
    expect(backend.state.own).toBe(Closed)
    const from = timeline.now()
    expect(await backend.close()).toBe('closed')
    expect(timeline.now() - from).toBeLessThan(10_000_000)
  })

  it('during a set-up calls it off', async () => {
    const { half, wait, timeline, log } = await setUp()
    const backend = half('backend')
    await wait(backend.state.start())
    const frontend = half('frontend', { setUp: () => new Promise(() => {}) })
    await wait(frontend.state.start())
    await timeline.run({ for: 10_000_000 })
    const from = timeline.now()
    expect(await frontend.close()).toBe('closed')
    expect(timeline.now() - from).toBeLessThan(10_000_000)
    expect(log.filter((line) => line === 'frontend releases')).toHaveLength(1)
  })
})

describe('a peer that misbehaves', () => {
  it('and repeats a state is not answered twice', async () => {
    const { both, guest, wait, timeline, log } = await setUp()
    await both()
    const before = [...log]
    for (let n = 0; n < 3; n++) await wait(guest.store.write(`${FRONT}/${ACCELSTATE_KEY}`, String(Connected)))
    await timeline.run({ for: 10_000_000 })
    expect(log).toEqual(before)
  })

  it('scenario 17: and is Initialising again without a farewell is taken for a new one', async () => {
    const { both, half, wait, timeline, log } = await setUp()
    const { frontend, backend } = await both()
    frontend.book.kill()
    log.length = 0
    const next = half('frontend')
    await wait(next.state.start())
    await timeline.run({ for: 50_000_000 })
    expect(log.slice(0, 2)).toEqual(['backend stops', 'backend releases'])
    expect([next.state.established, backend.state.established]).toEqual([true, true])
  })

  it('scenario 17: and comes back between two looks is noticed by the number of its start', async () => {
    const { both, dom0, wait, timeline, log } = await setUp()
    const { frontend, backend } = await both()
    log.length = 0
    const before = await wait(dom0.store.read(`${BACK}/accelstate-start`))
    await wait(dom0.store.write(`${BACK}/accelstate-start`, String(Number(before) + 1)))
    await wait(dom0.store.write(`${BACK}/${ACCELSTATE_KEY}`, String(Connected)))
    await timeline.run({ for: 10_000_000 })
    expect(log).toEqual([
      'frontend stops',
      'frontend releases',
      'backend stops',
      'backend releases',
      'frontend sets up',
      'backend sets up',
      'backend connected',
      'frontend connected',
    ])
    expect([frontend.state.established, backend.state.established]).toEqual([true, true])
  })

  it('and skips states or writes none makes an end close, and nothing worse', async () => {
    for (const value of [String(InitWait), '3', String(Closing), '99', 'garbage', '']) {
      const { both, guest, wait, timeline } = await setUp()
      const { backend, frontend } = await both()
      frontend.book.kill()
      await wait(guest.store.write(`${FRONT}/${ACCELSTATE_KEY}`, value))
      await timeline.run({ for: 10_000_000 })
      expect([Closing, Closed]).toContain(backend.state.own)
      await wait(guest.store.write(`${FRONT}/${ACCELSTATE_KEY}`, String(Closed)))
      await timeline.run({ for: 10_000_000 })
      expect(backend.state.own).toBe(Closed)
    }
  })

  it('whose directory is gone cannot be started for', async () => {
    const { half, dom0, wait } = await setUp()
    const frontend = half('frontend')
    await wait(dom0.store.rm(FRONT))
    expect(await wait(frontend.state.start())).toBe(false)
  })
})
