// Scenarios 5, 13, 14 and 15: what goes on at the fork and in the poll while the accelerator comes, works and goes.
import type { AcceleratedQueue } from '@netaccel/core'
import { sendText } from '@netaccel/host'
import { Random } from '@netaccel/packet'
import { describe, expect, it } from 'vitest'
import { conserved } from '../testing/conserved.js'
import { MIXED, TwoHosts } from '../testing/two-hosts.js'

const VIF = 'a.guest1.vif0'
const BUDGET = 64
const HOOKS = [
  'accepts',
  'startXmit',
  'flush',
  'hasRoom',
  'poll',
  'startInterrupts',
  'stopInterrupts',
] as const

async function underTraffic(): Promise<TwoHosts> {
  const pair = await TwoHosts.make()
  await pair.load()
  pair.start(8, MIXED, 5000)
  await pair.for(5)
  return pair
}

/** The plugin's hooks of the first guest's queue; `called` is told of each call before it is made. */
function watchHooks(pair: TwoHosts, called: (hook: string) => void): void {
  const path: object = pair.world.vif(VIF).vif.queues[0]?.fastPath ?? {}
  const plugin = Reflect.get(path, 'plugin') as AcceleratedQueue | null
  if (plugin === null) throw new Error('the vif is not attached')
  for (const hook of HOOKS) {
    const original: unknown = Reflect.get(plugin, hook)
    if (typeof original !== 'function') throw new Error(`there is no hook ${hook}`)
    Reflect.set(plugin, hook, (...given: unknown[]): unknown => {
      called(hook)
      return Reflect.apply(original, plugin, given)
    })
  }
}

describe('a stop', () => {
  it.each(['startXmit', 'poll'])(
    'scenario 5: while %s runs: it finishes, and no hook is called once the stop has returned',
    async (wanted) => {
      const pair = await underTraffic()
      const { registry } = pair.world.guest('a.guest1').plugins
      let stop: Promise<unknown> | undefined
      let isStopped = false
      const late: string[] = []
      watchHooks(pair, (hook) => {
        if (isStopped) late.push(hook)
        if (hook === wanted) stop ??= registry.stop('sfc_netfront', 'unloaded').then(() => (isStopped = true))
      })
      expect(await pair.until(() => stop !== undefined, 10)).toBe(true)
      await pair.world.drive(stop ?? Promise.reject(new Error('no stop')))
      const { fast } = pair.world.vif(VIF).meter.tx
      const sent = fast.frames
      await pair.for(10)
      expect([late, isStopped, fast.frames]).toEqual([[], true, sent])
      await pair.unload()
      expect(await conserved(pair)).toEqual([])
      await pair.world.close()
    },
  )
})

describe('the poll', () => {
  it('scenario 13: both paths share a budget of 64, and whoever spends it is polled again', async () => {
    const pair = await underTraffic()
    const { vif, meter } = pair.world.vif(VIF)
    const [queue] = vif.queues
    const original = queue.poll.bind(queue)
    const received = (): number => meter.rx.slow.frames + meter.rx.fast.frames
    const rounds = { most: 0, spent: 0, asleep: 0, both: 0 }
    queue.poll = (budget) => {
      const before = received()
      const { slow, fast } = meter.rx
      const [slowBefore, fastBefore] = [slow.frames, fast.frames]
      const more = original(budget)
      const took = received() - before
      rounds.most = Math.max(rounds.most, took)
      if (slow.frames > slowBefore && fast.frames > fastBefore) rounds.both++
      if (took >= budget) rounds.spent++
      if (took >= budget && !more) rounds.asleep++
      expect(budget).toBe(BUDGET)
      return more
    }
    const { engine } = pair.world.guest('a.guest1')
    // The guest's CPU is held up now and then, so that more stands there than a budget.
    for (let i = 0; i < 20; i++) {
      await pair.for(1)
      engine.defer(() => engine.charge('frame', 40_000))
    }
    expect(rounds).toMatchObject({ most: BUDGET, asleep: 0 })
    expect(Math.min(rounds.spent, rounds.both)).toBeGreaterThan(0)
    await pair.unload()
    expect(await conserved(pair)).toEqual([])
    await pair.world.close()
  })

  it('scenario 14: an event between the last poll and arming: a single frame never waits for another', async () => {
    const pair = await TwoHosts.make()
    await pair.load()
    const random = new Random(14)
    const { meter } = pair.world.vif('b.guest1.vif0')
    const received = (): number => meter.rx.slow.frames + meter.rx.fast.frames
    // Both ways, so that each has heard of the other by its NIC.
    sendText(pair.world, 'b.guest1.vif0', VIF, 'hello')
    await pair.for(2)
    let sent = received()
    for (let i = 0; i < 300; i++) {
      for (let burst = 1 + random.below(3); burst > 0; burst--) {
        sendText(pair.world, VIF, 'b.guest1.vif0', 'one frame')
        sent++
        await pair.world.run({ for: random.below(20_000) })
      }
      await pair.world.run({ for: 300_000 })
      expect(received()).toBe(sent)
    }
    expect(meter.rx.fast.frames).toBeGreaterThan(500)
    await pair.unload()
    expect(await conserved(pair)).toEqual([])
    await pair.world.close()
  })
})

describe('the statistics', () => {
  it('scenario 15: over stops, starts and a reconnection they only grow, and are what the NIC has counted', async () => {
    const pair = await underTraffic()
    const { vif, fast } = pair.world.vif(VIF)
    const nic = pair.world.nic('a.eth0').device
    let last = { tx: 0, rx: 0 }
    const look = (): void => {
      const [{ tx_segments: tx, rx_segments: rx }] = fast
      expect([tx >= last.tx, rx >= last.rx]).toEqual([true, true])
      last = { tx, rx }
    }
    for (let i = 0; i < 3; i++) {
      await pair.for(3)
      look()
      await pair.unload()
      look()
      await pair.load()
    }
    // The backend closes once, and the device connects again.
    const { driver } = pair.world.host('a')
    await pair.world.drive(driver.store.write(`${vif.device.otherend}/state`, '5'))
    expect(await pair.until(() => !vif.running, 100)).toBe(true)
    expect(await pair.until(() => pair.phases()[0] === 'active', 500)).toBe(true)
    await pair.for(5)
    look()
    await pair.unload()
    for (const stack of pair.stacks) stack.stop()
    await pair.for(50)
    look()
    const { viTxPackets, viRxPackets } = nic.statistics()
    expect(last).toEqual({ tx: viTxPackets, rx: viRxPackets })
    await pair.world.close()
  })
})
