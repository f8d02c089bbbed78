import { describe, expect, it } from 'vitest'
import { FailDoor } from '@netaccel/core'
import type { BackendVif, VifChange } from '@netaccel/core'
import { Random } from '@netaccel/packet'
import { XenbusState } from '@netaccel/xen'
import type { LaneManners } from './lane.js'
import { MS, PairWorld } from './pair-world.js'
import type { PairGuest, PairOptions } from './pair-guest.js'

async function connected(options: PairOptions = {}): Promise<PairWorld> {
  const world = await PairWorld.make(options)
  await world.connected()
  return world
}

async function active(options: PairOptions = {}): Promise<PairWorld> {
  const world = await connected(options)
  world.loadAll()
  expect(await world.until(() => world.allIn('active'))).toBe(true)
  return world
}

function startAll(world: PairWorld, most = 16, gap = 30_000): void {
  for (const { stack } of world.guests) stack?.start(most, gap)
}

async function unloadAll(world: PairWorld): Promise<void> {
  await world.run(Promise.all(world.guests.map((guest) => guest.registry.stop('lane', 'unloaded'))))
  await world.run(world.registry.stop('lane', 'unloaded'))
}

function fast(world: PairWorld): number[] {
  return world.guests.map((guest) => guest.accelerators.fastCounters(guest.vif)[0]?.tx_packets ?? 0)
}

function dropped(world: PairWorld): unknown[] {
  return world.guests.flatMap(
    (guest) => guest.accelerators.fastCounters(guest.vif)[0]?.dropped.entries() ?? [],
  )
}

describe('attaching and detaching under traffic', () => {
  it('carries frames by the ring, then by the lane, then by the ring, and loses none', async () => {
    const world = await connected()
    const before = world.resources()
    startAll(world)
    await world.for(5)
    world.loadAll()
    expect(await world.until(() => world.allIn('active'))).toBe(true)
    await world.for(20)
    await unloadAll(world)
    expect(world.reports().map((report) => report?.late)).toEqual([[], []])
    await world.for(5)
    await world.drain()
    expect(world.wrong()).toEqual([])
    expect(Math.min(...fast(world))).toBeGreaterThan(100)
    expect(world.resources()).toEqual(before)
  })

  it('loses and doubles nothing over 200 loads and unloads at random moments', async () => {
    const world = await connected({ seed: 7 })
    const before = world.resources()
    const random = new Random(42)
    world.loadBackend()
    startAll(world, 8, 60_000)
    for (let cycle = 0; cycle < 200; cycle++) {
      const guest = world.guests[random.below(2)]
      if (guest.registry.state('lane')?.generation === undefined) world.loadFrontend(guest)
      else if (random.below(8) === 0) {
        // The other end leaves instead, and comes back.
        await world.run(world.registry.stop('lane', 'unloaded'))
        world.loadBackend()
      } else {
        const stop = guest.registry.stop('lane', 'unloaded')
        if (random.below(2) === 0) await world.run(stop)
      }
      await world.clock.run({ for: random.below(4 * MS) })
    }
    await unloadAll(world)
    await world.drain()
    expect(world.wrong()).toEqual([])
    expect(dropped(world)).toEqual([])
    expect(Math.min(...fast(world))).toBeGreaterThan(500)
    // An attachment that was called off leaves pages that the other half has just mapped: they are tried again each second.
    await world.for(1001)
    expect(world.resources()).toEqual(before)
  })
})

describe('a door that fails', () => {
  const sides = ['frontendFaults', 'backendFaults'] as const
  it.each(sides)('at any call leaves nothing behind, and the next attachment works (%s)', async (side) => {
    let door: FailDoor | null = null
    const world = await connected({ [side]: () => door })
    const before = world.resources()
    const failed: string[] = []
    for (let k = 0; k < 200; k++) {
      door = new FailDoor(k)
      world.loadAll()
      // A conversation that one end gives up is given up by the other at its deadline.
      const settled = () =>
        world.guests.every(({ control }) => /^(active|declined)$/.test(control?.phase ?? ''))
      await world.until(settled, 12_000)
      const { failed: name } = door
      await unloadAll(world)
      await world.for(1100)
      expect(world.resources(), `after ${name} failed at call ${k}`).toEqual(before)
      if (name === undefined) break
      failed.push(name)
    }
    expect(failed.length).toBeGreaterThan(8)
    door = null
    world.loadAll()
    expect(await world.until(() => world.allIn('active'))).toBe(true)
  })
})

describe('leaving from inside a hook', () => {
  const hooks = ['accepts', 'startXmit', 'flush', 'hasRoom', 'poll', 'startInterrupts', 'stopInterrupts']
  it.each(hooks)('scenario 5: %s: the unload waits until the hook is over', async (name) => {
    let stop: Promise<unknown> | undefined
    const worlds: PairWorld[] = []
    const hook = (called: string) => {
      if (called === name && stop === undefined && worlds[0]?.allIn('active') === true) {
        stop = worlds[0].guests[0]?.registry.stop('lane', 'unloaded')
      }
    }
    const world = await active({ frontendManners: { hook } })
    worlds.push(world)
    startAll(world)
    expect(await world.until(() => stop !== undefined)).toBe(true)
    await world.run(stop ?? Promise.reject(new Error('no stop')))
    await world.for(5)
    await world.drain()
    expect(world.wrong()).toEqual([])
    expect(world.reports()[0]?.late ?? world.reports()[1]?.late).toEqual([])
  })
})

describe('a change of the device', () => {
  it('is told to its accelerator while it is attached, once each', async () => {
    const told: VifChange[] = []
    const change = (each: VifChange): void => void told.push(each)
    const world = await active({ frontendManners: { change } })
    const [{ vif }] = world.guests
    // The second guest's vif has the same manners and says the same.
    const changes = (): VifChange[] => told.splice(0)
    changes()
    vif.setMtu(1400)
    vif.setMtu(1400)
    vif.setMac('00:16:3E:00:00:7f')
    expect(changes()).toEqual([
      { kind: 'mtu', mtu: 1400 },
      { kind: 'mac', mac: '00:16:3e:00:00:7f' },
    ])
    expect([vif.mtu, vif.mac]).toEqual([1400, '00:16:3e:00:00:7f'])
    expect(() => vif.setMtu(67)).toThrowError(expect.objectContaining({ code: 'BAD_ARGUMENT' }) as Error)
    expect(() => vif.setMtu(65522)).toThrowError(/give 68 to 65521/)
    vif.broken('response overflow')
    expect(changes()).toEqual([{ kind: 'carrier', up: false }])
    await unloadAll(world)
    vif.setMtu(1500)
    expect(changes()).toEqual([])
  })

  it('the carrier goes down when the backend leaves', async () => {
    const told: VifChange[] = []
    const change = (each: VifChange): void => void told.push(each)
    const world = await active({ frontendManners: { change } })
    const [{ vif }] = world.guests
    told.length = 0
    await world.run(world.dom0.store.write(`${vif.device.otherend}/state`, String(XenbusState.Closing)))
    expect(await world.until(() => vif.state === 'waiting')).toBe(true)
    expect(told).toEqual([{ kind: 'carrier', up: false }])
  })
})

describe('a second install', () => {
  it('scenario 6: waits until the last lease of the first is gone', async () => {
    const world = await active()
    const [guest] = world.guests
    startAll(world)
    await world.for(2)
    const stop = guest?.registry.stop('lane', 'upgraded')
    if (guest !== undefined) world.loadFrontend(guest)
    expect(guest?.registry.state('lane')?.state).toBe('deferred')
    await world.run(stop ?? Promise.resolve())
    expect(await world.until(() => world.allIn('active'))).toBe(true)
    expect(guest?.registry.state('lane')?.generation).toBe(2)
    await world.for(5)
    await world.drain()
    expect(world.wrong()).toEqual([])
  })
})

describe('keys', () => {
  it('scenario 7: removing accel detaches in order, writing it again attaches', async () => {
    const world = await active()
    startAll(world)
    const key = `${world.backVif(0).device.nodename}/accel`
    await world.run(world.dom0.store.rm(key))
    const [guest] = world.guests
    expect(await world.until(() => guest?.control?.phase === 'none')).toBe(true)
    expect(guest?.control?.lastReport?.late).toEqual([])
    await world.for(3)
    await world.run(world.dom0.store.write(key, 'lane'))
    expect(await world.until(() => world.allIn('active'))).toBe(true)
    await world.for(3)
    await world.drain()
    expect(world.wrong()).toEqual([])
  })

  it('a name that nobody has loaded leaves the vif requested and slow', async () => {
    const world = await connected()
    world.loadBackend()
    expect(await world.until(() => world.allIn('requested'))).toBe(true)
    const [guest] = world.guests
    const path = `${guest?.vif.device.otherend}/accel-frontend`
    expect(await world.run(world.dom0.store.read(path))).toBe('lane')
    await world.run(world.dom0.store.write(path, 'other'))
    expect(await world.until(() => guest?.registry.state('other') !== undefined)).toBe(true)
    expect(guest?.registry.state('lane')).toBe(undefined)
    expect(guest?.control?.phase).toBe('requested')
  })

  it('shows the phases of both ends in the store', async () => {
    const world = await active()
    await world.for(2)
    const { nodename, otherend } = world.backVif(0).device
    const phases = [`${nodename}/accel-phase`, `${otherend}/accel-phase`].map((path) =>
      world.dom0.store.read(path),
    )
    expect(await world.run(Promise.all(phases))).toEqual(['steering', 'active'])
    await unloadAll(world)
    await world.for(2)
    const after = [`${nodename}/accel-phase`, `${otherend}/accel-phase`].map((path) =>
      world.dom0.store.read(path),
    )
    expect(await world.run(Promise.all(after))).toEqual([undefined, undefined])
  })
})

describe('a half that does not settle', () => {
  const never = () => new Promise<never>(() => {})

  it('newDevice: declined after 5 s, everything given back', async () => {
    const world = await connected()
    const before = world.resources()
    const [guest] = world.guests
    if (guest === undefined) throw new Error('no guest')
    world.loadBackend()
    const half = world.loadFrontend(guest, {
      newDevice: async (vif) => {
        const arena = vif.arena(4)
        for (const page of arena.pages) vif.grant(page, 'rw')
        vif.listen(() => {})
        vif.task('for ever', never)
        return never()
      },
    })
    expect(half).toBeDefined()
    expect(await world.until(() => guest.control?.phase === 'attaching')).toBe(true)
    expect(guest.registry.state('lane')?.use).toBe('probed')
    const from = world.clock.now()
    expect(await world.until(() => guest.control?.phase === 'declined')).toBe(true)
    expect(Math.round((world.clock.now() - from) / MS)).toBeGreaterThan(4900)
    await unloadAll(world)
    expect(world.resources()).toEqual(before)
  })

  it('an unload during newDevice aborts it at once', async () => {
    const world = await connected()
    const [guest] = world.guests
    if (guest === undefined) throw new Error('no guest')
    world.loadBackend()
    let aborted = false
    world.loadFrontend(guest, {
      newDevice: (vif) => {
        vif.signal.addEventListener('abort', () => {
          aborted = true
        })
        return never()
      },
    })
    expect(await world.until(() => guest.control?.phase === 'attaching')).toBe(true)
    await world.for(1)
    const from = world.clock.now()
    const report = await world.run(guest.registry.stop('lane', 'unloaded'))
    expect(aborted).toBe(true)
    expect(report.forced).toBe(false)
    expect((world.clock.now() - from) / MS).toBeLessThan(120)
    expect(guest.control?.phase).toBe('requested')
  })

  it('remove: taken back by force after 2 s, and the report says so', async () => {
    const world = await active({ frontendManners: { remove: never } })
    const [guest] = world.guests
    const from = world.clock.now()
    const report = await world.run(
      guest?.registry.stop('lane', 'unloaded') ?? Promise.reject(new Error('no guest')),
    )
    expect((world.clock.now() - from) / MS).toBeLessThan(2500)
    expect(report.forced).toBe(true)
    expect(report.holders).toContain('vif1.0: remove took longer than 2000 ms')
    expect(guest?.control?.lastReport).toMatchObject({
      forced: true,
      late: ['remove took longer than 2000 ms'],
    })
    expect(guest?.control?.lastReport?.lastHook).toBeDefined()
    startAll(world)
    await world.for(3)
    await world.drain()
    expect(world.wrong()).toEqual([])
  })

  it('stop of the backend: the frontend goes on after its deadline', async () => {
    const world = await active({ backendManners: { stop: never } })
    // Seconds of virtual time follow: little traffic.
    startAll(world, 4, 600_000)
    await world.for(2)
    const [guest] = world.guests
    await world.run(guest?.registry.stop('lane', 'unloaded') ?? Promise.reject(new Error('no guest')))
    expect(guest?.control?.phase).toBe('requested')
    await world.drain()
    expect(world.wrong()).toEqual([])
  })

  it('a frontend that never completes: lent frames are dropped by force, counted, and kept aside', async () => {
    const manners = { keep: false }
    const world = await active({ frontendManners: manners })
    manners.keep = true
    const [guest] = world.guests
    if (guest === undefined) throw new Error('no guest')
    guest.stack?.burst(10)
    const lent = guest.control?.run?.paths.lent ?? 0
    expect(lent).toBeGreaterThan(0)
    const { forced, holders } = await world.run(guest.registry.stop('lane', 'unloaded'))
    expect(guest.control?.lastReport).toMatchObject({ forced: true, framesDropped: lent, reason: 'unloaded' })
    expect(forced).toBe(true)
    expect(holders).toEqual([
      `vif1.0: not drained within 100 ms, ${lent} frames lent`,
      `vif1.0: held ${lent} lent`,
      expect.stringMatching(/^vif1\.0: was last in \w+$/),
      `vif1.0: ${lent} lent frames were dropped`,
    ])
    const [counters] = guest.accelerators.fastCounters(guest.vif)
    expect(counters?.dropped.frames('forced_detach')).toBe(lent)
    // The backend has said that the VI is closed: the frames are free again.
    await world.for(5)
    expect(guest.vif.txPool.small.free).toBe(guest.vif.txPool.small.size)
  })

  it('a frame that is busy for a second: tx_timeout, detached by force, declined', async () => {
    const manners = { keep: false }
    const world = await active({ frontendManners: manners })
    manners.keep = true
    const [guest] = world.guests
    if (guest === undefined) throw new Error('no guest')
    guest.stack?.burst(100)
    expect(guest.vif.queues[0]?.stopped).toBe(true)
    expect(await world.until(() => guest.control?.phase === 'declined')).toBe(true)
    expect(guest.control?.lastReport).toMatchObject({ reason: 'failed', forced: true })
    expect(guest.control?.tally.counters.counter('tx_timeout').value).toBe(1)
    expect(guest.vif.queues[0]?.stopped).toBe(false)
  })
})

describe('a hook that throws', () => {
  it.each(['startXmit', 'poll', 'flush', 'hasRoom'])(
    '%s: the vif detaches by force and stays declined until a reload',
    async (name) => {
      let armed = false
      const hook = (called: string) => {
        if (armed && called === name) throw new Error('out of order')
      }
      const world = await active({ frontendManners: { hook } })
      const [guest, other] = world.guests
      if (guest === undefined || other === undefined) throw new Error('no guest')
      armed = true
      guest.stack?.burst(20)
      expect(await world.until(() => guest.control?.phase === 'declined')).toBe(true)
      armed = false
      expect(guest.control?.tally.counters.counter('faults').value).toBe(1)
      await world.for(200)
      expect(guest.control?.phase).toBe('declined')
      await world.drain()
      // What may have left is dropped, never sent again.
      const [counters] = guest.accelerators.fastCounters(guest.vif)
      const gone =
        (counters?.dropped.frames('accelerator_fault') ?? 0) +
        (counters?.dropped.frames('forced_detach') ?? 0)
      expect(world.wrong().filter((line) => !line.endsWith('came 0 times'))).toEqual([])
      expect(world.wrong().length).toBeLessThanOrEqual(gone)
      await world.run(guest.registry.stop('lane', 'unloaded'))
      world.loadFrontend(guest)
      expect(await world.until(() => guest.control?.phase === 'active')).toBe(true)
    },
  )
})

describe('a hook that throws while the vif leaves already', () => {
  it('gives the frame on offer back when the VI is quiet', async () => {
    let stop: Promise<unknown> | undefined
    const leaving: PairGuest[] = []
    const hook = (called: string) => {
      if (called !== 'startXmit' || leaving.length === 0 || stop !== undefined) return
      stop = leaving[0]?.registry.stop('lane', 'unloaded')
      throw new Error('out of order')
    }
    const world = await active({ frontendManners: { hook } })
    const [guest] = world.guests
    leaving.push(guest)
    guest.stack?.burst(20)
    await world.run(stop ?? Promise.reject(new Error('no frame was offered')))
    expect(guest.control?.lastReport?.forced).toBe(false)
    const [counters] = guest.accelerators.fastCounters(guest.vif)
    expect(counters?.dropped.frames('accelerator_fault')).toBe(1)
    // That all frames are back in their pool is what `drain` waits for.
    await world.drain()
  })
})

describe('a parked frame', () => {
  it('scenario 12: goes by the ring at plug-out, before the frames behind it', async () => {
    const world = await active()
    const [guest, other] = world.guests
    if (guest === undefined || other === undefined) throw new Error('no guest')
    guest.stack?.burst(100)
    const [counters] = guest.accelerators.fastCounters(guest.vif)
    expect(guest.vif.queues[0]?.stopped).toBe(true)
    await world.run(guest.registry.stop('lane', 'unloaded'))
    await world.drain()
    expect(world.wrong()).toEqual([])
    expect(counters?.dropped.entries()).toEqual([])
  })
})

describe('suspend', () => {
  it('scenario 8: detaches and waits; cancelled, it attaches anew', async () => {
    const world = await active()
    startAll(world)
    const [guest] = world.guests
    await world.run(guest?.control?.suspend() ?? Promise.reject(new Error('no guest')))
    expect(guest?.control?.phase).toBe('suspended')
    expect(guest?.control?.lastReport).toMatchObject({ reason: 'suspended', forced: false })
    await world.for(5)
    expect(guest?.control?.phase).toBe('suspended')
    guest?.control?.cancelSuspend()
    expect(await world.until(() => world.allIn('active'))).toBe(true)
    await world.for(2)
    await world.drain()
    expect(world.wrong()).toEqual([])
  })
})

describe('a vif that goes', () => {
  it('leaves its accelerator before its rings, under traffic', async () => {
    const world = await active()
    startAll(world)
    await world.for(2)
    const [guest] = world.guests
    if (guest === undefined) throw new Error('no guest')
    await world.run(guest.netfront.stop())
    expect(guest.registry.state('lane')?.members).toEqual([])
    expect(guest.registry.state('lane')?.leases).toBe(0)
    expect(await world.until(() => world.accelerators.control(world.backVif(0))?.phase === 'offered')).toBe(
      true,
    )
  })

  it('scenario 17: with its domain: the other end gives everything back and serves on', async () => {
    const world = await connected()
    const [before] = world.resources()
    world.loadAll()
    expect(await world.until(() => world.allIn('active'))).toBe(true)
    startAll(world)
    await world.for(2)
    const [guest, other] = world.guests
    if (guest === undefined || other === undefined) throw new Error('no guest')
    guest.stack?.stop()
    const report = await world.run(world.hypervisor.destroyDomain(guest.domain))
    expect(report.stillHeld).toEqual([])
    expect(await world.until(() => world.netback.vifs.length === 1)).toBe(true)
    await world.for(10)
    expect(other.control?.phase).toBe('active')
    await world.run(other.registry.stop('lane', 'unloaded'))
    await world.run(world.registry.stop('lane', 'unloaded'))
    const [after] = world.resources()
    expect(after?.mappings).toBeLessThanOrEqual((before?.mappings ?? 0) - 2)
    expect(after?.grants).toBeLessThanOrEqual(before?.grants ?? 0)
  })
})

describe('a backend half', () => {
  it('that is late to probe holds the guest up for 2 s, and no longer', async () => {
    const world = await PairWorld.make({
      backendManners: { probe: () => new Promise(() => {}) },
      loadBackendFirst: true,
    })
    await world.connected()
    expect(world.clock.now()).toBeGreaterThan(2000 * MS)
    const control = world.accelerators.control(world.backVif(0))
    expect([control?.phase, control?.tally.counters.counter('probe_failed').value]).toEqual(['none', 1])
    expect(world.registry.state('lane')?.leases).toBe(0)
  })

  it('whose start fails: the frontend declines and everything is given back', async () => {
    const start = () => {
      throw new Error('no hardware')
    }
    const world = await connected({ backendManners: { start } })
    const before = world.resources()
    world.loadAll()
    expect(await world.until(() => world.allIn('declined'))).toBe(true)
    expect(world.reports().map((report) => report?.reason)).toEqual(['failed', 'failed'])
    expect(await world.until(() => world.accelerators.control(world.backVif(0))?.phase === 'offered')).toBe(
      true,
    )
    await unloadAll(world)
    await world.for(10)
    expect(world.resources()).toEqual(before)
  })

  it('that asks to detach: its vif leaves in order and stays so until a reload', async () => {
    const vifs: BackendVif[] = []
    const backendManners: LaneManners = { probed: (vif) => void vifs.push(vif) }
    const world = await active({ backendManners })
    startAll(world)
    await world.for(1)
    vifs[0]?.requestDetach('enough')
    const [guest] = world.guests
    expect(await world.until(() => guest?.control?.phase === 'none')).toBe(true)
    await world.for(100)
    expect(world.accelerators.control(world.backVif(0))?.phase).toBe('none')
    expect(guest?.control?.lastReport?.late).toEqual([])
    await world.run(world.registry.stop('lane', 'unloaded'))
    world.loadBackend()
    expect(await world.until(() => world.allIn('active'))).toBe(true)
    await world.drain()
    expect(world.wrong()).toEqual([])
  })
})
