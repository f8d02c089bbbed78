import { describe, expect, it } from 'vitest'
import { Hypervisor } from './hypervisor.js'
import { RealClock } from './real-clock.js'
import { settle } from './settle.js'
import { makeVif, testHost } from './testing/two-domains.js'
import { VirtualClock } from './virtual-clock.js'
import { XenstoreError } from './xenstore/store-error.js'

describe('createDomain', () => {
  it('connects a domain to the store and makes its directory as libxl does', async () => {
    const { dom0, guests, wait } = await testHost(1)
    const [guest] = guests
    expect([dom0.id, guest.id, guest.alive]).toEqual([0, 1, true])
    expect(await wait(guest.store.read('name'))).toBe('guest1')
    expect(await wait(guest.store.read('domid'))).toBe('1')
    expect(await wait(dom0.store.directory('/local/domain'))).toEqual(['0', '1'])
    const perms = (path: string) => wait(dom0.store.getPerms(path))
    expect(await perms('/local/domain/1')).toEqual([
      { domid: 0, letter: 'n' },
      { domid: 1, letter: 'r' },
    ])
    expect(await perms('/local/domain/1/control')).toEqual([{ domid: 1, letter: 'n' }])
    await wait(guest.store.write('control/shutdown', ''))
    await expect(wait(guest.store.write('name', 'another'))).rejects.toMatchObject({ code: 'EACCES' })
    expect(await wait(dom0.store.isDomainIntroduced(1))).toBe(true)
    expect(guest.resources()).toEqual({ grants: 0, mappings: 0, ports: 1, watches: 0, pages: 3 })
    expect(dom0.resources()).toEqual({ grants: 0, mappings: 1, ports: 3, watches: 0, pages: 3 })
  })

  it('tells who watches @introduceDomain and @releaseDomain', async () => {
    const { clock, dom0, xen, guests, wait } = await testHost(1)
    const seen: string[] = []
    for (const name of ['@introduceDomain', '@releaseDomain'])
      await wait(dom0.store.watch(name, (path) => void seen.push(path)))
    await clock.run()
    seen.length = 0
    await wait(xen.createDomain({ name: 'late', pages: 8 }))
    await clock.run()
    await wait(xen.destroyDomain(guests[0]))
    await clock.run()
    expect(seen).toEqual(['@introduceDomain', '@releaseDomain'])
  })

  it('undoes everything when a step fails, whichever it is', async () => {
    const { xen, dom0, wait, clock } = await testHost(0)
    // The first mapping of domain 0 makes its table of mappings, which stays.
    await wait(xen.destroyDomain(await wait(xen.createDomain({ name: 'first', pages: 8 }))))
    const state = () => ({
      pages: xen.machine.pagesFree,
      dom0: dom0.resources(),
      nodes: xen.xenstored.tree.size,
      domains: xen.domains.size,
      engines: clock.engines,
    })
    const before = state()
    const fail = (): Promise<never> => Promise.reject(new XenstoreError('EIO', 'planted'))
    const { store } = dom0
    const transaction = store.transaction.bind(store)
    const introduce = store.introduce.bind(store)
    const attempts: [step: string, pages: number, arrange: () => void][] = [
      ['extent', 1_000_000, () => {}],
      ['store page', 1, () => {}],
      ['grant table', 2, () => {}],
      ['directory', 8, () => (store.transaction = fail)],
      ['introduce', 8, () => (store.introduce = fail)],
      [
        'first answer',
        8,
        () => (store.introduce = async (domid) => introduce(domid, 1, 99).catch(() => fail())),
      ],
    ]
    for (const [step, pages, arrange] of attempts) {
      arrange()
      await expect(wait(xen.createDomain({ name: step, pages }))).rejects.toBeInstanceOf(Error)
      store.transaction = transaction
      store.introduce = introduce
      expect({ step, ...state() }).toEqual({ step, ...before })
    }
    const guest = await wait(xen.createDomain({ name: 'works', pages: 8 }))
    expect(guest.id).toBe(attempts.length + 2)
  })

  it('uses a domain number again only when all others have been; nothing passes to its new owner', async () => {
    const { xen, dom0, wait } = await testHost(0, { machine: { maxDomains: 4 } })
    const ids: number[] = []
    for (let cycle = 0; cycle < 5; cycle++) {
      const guest = await wait(xen.createDomain({ name: 'g', pages: 8 }))
      ids.push(guest.id)
      await wait(dom0.store.write(`/for/${cycle}`, 'secret'))
      await wait(
        dom0.store.setPerms(`/for/${cycle}`, [
          { domid: 0, letter: 'n' },
          { domid: guest.id, letter: 'r' },
        ]),
      )
      if (cycle === 3)
        await expect(wait(guest.store.read('/for/0'))).rejects.toMatchObject({ code: 'EACCES' })
      await wait(xen.destroyDomain(guest))
    }
    expect(ids).toEqual([1, 2, 3, 1, 2])
    for (let guest = 0; guest < 3; guest++) await wait(xen.createDomain({ name: 'g', pages: 8 }))
    await expect(wait(xen.createDomain({ name: 'g', pages: 8 }))).rejects.toMatchObject({
      code: 'BAD_DOMAIN',
    })
  })

  it('a privileged domain may do in the store what domain 0 may', async () => {
    const { xen, wait } = await testHost(0)
    const driver = await wait(xen.createDomain({ name: 'driver', pages: 8, privileged: true }))
    await wait(driver.store.write('/anywhere', 'x'))
    expect(await wait(driver.store.isDomainIntroduced(0))).toBe(true)
  })

  it('is the same under the real clock', async () => {
    const clock = new RealClock()
    const xen = new Hypervisor({ timeline: clock })
    const dom0 = await settle(clock, xen.createDomain({ name: 'Domain-0', pages: 16 }))
    const guest = await settle(clock, xen.createDomain({ name: 'guest1', pages: 16 }))
    const seen: string[] = []
    await settle(
      clock,
      guest.store.watch('data', (path) => void seen.push(path)),
    )
    await settle(clock, dom0.store.write('/local/domain/1/data/x', 'hello'))
    await clock.run({ until: () => seen.length === 2 })
    expect(seen).toEqual(['data', 'data/x'])
    expect(await settle(clock, guest.store.read('data/x'))).toBe('hello')
    expect(await settle(clock, xen.destroyDomain(guest))).toEqual({ stillHeld: [] })
  })

  it('runs two machines on one clock', async () => {
    const clock = new VirtualClock()
    const [left, right] = ['left', 'right'].map((name) => new Hypervisor({ timeline: clock, name }))
    const both = [left, right].map((xen) => xen.createDomain({ name: 'Domain-0', pages: 16 }))
    const [a, b] = await settle(clock, Promise.all(both))
    expect([a.id, b.id]).toEqual([0, 0])
    expect([a.engine.name, b.engine.name]).toEqual(['left.Domain-0', 'right.Domain-0'])
  })
})

describe('destroyDomain', () => {
  it('leaves nothing: memory, ports, mappings, watches, nodes', async () => {
    const { xen, dom0, wait } = await testHost(0)
    // The first mapping of domain 0 makes its table of mappings, which stays.
    await wait(xen.destroyDomain(await wait(xen.createDomain({ name: 'first', pages: 8 }))))
    const before = { pages: xen.machine.pagesFree, dom0: dom0.resources(), nodes: xen.xenstored.tree.size }
    for (let cycle = 0; cycle < 20; cycle++) {
      const guest = await wait(xen.createDomain({ name: 'short', pages: 32 }))
      await wait(guest.store.watch('device', () => {}))
      await wait(guest.store.write('data/x/y', '1'))
      const arena = dom0.extent.allocPages(1)
      const ref = dom0.grants.grant(guest.id, arena.pages[0], 'rw')
      expect(typeof guest.grantOps.map(0, ref, 'rw')).toBe('object')
      const port = dom0.events.allocUnbound(guest.id, () => {})
      guest.events.bindInterdomain(0, port, () => {})
      expect(dom0.grants.tryEnd(ref)).toBe(false)
      const report = await wait(xen.destroyDomain(guest))
      expect(report).toEqual({ stillHeld: [] })
      expect(guest.alive).toBe(false)
      expect(dom0.grants.endGrant(ref, arena)).toBe(true)
      dom0.events.close(port)
    }
    expect({ pages: xen.machine.pagesFree, dom0: dom0.resources(), nodes: xen.xenstored.tree.size }).toEqual(
      before,
    )
  })

  it('stops the code of the domain: no timer, poll, handler or callback runs any more, what waits is rejected', async () => {
    const { clock, xen, guests, wait } = await testHost(1)
    const [guest] = guests
    let ran = 0
    const poll = guest.engine.addPoller({ name: 'never', poll: () => ++ran < 0 })
    guest.engine.after(10_000_000, () => ran++)
    await wait(guest.store.watch('name', () => ran++))
    await clock.run({ for: 1_000_000 })
    expect(ran).toBe(1)
    const last: string[] = []
    guest.onDestroy(() => last.push(`pages ${guest.extent.pages - guest.extent.pagesFree}`))
    const waiting = guest.store.read('name')
    const outcome = waiting.then(
      () => 'answered',
      (error: unknown) => (error instanceof XenstoreError ? error.code : 'another error'),
    )
    await wait(xen.destroyDomain(guest))
    expect(await outcome).toBe('CLOSED')
    await expect(guest.store.read('name')).rejects.toMatchObject({ code: 'CLOSED' })
    poll.schedule()
    guest.engine.raise()
    await clock.run()
    expect(ran).toBe(1)
    expect(last).toEqual(['pages 3'])
    expect(() => guest.events.allocUnbound(0, () => {})).toThrowError(
      expect.objectContaining({ code: 'DYING' }) as Error,
    )
    // A second time there is nothing to do.
    expect(await wait(xen.destroyDomain(guest))).toEqual({ stillHeld: [] })
  })

  it('takes away the backend directories made for the guest, and only those', async () => {
    const { xen, dom0, guests, wait } = await testHost(2)
    const [one, two] = guests
    await wait(makeVif(dom0, one))
    const other = await wait(makeVif(dom0, two))
    // A hostile guest points at someone else's.
    await wait(dom0.store.mkdir('/local/domain/1/device/evil'))
    await wait(dom0.store.setPerms('/local/domain/1/device/evil', [{ domid: 1, letter: 'n' }]))
    await wait(one.store.write('device/evil/0/backend', other.back))
    await wait(one.store.write('device/evil/1/backend', '/local/domain/0'))
    await wait(xen.destroyDomain(one))
    expect(await wait(dom0.store.directory('/local/domain/0/backend/vif/1'))).toEqual([])
    expect(await wait(dom0.store.read(`${other.back}/state`))).toBe('1')
    expect(await wait(dom0.store.directory('/local/domain'))).toEqual(['0', '2'])
  })

  it('reports who still holds a page of the dead domain, and gives the memory back when they let go', async () => {
    const { xen, dom0, guests, wait } = await testHost(1)
    const [guest] = guests
    const arena = guest.extent.allocPages(1)
    const ref = guest.grants.grant(0, arena.pages[0], 'ro')
    const mapped = dom0.grantOps.map(1, ref, 'ro')
    if (typeof mapped === 'number') throw new Error(`map failed: ${mapped}`)
    const free = xen.machine.pagesFree
    const report = await wait(xen.destroyDomain(guest, { patience: 5_000_000 }))
    expect(report.stillHeld).toMatchObject([{ ref, holder: 0, hostRead: 1, hostWrite: 0 }])
    expect(xen.zombies).toEqual([guest])
    expect(xen.machine.pagesFree).toBeLessThan(free + 64)
    expect(dom0.grantOps.unmap(mapped)).toBe(0)
    expect(xen.reapZombies()).toBe(0)
    expect(xen.machine.pagesFree).toBeGreaterThanOrEqual(free + 64)
  })

  it('waits for a holder that lets go in time', async () => {
    const { xen, dom0, guests, wait } = await testHost(1)
    const [guest] = guests
    const ref = guest.grants.grant(0, guest.extent.allocPages(1).pages[0], 'ro')
    const mapped = dom0.grantOps.map(1, ref, 'ro')
    if (typeof mapped === 'number') throw new Error(`map failed: ${mapped}`)
    dom0.engine.after(50_000_000, () => void dom0.grantOps.unmap(mapped))
    expect(await wait(xen.destroyDomain(guest))).toEqual({ stillHeld: [] })
    expect(xen.zombies).toEqual([])
  })

  it('domain 0 goes last, and takes the store with it', async () => {
    const { xen, dom0, guests, wait } = await testHost(1)
    await expect(wait(xen.destroyDomain(dom0))).rejects.toMatchObject({ code: 'IN_USE' })
    await wait(xen.destroyDomain(guests[0]))
    await wait(xen.destroyDomain(dom0))
    expect(xen.domains.size).toBe(0)
    await expect(wait(xen.createDomain({ name: 'late', pages: 8 }))).rejects.toMatchObject({
      code: 'BAD_STATE',
    })
  })
})
