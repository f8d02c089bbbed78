import { describe, expect, it } from 'vitest'
import { HOOK_NUMBER } from './hook-table.js'
import {
  LEASE_BURST,
  LEASE_HOOK,
  LEASE_KINDS,
  LEASE_LENT,
  LEASE_POLL,
  LEASE_TASK,
  Lease,
  LeaseSum,
} from './lease.js'
import { LeaseMirror, MIRROR_STRIDE } from './lease-mirror.js'

describe('a lease', () => {
  it('counts by kind and in sum', () => {
    const lease = new Lease('queue 0')
    lease.take(LEASE_BURST)
    lease.take(LEASE_LENT)
    lease.take(LEASE_LENT)
    lease.take(LEASE_TASK)
    lease.drop(LEASE_BURST)
    expect(lease.held).toBe(3)
    expect(lease.lent).toBe(2)
    expect(lease.byKind).toEqual({ burst: 0, poll: 0, lent: 2, hook: 0, task: 1 })
    expect(Object.keys(lease.byKind)).toEqual(LEASE_KINDS)
  })

  it('refuses to give back what was not taken, of this kind', () => {
    const lease = new Lease('queue 0')
    lease.take(LEASE_POLL)
    expect(() => lease.drop(LEASE_LENT)).toThrow(/^LEASE: lent of queue 0\./)
    expect(lease.held).toBe(1)
  })

  it('takes and gives back many at once, as one by one', () => {
    const lease = new Lease('queue 0')
    let zeros = 0
    lease.takeMany(LEASE_LENT, 3)
    lease.take(LEASE_POLL)
    lease.whenZero(() => void zeros++)
    lease.dropMany(LEASE_LENT, 2)
    expect([lease.held, lease.lent, zeros]).toEqual([2, 1, 0])
    expect(() => lease.dropMany(LEASE_LENT, 2)).toThrow(/^LEASE: lent of queue 0\./)
    lease.dropMany(LEASE_LENT, 0)
    lease.drop(LEASE_POLL)
    expect(zeros).toBe(0)
    lease.dropMany(LEASE_LENT, 1)
    expect([lease.held, zeros]).toEqual([0, 1])
  })

  it('calls those who wait for zero once, at zero and not before, in their order', () => {
    const lease = new Lease('queue 0')
    const called: string[] = []
    lease.take(LEASE_LENT)
    lease.take(LEASE_BURST)
    lease.whenZero(() => called.push('a'))
    lease.whenZero(() => called.push('b'))
    const off = lease.whenZero(() => called.push('never'))
    off()
    lease.drop(LEASE_LENT)
    expect(called).toEqual([])
    lease.drop(LEASE_BURST)
    expect(called).toEqual(['a', 'b'])
    lease.take(LEASE_BURST)
    lease.drop(LEASE_BURST)
    expect(called).toEqual(['a', 'b'])
  })

  it('calls at once when nothing is held', () => {
    let called = 0
    new Lease('queue 0').whenZero(() => called++)
    expect(called).toBe(1)
  })

  it('lets those after a waiter that takes it again wait on', () => {
    const lease = new Lease('queue 0')
    const called: string[] = []
    lease.take(LEASE_HOOK)
    lease.whenZero(() => {
      called.push('a')
      lease.take(LEASE_HOOK)
    })
    lease.whenZero(() => called.push('b'))
    lease.drop(LEASE_HOOK)
    expect(called).toEqual(['a'])
    lease.drop(LEASE_HOOK)
    expect(called).toEqual(['a', 'b'])
  })

  it('forfeits what a dead owner held', () => {
    const lease = new Lease('queue 0')
    let zero = 0
    lease.take(LEASE_LENT)
    lease.whenZero(() => zero++)
    lease.forfeit()
    expect([lease.held, lease.lent, zero]).toEqual([0, 0, 1])
    expect(() => lease.drop(LEASE_LENT)).toThrow('LEASE')
  })
})

describe('a sum of leases', () => {
  it('is zero when all its members are', () => {
    const generation = new LeaseSum('plugin#1')
    const vif = generation.add(new LeaseSum('vif1.0'))
    const queues = [vif.add(new Lease('vif1.0 q0')), vif.add(new Lease('vif1.0 q1'))]
    let zero = 0
    for (const queue of queues) queue.take(LEASE_LENT)
    generation.whenZero(() => zero++)
    expect(generation.held).toBe(2)
    expect(generation.byKind.lent).toBe(2)
    expect(generation.holders().map((lease) => lease.name)).toEqual(['vif1.0 q0', 'vif1.0 q1'])
    queues[0]?.drop(LEASE_LENT)
    expect(zero).toBe(0)
    queues[1]?.drop(LEASE_LENT)
    expect(zero).toBe(1)
  })

  it('is told when a member that held something is taken out', () => {
    const sum = new LeaseSum('plugin#1')
    const lease = sum.add(new Lease('vif1.0'))
    lease.take(LEASE_TASK)
    let zero = 0
    sum.whenZero(() => zero++)
    sum.remove(lease)
    expect([zero, sum.held, lease.held]).toEqual([1, 0, 1])
  })

  it('forfeits for all', () => {
    const sum = new LeaseSum('plugin#1')
    const lease = sum.add(new LeaseSum('vif1.0')).add(new Lease('vif1.0 q0'))
    lease.take(LEASE_LENT)
    sum.forfeit()
    expect([sum.held, lease.held]).toEqual([0, 0])
  })
})

describe('the mirror of a lease', () => {
  it('shows what was published, and no more', () => {
    const lease = new Lease('queue 0')
    lease.take(LEASE_BURST)
    lease.take(LEASE_LENT)
    expect(lease.mirror.held).toBe(0)
    lease.publish()
    lease.take(LEASE_LENT)
    expect([lease.mirror.held, lease.mirror.lent, lease.mirror.published]).toEqual([2, 1, 1])
  })

  it('names the hook last entered', () => {
    const lease = new Lease('queue 0')
    expect(lease.mirror.lastHook).toBeUndefined()
    lease.entering(HOOK_NUMBER.startXmit)
    expect(lease.mirror.lastHook).toBe('startXmit')
  })

  it('keeps to its own slot of shared memory', () => {
    const words = new Int32Array(new SharedArrayBuffer(4 * MIRROR_STRIDE))
    words.fill(-1)
    const lease = new Lease('queue 1', new LeaseMirror(words, MIRROR_STRIDE))
    lease.take(LEASE_LENT)
    lease.mirror.generation = 7
    lease.entering(HOOK_NUMBER.poll)
    lease.publish()
    const slot = MIRROR_STRIDE / 4
    expect([...words.subarray(0, slot)].every((word) => word === -1)).toBe(true)
    expect([...words.subarray(2 * slot)].every((word) => word === -1)).toBe(true)
    expect(new LeaseMirror(words, MIRROR_STRIDE).held).toBe(1)
    expect(lease.mirror.generation).toBe(7)
  })
})
