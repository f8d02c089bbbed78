// What runs per frame or per burst allocates nothing (PF-01): the heap after many calls, against the heap before.
import { describe, expect, it } from 'vitest'
import { DropCounters } from './drops.js'
import { EventHub } from './event-hub.js'
import { HookPoint } from './hook-point.js'
import { Lease, LEASE_BURST, LEASE_LENT } from './lease.js'
import { QueueHooks } from './queue-hooks.js'
import type { AcceleratedQueue, Frame } from './contract/index.js'

const CALLS = 200_000

const ROUNDS = 12

/**
 * Bytes that one call keeps or leaves to the collector: the least of several rounds, since the compiler allocates too while
 * the code is warming up. What a call allocates, it allocates in every round.
 */
function bytesPerCall(work: (n: number) => void): number {
  let least = Infinity
  for (let round = 0; round < ROUNDS; round++) {
    globalThis.gc?.()
    const before = process.memoryUsage().heapUsed
    work(CALLS)
    least = Math.min(least, (process.memoryUsage().heapUsed - before) / CALLS)
  }
  return least
}

const frame = { length: 60, segments: 1 } as Frame
const queue: AcceleratedQueue = {
  txDepth: 512,
  rxDepth: 512,
  accepts: () => true,
  startXmit: () => 'accepted',
  flush() {},
  hasRoom: () => true,
  poll: () => 'idle',
  startInterrupts: () => 'armed',
  stopInterrupts() {},
}

describe('nothing is allocated', () => {
  it('by a burst over the hooks of a queue', () => {
    const hooks = new QueueHooks()
    const lease = new Lease('vif1.0 q0')
    hooks.install({ name: 'p', queue, lease, onFault() {} })
    let accepted = 0
    const used = bytesPerCall((n) => {
      for (let burst = 0; burst < n / 32; burst++) {
        const generation = hooks.generation
        if (generation === null) return
        lease.take(LEASE_BURST)
        const { accepts, startXmit } = generation
        for (let at = 0; at < 32; at++) {
          if (accepts(frame) && startXmit(frame) === 'accepted') accepted++
          lease.take(LEASE_LENT)
        }
        generation.flush()
        generation.hasRoom()
        generation.poll(64)
        for (let at = 0; at < 32; at++) lease.drop(LEASE_LENT)
        lease.publish()
        lease.drop(LEASE_BURST)
      }
    })
    expect(accepted).toBe(ROUNDS * CALLS)
    expect(used).toBeLessThan(0.5)
  })

  it('by a drop, an observer, and an event that nobody hears', () => {
    const drops = new DropCounters()
    const events = new EventHub()
    const point = new HookPoint<{ received(frame: Frame): void }>({ received: 'sync' })
    let seen = 0
    point.install('observer', { received: (one) => void (seen += one.segments) })
    const used = bytesPerCall((n) => {
      for (let at = 0; at < n; at++) {
        drops.count('nic_rx_no_buffer', frame.segments, frame.length)
        point.current?.calls.received(frame)
        events.hear.punished?.({ vif: 'vif1.0', name: 'p', evidence: String(at) })
      }
    })
    expect(drops.frames('nic_rx_no_buffer')).toBe(ROUNDS * CALLS)
    expect(seen).toBe(ROUNDS * CALLS)
    expect(used).toBeLessThan(0.5)
  })
})
