import { describe, expect, it } from 'vitest'
import { Lease } from './lease.js'
import { QueueHooks } from './queue-hooks.js'
import type { AcceleratedQueue, Frame } from './contract/index.js'
import type { Fault } from './queue-trampolines.js'

const frame = { length: 60, segments: 1 } as Frame

function queueOf(over: Partial<Record<keyof AcceleratedQueue, unknown>> = {}): AcceleratedQueue {
  const queue = {
    txDepth: 511,
    rxDepth: 512,
    accepts: () => true,
    startXmit: () => 'accepted',
    flush: () => {},
    hasRoom: () => true,
    poll: () => 'idle',
    startInterrupts: () => 'armed',
    stopInterrupts: () => {},
    ...over,
  }
  // A plugin is not bound to the types: it is JavaScript when it is loaded.
  return queue as unknown as AcceleratedQueue
}

function installed(over: Partial<Record<keyof AcceleratedQueue, unknown>> = {}, hooks = new QueueHooks()) {
  const faults: Fault[] = []
  const lease = new Lease('vif1.0 q0')
  const generation = hooks.install({
    name: 'sfc_netfront',
    queue: queueOf(over),
    lease,
    onFault: (fault) => faults.push(fault),
  })
  return { hooks, generation, faults, lease }
}

describe('the hooks of a queue', () => {
  it('turn declined into undefined and keep the other verdicts', () => {
    for (const [verdict, offer] of [
      ['accepted', 'accepted'],
      ['busy', 'busy'],
      ['declined', undefined],
    ] as const) {
      const { generation, faults } = installed({ startXmit: () => verdict })
      expect(generation.startXmit(frame)).toBe(offer)
      expect(faults).toEqual([])
    }
  })

  it('pass the frame, the budget and the answers through', () => {
    const got: unknown[] = []
    const { generation } = installed({
      accepts: (offered: Frame) => (got.push(offered), false),
      startXmit: (offered: Frame) => (got.push(offered), 'accepted'),
      poll: (budget: number) => (got.push(budget), 'more'),
      startInterrupts: () => 'waiting',
      hasRoom: () => false,
    })
    expect(generation.accepts(frame)).toBe(false)
    expect(generation.startXmit(frame)).toBe('accepted')
    expect(generation.poll(64)).toBe('more')
    expect(generation.startInterrupts()).toBe('waiting')
    expect(generation.hasRoom()).toBe(false)
    expect(got).toEqual([frame, frame, 64])
    expect([generation.txDepth, generation.rxDepth, generation.name]).toEqual([511, 512, 'sfc_netfront'])
  })

  const wrong: readonly [keyof AcceleratedQueue, unknown, string][] = [
    ['startXmit', undefined, 'TX-01'],
    ['startXmit', true, 'TX-01'],
    ['startXmit', 'ok', 'TX-01'],
    ['startXmit', Promise.resolve('accepted'), 'TX-01'],
    ['accepts', 'yes', 'TX-06'],
    ['hasRoom', 1, 'IR-04'],
    ['poll', 3, 'RX-02'],
    ['startInterrupts', 0, 'IR-01'],
  ]
  it.each(wrong)('take %s giving %s for a broken %s', (hook, value, rule) => {
    const { generation, faults } = installed({ [hook]: () => value })
    const call = generation[hook] as (argument: unknown) => unknown
    const answers = {
      startXmit: 'fault',
      accepts: false,
      hasRoom: true,
      poll: 'idle',
      startInterrupts: 'armed',
    }
    expect(call(frame)).toBe(answers[hook as keyof typeof answers])
    expect(faults).toEqual([{ hook, rule, cause: value, thrown: false }])
  })

  it.each(['accepts', 'startXmit', 'flush', 'hasRoom', 'poll', 'startInterrupts', 'stopInterrupts'] as const)(
    'let nothing that %s throws through, and report it once',
    (hook) => {
      const cause = new Error('boom')
      const { generation, faults } = installed({
        [hook]: () => {
          throw cause
        },
      })
      const call = generation[hook] as (argument: unknown) => unknown
      expect(call(frame)).toBe(
        { accepts: false, startXmit: 'fault', hasRoom: true, poll: 'idle', startInterrupts: 'armed' }[
          hook as 'accepts'
        ],
      )
      call(frame)
      expect(faults).toEqual([{ hook, rule: hook === 'startXmit' ? 'TX-01' : 'ER-03', cause, thrown: true }])
    },
  )

  it('reach nothing after a fault', () => {
    let polled = 0
    const { generation } = installed({ startXmit: () => 'sent', poll: () => (polled++, 'more') })
    expect(generation.startXmit(frame)).toBe('fault')
    expect(generation.startXmit(frame)).toBeUndefined()
    expect(generation.poll(64)).toBe('idle')
    expect(polled).toBe(0)
  })

  it('are inert after removal, for whoever still holds the old generation', () => {
    let calls = 0
    const count = (answer: unknown) => () => (calls++, answer)
    const { hooks, generation, faults } = installed({
      accepts: count(true),
      startXmit: count('accepted'),
      flush: count(undefined),
      hasRoom: count(false),
      poll: count('more'),
      startInterrupts: count('waiting'),
      stopInterrupts: count(undefined),
    })
    hooks.remove()
    expect(hooks.generation).toBeNull()
    expect(generation.accepts(frame)).toBe(false)
    expect(generation.startXmit(frame)).toBeUndefined()
    generation.flush()
    expect(generation.hasRoom()).toBe(true)
    expect(generation.poll(64)).toBe('idle')
    expect(generation.startInterrupts()).toBe('armed')
    generation.stopInterrupts()
    expect([calls, faults.length]).toEqual([0, 0])
  })

  it('let a call in progress return into its own generation (defect a: hook read again after the check)', () => {
    const hooks = new QueueHooks()
    const { generation } = installed(
      {
        startXmit: () => {
          hooks.remove()
          installed({ startXmit: () => 'busy' }, hooks)
          return 'accepted'
        },
      },
      hooks,
    )
    expect(generation.startXmit(frame)).toBe('accepted')
    expect(generation.startXmit(frame)).toBeUndefined()
    expect(hooks.generation?.startXmit(frame)).toBe('busy')
    expect(hooks.generation?.number).not.toBe(generation.number)
  })

  it('note the hook that is entered and the generation in the mirror of the lease', () => {
    const { generation, lease } = installed()
    generation.poll(64)
    expect(lease.mirror.lastHook).toBe('poll')
    generation.startXmit(frame)
    expect(lease.mirror.lastHook).toBe('startXmit')
    expect(lease.mirror.generation).toBe(generation.number)
  })

  it('refuse a second accelerator while one stands', () => {
    const { hooks } = installed()
    expect(() => installed({}, hooks)).toThrow(/^EEXIST: sfc_netfront on a queue of sfc_netfront/)
    hooks.remove()
    expect(installed({}, hooks).generation.number).toBe(3)
  })

  it('share nothing between sixteen queues', () => {
    const all = Array.from({ length: 16 }, (_, index) =>
      installed({ startXmit: () => (index % 2 === 0 ? 'accepted' : 'busy') }),
    )
    all[3]?.hooks.remove()
    expect(all.map(({ generation }) => generation.startXmit(frame))).toEqual(
      all.map((_, index) => (index === 3 ? undefined : index % 2 === 0 ? 'accepted' : 'busy')),
    )
  })

  it('keep no removed plugin alive, though the old generation is still held', async () => {
    const hooks = new QueueHooks()
    const load = () => {
      const big = { bytes: new Uint8Array(1024), startXmit: () => 'accepted' }
      const { generation } = installed(big, hooks)
      generation.startXmit(frame)
      hooks.remove()
      return { generation, plugin: new WeakRef(big.startXmit) }
    }
    const held = load()
    expect(globalThis.gc).toBeTypeOf('function')
    // Several times: while the compiler works on a function, on a thread of its own, it holds it.
    for (let tries = 0; tries < 20 && held.plugin.deref() !== undefined; tries++) {
      await new Promise((resolve) => setImmediate(resolve))
      globalThis.gc?.()
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(held.plugin.deref()).toBeUndefined()
    expect(held.generation.startXmit(frame)).toBeUndefined()
  })
})
