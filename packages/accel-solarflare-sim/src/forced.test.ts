// A hook that breaks its contract under traffic: what the guest cannot know of its frames, the NIC does.
import type { AcceleratedQueue } from '@netaccel/core'
import { describe, expect, it } from 'vitest'
import { TCP_ONLY, TwoHosts } from './testing/two-hosts.js'

/** The plugin's hooks of the first guest's queue. */
function hooks(pair: TwoHosts): AcceleratedQueue {
  const path: object = pair.world.vif('a.guest1.vif0').vif.queues[0]?.fastPath ?? {}
  const plugin: unknown = Reflect.get(path, 'plugin')
  if (plugin === undefined || plugin === null) throw new Error('the vif is not attached')
  return plugin as AcceleratedQueue
}

describe('a fault under traffic', () => {
  it.each(['poll', 'flush', 'hasRoom', 'startXmit'] as const)(
    'in %s: the ledger balances, and what it calls lost is what the oracle misses',
    async (name) => {
      const pair = await TwoHosts.make()
      await pair.load()
      pair.start(8, TCP_ONLY, 10_000)
      await pair.for(5)
      const queue = hooks(pair)
      queue[name] = () => {
        throw new Error('out of order')
      }
      await pair.for(5)
      const { vif, phase } = pair.world.vif('a.guest1.vif0')
      expect([vif.state, phase]).toEqual(['connected', 'declined'])
      for (const stack of pair.stacks) stack.stop()
      await pair.world.drain()
      const { ledger, dropped, oracle } = pair.world.judge()
      expect(ledger.filter(({ inFlight }) => inFlight !== 0)).toEqual([])
      const lost = (dropped.forced_detach ?? 0) + (dropped.accelerator_fault ?? 0)
      expect(lost).toBeGreaterThan(0)
      expect([lost, oracle?.doubled]).toEqual([oracle?.missing, 0])
      await pair.world.close()
    },
  )
})
