import { fileURLToPath } from 'node:url'
import { type Cost, COSTS, type Engine } from '@netaccel/xen'
import { describe, expect, it } from 'vitest'
import { build } from '../build/build.js'
import type { Host } from '../build/host.js'
import type { World } from '../build/world.js'
import type { Step } from '../trace/steps.js'
import type { Trace } from '../trace/trace.js'
import { startTraffic } from '../traffic/start-traffic.js'
import type { WorldValue } from '../value/world-value.js'

const MS = 1_000_000
const PLUGIN = fileURLToPath(new URL('../../../accel-solarflare-sim', import.meta.url))
const PATHS = ['a.guest1.vif0', 'b.guest1.vif0'] as const

function wired(): WorldValue {
  const host = (nic: string, mac: string) => ({
    nics: { eth0: { mac: nic } },
    guests: { guest1: { vifs: { vif0: { mac, accel: 'eth0' } } } },
    links: ['guest1.vif0 -> bridge', 'eth0 -> bridge'],
  })
  return {
    hosts: {
      a: host('00:0f:53:00:00:0a', '00:16:3e:00:00:01'),
      b: host('00:0f:53:00:00:0b', '00:16:3e:00:00:02'),
    },
    wires: [{ link: 'a.eth0 -> b.eth0', gbps: 10, delayUs: 2 }],
  }
}

type Charged = Readonly<Record<Cost, number>>
type Role = 'guest' | 'driver' | 'nic'

function enginesOf(host: Host): Record<Role, Engine> {
  const [guest] = host.guests.values()
  const [nic] = host.nics.values()
  return { guest: guest.domain.engine, driver: host.driver.engine, nic: nic.engine }
}

function charges(engine: Engine): Charged {
  return Object.fromEntries(COSTS.map((cost) => [cost, engine.charged(cost)])) as Charged
}

/** What one host did: units charged by engine, and what the trace saw of it. */
interface Work {
  readonly guest: Charged
  readonly driver: Charged
  readonly nic: Charged
  frames(...steps: Step[]): number
  bytes(...steps: Step[]): number
}

/** Run traffic from quiet to quiet, so that whatever was begun has been charged, and give each host's work. */
async function measure(world: World): Promise<Work[]> {
  await world.run({ for: 2 * MS })
  const hosts = [...world.hosts.values()]
  const before = hosts.map((host) => Object.values(enginesOf(host)).map(charges))
  const trace = world.trace({ capacity: 1 << 20 })
  const traffic = startTraffic(world, ...PATHS, { flows: 12 })
  await world.run({ for: 3 * MS })
  await traffic.stop()
  await world.drain()
  await world.run({ for: 2 * MS })
  trace.stop()
  expect(trace.forgotten).toBe(0)
  return hosts.map((host, i) => workOf(host, before[i], trace))
}

function workOf(host: Host, before: readonly Charged[], trace: Trace): Work {
  const [guest, driver, nic] = Object.values(enginesOf(host)).map((engine, i) => {
    const now = charges(engine)
    return Object.fromEntries(COSTS.map((cost) => [cost, now[cost] - before[i][cost]])) as Charged
  })
  const records = trace.records().filter((record) => record.host === host.name)
  const seen = (steps: readonly Step[]) => records.filter(({ step }) => steps.includes(step))
  return {
    guest,
    driver,
    nic,
    frames: (...steps) => seen(steps).length,
    bytes: (...steps) => seen(steps).reduce((sum, { length }) => sum + length, 0),
  }
}

/** Where a stage has run without charging what it must: one sentence each. */
function uncharged({ guest, driver, nic, frames, bytes }: Work): string[] {
  const found: string[] = []
  const exactly = (what: string, charged: number, done: number) =>
    charged === done || found.push(`${what}: charged ${charged}, did ${done}`)
  const atLeast = (what: string, charged: number, done: number) =>
    charged >= done || found.push(`${what}: charged ${charged}, did at least ${done}`)
  const lent = frames('plugin sends')
  // Stage 1 twice, the ring's frames once each way, the accelerator's when lent, completed and delivered.
  const atStack = frames('fork', 'stack receives')
  exactly('guest frames', guest.frame, atStack + frames('tx ring', 'poll') + 2 * lent)
  // A slot is written, and its answer read; a page is granted, and its grant ended.
  atLeast('guest slots', guest.slot, 2 * frames('tx ring', 'rx ring'))
  atLeast('guest grants', guest.grantOp, 2 * frames('tx ring', 'rx ring'))
  atLeast('guest descriptors', guest.descriptor, frames('plugin sends', 'plugin receives'))
  atLeast('guest doorbells', guest.doorbell, lent > 0 ? 1 : 0)
  exactly(
    'driver domain frames',
    driver.frame,
    frames('from guest', 'to guest', 'into bridge', 'port receives'),
  )
  atLeast('driver domain slots', driver.slot, frames('from guest', 'to guest'))
  atLeast('driver domain grants', driver.grantOp, frames('from guest', 'to guest'))
  atLeast('driver domain copies', driver.byteCopied, bytes('from guest', 'to guest'))
  atLeast('driver domain descriptors', driver.descriptor, 2 * frames('port sends') + frames('port receives'))
  atLeast('driver domain doorbells', driver.doorbell, 1)
  exactly('NIC frames', nic.frame, frames('NIC sends', 'NIC receives'))
  atLeast('NIC descriptors', nic.descriptor, frames('port sends', 'plugin sends', 'NIC receives'))
  atLeast('NIC bytes', nic.byteDma, bytes('NIC sends', 'NIC receives'))
  for (const cost of ['notification', 'wakeup', 'poll', 'event'] as const) {
    atLeast(`guest ${cost}s`, guest[cost], 1)
    atLeast(`driver domain ${cost}s`, driver[cost], 1)
  }
  atLeast('NIC polls', nic.poll, 1)
  return found
}

describe('every stage charges the engine that it runs on', () => {
  it('on the slow path', async () => {
    const world = await build(wired())
    for (const work of await measure(world)) {
      expect(work.frames('tx ring')).toBeGreaterThan(100)
      expect(work.frames('plugin sends', 'plugin receives')).toBe(0)
      expect(uncharged(work)).toEqual([])
      expect([work.guest.descriptor, work.guest.doorbell, work.driver.byteSummed]).toEqual([0, 0, 0])
    }
    await world.close()
  })

  it('on the fast path', async () => {
    const world = await build(wired())
    await world.load(PLUGIN)
    await measure(world)
    for (const work of await measure(world)) {
      expect(work.frames('plugin sends')).toBeGreaterThan(100)
      expect(uncharged(work)).toEqual([])
    }
    await world.close()
  })

  it('when the driver domain cuts and sums for a guest that can do neither', async () => {
    const features = { gso: false, checksum: false }
    const world = await build({
      hosts: {
        a: {
          guests: {
            guest1: { vifs: { vif0: { mac: '00:16:3e:00:00:01' } } },
            guest2: { vifs: { vif0: { mac: '00:16:3e:00:00:02', features } } },
          },
          links: ['guest1.vif0 -> bridge', 'guest2.vif0 -> bridge'],
        },
      },
    })
    const { engine } = world.host('a').driver
    const trace = world.trace({ flow: 'TCP 10.0.0.1' })
    const mix = { tcp: 1, tcp6: 0, udp: 0, icmp: 0, arp: 0 }
    const traffic = startTraffic(world, 'a.guest1.vif0', 'a.guest2.vif0', { mix })
    await world.run({ for: 3 * MS })
    await traffic.stop()
    await world.drain()
    const cut = trace.packets().filter(({ records }) => records[0].segments > 1)
    const pieces = cut.flatMap(({ records }) => records.filter(({ step }) => step === 'to guest'))
    const summed = pieces.reduce((sum, { length }) => sum + length, 0)
    expect(summed).toBeGreaterThan(100_000)
    expect(engine.charged('byteSummed')).toBeGreaterThanOrEqual(summed)
    await world.close()
  })
})

describe('a stage that forgets to charge is found', () => {
  it('the bridge', async () => {
    const world = await build(wired())
    const { bridge, driver } = world.host('a')
    Object.defineProperty(bridge, 'engine', {
      value: { stamp: driver.engine.stamp.bind(driver.engine), charge: () => undefined },
    })
    const [a, b] = (await measure(world)).map(uncharged)
    expect(a).toEqual([expect.stringMatching(/^driver domain frames: charged \d+, did \d+$/)])
    expect(b).toEqual([])
    await world.close()
  })

  it('netfront', async () => {
    const world = await build(wired())
    for (const { work } of world.vif('b.guest1.vif0').vif.queues) work.settle = () => undefined
    const [a, b] = (await measure(world)).map(uncharged)
    expect(a).toEqual([])
    expect(b.map((sentence) => sentence.split(':', 1)[0])).toEqual([
      'guest frames',
      'guest slots',
      'guest grants',
    ])
    await world.close()
  })
})
