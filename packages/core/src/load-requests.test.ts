import { Hypervisor, settle, VirtualClock } from '@netaccel/xen'
import { describe, expect, it } from 'vitest'
import * as core from './index.js'
import { Lease } from './lease.js'
import { openHalfScope } from './scope/half-scope.js'
import { KeptPages } from './scope/kept-pages.js'
import type { Catalogue, FrontendAccelerator, PackageFiles, RegistryMember } from './index.js'

const { EventHub, Loader, LoadRequests, Registry, requestModule } = core
const DIRECTORY = '/local/domain/1/control/accel-module'

const half = (setUp = '') => `
  module.exports = require("@netaccel/core").defineAccelerator({
    async frontend(context) { ${setUp}; return { newDevice: async () => "declined" } },
  })`

function plugin(version: string, text = half(`"${version}"`), name = 'my_netfront'): PackageFiles {
  const content: Record<string, string> = {
    './package.json': JSON.stringify({
      name: '@me/my-accelerator',
      version,
      keywords: ['netaccel-plugin'],
      netaccel: { name, apiVersion: { frontend: [1, 1] }, frontend: './f.cjs', capabilities: [] },
    }),
    './f.cjs': text,
  }
  return {
    from: version,
    read: (path) => (content[path] === undefined ? undefined : new TextEncoder().encode(content[path])),
  }
}

async function setUp(packages: readonly PackageFiles[] = [plugin('1.0.0')]) {
  const timeline = new VirtualClock()
  const wait = <T>(work: Promise<T>): Promise<T> => settle(timeline, work)
  const xen = new Hypervisor({ timeline, machine: { bytes: 4 << 20 } })
  const dom0 = await wait(xen.createDomain({ name: 'dom0', pages: 32 }))
  const guest = await wait(xen.createDomain({ name: 'guest1', pages: 32 }))
  const { engine } = guest
  const events = new EventHub()
  const failures: unknown[] = []
  events.on('load_request_failed', ({ cause }) => failures.push(cause))
  const registry: core.Registry<FrontendAccelerator> = new Registry<FrontendAccelerator>({
    side: 'frontend',
    clock: engine,
    inDriverDomain: false,
    events,
    onRequested: (name) => requests.requested(name),
  })
  const kept = KeptPages.of(engine, guest)
  const loader = new Loader({
    core,
    clock: engine,
    frontend: registry,
    openScope: (facts) => openHalfScope({ domain: guest, engine, kept, log: () => {} }, facts),
    events,
  })
  const catalogue: Catalogue = {
    find: (name, version) =>
      name === 'my_netfront'
        ? packages.findLast((one) => version === undefined || one.from === version)
        : undefined,
  }
  const requests = new LoadRequests({
    store: guest.store,
    clock: engine,
    loader,
    half: 'frontend',
    catalogue,
    events,
  })
  const before = guest.resources()
  await wait(requests.start())
  const ask = (what: string, name = 'my_netfront') =>
    wait(requestModule(dom0.store, dom0.engine, guest.id, name, what))
  const read = (path: string) => wait(dom0.store.read(`${DIRECTORY}/${path}`))
  return { timeline, wait, dom0, guest, registry, loader, requests, ask, read, failures, before }
}

describe('a request in the store', () => {
  it('loads and unloads, is answered by a state, and is then empty', async () => {
    const { ask, read, loader, failures } = await setUp()
    expect(await ask('load:1.0.0')).toBe(`loaded:1.0.0:${loader.loaded[0]?.hash.slice(0, 12)}`)
    expect(await read('my_netfront')).toBe('')
    expect(await ask('unload')).toBe('unloaded')
    expect([loader.loaded, await read('my_netfront')]).toEqual([[], ''])
    expect(failures).toEqual([])
  })

  it('takes the newest package when it names no version, and does nothing when that is loaded', async () => {
    const { ask, loader, registry } = await setUp([plugin('1.0.0'), plugin('1.1.0')])
    expect(await ask('load')).toMatch(/^loaded:1\.1\.0:/)
    expect(await ask('load:')).toMatch(/^loaded:1\.1\.0:/)
    expect(registry.state('my_netfront')?.generation).toBe(1)
    expect(loader.loaded.map(({ packageVersion }) => packageVersion)).toEqual(['1.1.0'])
  })

  it('for other bytes of a loaded name upgrades', async () => {
    const { ask, registry } = await setUp([plugin('1.0.0'), plugin('1.1.0')])
    await ask('load:1.0.0')
    expect(await ask('load:1.1.0')).toMatch(/^loaded:1\.1\.0:/)
    expect(registry.state('my_netfront')).toMatchObject({ state: 'loaded', generation: 2 })
  })

  it('for an upgrade that fails keeps the old and says so', async () => {
    const { ask, loader } = await setUp([
      plugin('1.0.0'),
      plugin('1.1.0', half('throw new Error("no VI left")')),
    ])
    await ask('load:1.0.0')
    expect(await ask('load:1.1.0')).toMatch(/^failed:SETUP_FAILED:my_netfront was rolled back: .*no VI left$/)
    expect(loader.loaded.map(({ packageVersion }) => packageVersion)).toEqual(['1.0.0'])
  })

  it.each([
    [
      'load:9.9.9',
      'my_netfront',
      /^failed:NOT_LOADED:the catalogue of this domain has no my_netfront 9\.9\.9$/,
    ],
    ['reload', 'my_netfront', /^failed:BAD_ARGUMENT:"reload" is not a request/],
    ['load:1:2', 'my_netfront', /^failed:BAD_ARGUMENT:/],
    ['load', 'Other', /^failed:BAD_ARGUMENT:"Other" is not the name of a plugin/],
    ['unload', 'other', /^unloaded$/],
  ])('of %s for %s is answered with %s', async (what, name, state) => {
    const { ask } = await setUp()
    expect(await ask(what, name)).toMatch(state)
  })

  it('for a package of another name is refused', async () => {
    const { ask } = await setUp([plugin('1.0.0', half(), 'other')])
    expect(await ask('load')).toBe('failed:BAD_MANIFEST:asked for my_netfront, the package is other')
  })

  it('that stood there before the domain looked is acted on', async () => {
    const { requests, wait, dom0, timeline, read } = await setUp()
    await wait(requests.stop())
    await wait(dom0.store.write(`${DIRECTORY}/my_netfront`, 'load'))
    await timeline.run({ for: 50_000_000 })
    expect(await read('my_netfront')).toBe('load')
    await wait(requests.start())
    await timeline.run({ for: 50_000_000 })
    expect(await read('my_netfront/state')).toMatch(/^loaded:/)
  })

  it('to unload calls a load off that is under way', async () => {
    const { dom0, wait, timeline, ask, read, loader, failures } = await setUp([
      plugin('1.0.0', half('await new Promise(() => {})')),
    ])
    await wait(dom0.store.write(`${DIRECTORY}/my_netfront`, 'load'))
    await timeline.run({ for: 50_000_000 })
    expect(await read('my_netfront/state')).toBe('loading')
    const states: (string | undefined)[] = []
    await wait(
      dom0.store.watch(`${DIRECTORY}/my_netfront/state`, (path) => {
        void dom0.store.read(path).then((state) => states.push(state))
      }),
    )
    expect(await ask('unload')).toBe('unloaded')
    // What became of the load is told to nobody any more.
    expect(new Set(states)).toEqual(new Set(['loading', 'draining', 'unloaded']))
    expect(loader.loaded).toEqual([])
    expect(failures).toMatchObject([{ code: 'ABORTED' }])
  })

  it('to a domain that does not listen ends at its deadline', async () => {
    const { requests, dom0, guest, wait, timeline } = await setUp()
    await wait(requests.stop())
    const from = timeline.now()
    await expect(
      wait(requestModule(dom0.store, dom0.engine, guest.id, 'my_netfront', 'load', 500)),
    ).rejects.toThrow(/^DEADLINE: load of my_netfront in domain 1/)
    expect(timeline.now() - from).toBeGreaterThanOrEqual(500_000_000)
  })

  it('leaves nothing behind when the watch ends', async () => {
    const { requests, wait, guest, ask, before } = await setUp()
    await ask('load')
    await ask('unload')
    await wait(requests.stop())
    expect(guest.resources()).toEqual(before)
  })
})

describe('a vif that asks', () => {
  const vif = (lease = new Lease('vif1.0')): RegistryMember<FrontendAccelerator> => ({
    name: lease.name,
    attach: async () => 'attached',
    detach: async () => {},
  })

  it('scenario 2: for what the catalogue holds has it loaded, once', async () => {
    const { registry, timeline, loader } = await setUp()
    registry.request('my_netfront', vif())
    registry.request('my_netfront', vif(new Lease('vif1.1')))
    await timeline.run({ for: 50_000_000 })
    expect(registry.state('my_netfront')).toMatchObject({ state: 'loaded', use: 'active', generation: 1 })
    expect(loader.loaded).toHaveLength(1)
  })

  it('for anything else stays requested', async () => {
    const { registry, timeline, failures } = await setUp()
    registry.request('other', vif())
    await timeline.run({ for: 50_000_000 })
    expect(registry.state('other')?.state).toBe('requested')
    expect(failures).toEqual([])
  })
})
