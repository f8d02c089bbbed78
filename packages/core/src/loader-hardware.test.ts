// Backend and hardware halves: the same loader, other registries and scopes.
import { Hypervisor, settle, VirtualClock } from '@netaccel/xen'
import { describe, expect, it } from 'vitest'
import * as core from './index.js'
import { openHalfScope } from './scope/half-scope.js'
import { KeptPages } from './scope/kept-pages.js'
import type { BackendAccelerator, HardwareContext, LoaderOptions, PackageFiles } from './index.js'

const text = `
  const { defineAccelerator } = require("@netaccel/core")
  module.exports = defineAccelerator({
    backend: (context) => ({ openPort: (port) => port.name === "eth1", probe: async () => "declined", version: context.version }),
    hardware: ({ name, mac }) => ({
      name, mac, kind: "test", mtu: 1500, link: true, onChange() {}, transmit: () => "full", handedOver: async () => {},
    }),
  })`

function files(artefact: string): PackageFiles {
  const manifest = {
    name: '@me/my-nic',
    version: '3.0.0',
    keywords: ['netaccel-plugin'],
    netaccel: {
      name: 'my_nic',
      apiVersion: { backend: [1, 1] },
      backend: './both.cjs',
      hardware: './both.cjs',
      capabilities: ['vi'],
    },
  }
  const content: Record<string, string> = {
    './package.json': JSON.stringify(manifest),
    './both.cjs': artefact,
  }
  return {
    from: 'memory',
    read: (path) => (content[path] === undefined ? undefined : new TextEncoder().encode(content[path])),
  }
}

async function setUp(over: Partial<LoaderOptions> = {}) {
  const timeline = new VirtualClock()
  const wait = <T>(work: Promise<T>): Promise<T> => settle(timeline, work)
  const xen = new Hypervisor({ timeline, machine: { bytes: 2 << 20 } })
  const dom0 = await wait(xen.createDomain({ name: 'dom0', pages: 32 }))
  const { engine } = dom0
  const kept = KeptPages.of(engine, dom0)
  const backend = new core.Registry<BackendAccelerator>({
    side: 'backend',
    clock: engine,
    inDriverDomain: true,
  })
  const closed: string[] = []
  const loader = new core.Loader({
    core,
    clock: engine,
    backend,
    openScope: (facts) => openHalfScope({ domain: dom0, engine, kept, log: () => {} }, facts),
    openHardware: (facts) => ({
      // What the hardware half of this test looks at.
      context: { name: facts.name, mac: '00:16:3e:00:00:01' } as HardwareContext,
      close: async () => {
        closed.push(facts.name)
        return { tasks: ['dma'], failures: ['page 7 is still mapped'] }
      },
    }),
    ...over,
  })
  return { wait, loader, backend, closed }
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

describe('a backend half', () => {
  it('is loaded into the driver domain and unloaded', async () => {
    const { wait, loader, backend } = await setUp()
    const loaded = await wait(loader.load(files(text), 'backend'))
    expect(loaded).toMatchObject({ name: 'my_nic', half: 'backend', version: 1, packageVersion: '3.0.0' })
    expect(backend.state('my_nic')?.state).toBe('loaded')
    expect(await wait(loader.unload('my_nic', 'backend'))).toMatchObject({ forced: false, hash: loaded.hash })
  })

  it('that cannot be asked for ports is refused', async () => {
    const { wait, loader } = await setUp()
    await expect(
      wait(loader.load(files(text.replace('openPort', 'openport')), 'backend')),
    ).rejects.toMatchObject({
      code: 'SETUP_FAILED',
      detail: 'set-up of my_nic (backend): what it returned has no openPort',
    })
  })

  it('can be described while it is loaded, by the object that its set-up returned', async () => {
    const { wait, loader, backend } = await setUp()
    let half: BackendAccelerator | undefined
    backend.request('my_nic', {
      name: 'vif1.0',
      attach: async (given) => {
        half = given
        return 'attached'
      },
      detach: async () => {},
    })
    await wait(loader.load(files(text), 'backend'))
    await wait(backend.settled('my_nic'))
    expect(loader.describe(half ?? {})).toMatchObject({ name: 'my_nic', capabilities: new Set(['vi']) })
    expect(() => loader.describe({})).toThrow('NOT_LOADED')
  })
})

describe('a hardware half', () => {
  it('gives a port for each NIC that names it', async () => {
    const { wait, loader } = await setUp()
    const first = await wait(loader.loadHardware(files(text), 'eth1'))
    const second = await wait(loader.loadHardware(files(text), 'eth2'))
    expect([first.port.name, second.port.name, second.port.mac]).toEqual([
      'eth1',
      'eth2',
      '00:16:3e:00:00:01',
    ])
    expect(loader.loaded.map(({ name, half }) => `${half} ${name}`)).toEqual([
      'hardware eth1',
      'hardware eth2',
    ])
    await expect(wait(loader.loadHardware(files(text), 'eth1'))).rejects.toMatchObject({ code: 'EEXIST' })
  })

  it('says at its end what could not be undone, and is gone', async () => {
    const { wait, loader, closed } = await setUp()
    await wait(loader.loadHardware(files(text), 'eth1').then(() => {}))
    expect(await wait(loader.unloadHardware('eth1'))).toEqual(['task dma', 'page 7 is still mapped'])
    expect(await wait(loader.unloadHardware('eth1'))).toEqual([])
    expect([loader.loaded, closed]).toEqual([[], ['eth1']])
    expect(await loader.prove(turn)).toEqual({ proven: 1, leaked: [] })
  })

  it('that is no port leaves nothing', async () => {
    const { wait, loader, closed } = await setUp()
    await expect(
      wait(loader.loadHardware(files(text.replace('transmit', 'send')), 'eth1')),
    ).rejects.toMatchObject({
      code: 'SETUP_FAILED',
      detail: 'set-up of eth1 (hardware): what it returned has no transmit',
    })
    expect([loader.loaded, closed]).toEqual([[], ['eth1']])
  })

  it('is refused where there is no hardware', async () => {
    const { wait, loader } = await setUp({ openHardware: undefined })
    await expect(wait(loader.loadHardware(files(text), 'eth1'))).rejects.toMatchObject({ code: 'NO_HALF' })
  })
})
