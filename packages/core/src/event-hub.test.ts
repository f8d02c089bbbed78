import { describe, expect, it } from 'vitest'
import { Counters, HOST_COUNTERS } from './counters.js'
import { EventHub } from './event-hub.js'
import type { AnyEvent } from './event-hub.js'

const fields = { vif: 'vif1.0', name: 'p', evidence: 'x' }

describe('the event hub', () => {
  it('has nothing to call while nobody listens, and again afterwards', () => {
    const hub = new EventHub()
    expect(hub.hear.punished).toBeUndefined()
    const off = hub.on('punished', () => {})
    expect(hub.hear.punished).toBeTypeOf('function')
    expect(hub.hear.fault).toBeUndefined()
    off()
    expect(hub.hear.punished).toBeUndefined()
  })

  it('calls every listener with the fields, in order', () => {
    const hub = new EventHub()
    const heard: unknown[] = []
    const off = hub.on('punished', (event) => heard.push(['a', event]))
    hub.on('punished', (event) => heard.push(['b', event]))
    hub.hear.punished?.(fields)
    off()
    hub.hear.punished?.(fields)
    expect(heard).toEqual([
      ['a', fields],
      ['b', fields],
      ['b', fields],
    ])
  })

  it('lets one listen to everything, with the name', () => {
    const hub = new EventHub()
    const heard: AnyEvent[] = []
    const off = hub.onAny((event) => heard.push(event))
    hub.hear.punished?.(fields)
    off()
    hub.hear.punished?.(fields)
    expect(heard).toEqual([{ event: 'punished', fields }])
  })
})

describe('counters', () => {
  it('are closed: what is not declared is refused', () => {
    const counters = new Counters('my_netfront', { frames_cut: 'Frames that the hardware cut.' })
    counters.counter('frames_cut').value += 2
    expect(counters.entries()).toEqual([['frames_cut', 2]])
    expect(() => (counters as Counters).counter('other')).toThrow(
      /^NOT_DECLARED: counter other of my_netfront/,
    )
  })

  it('add up', () => {
    const sum = new Counters('vif1.0', HOST_COUNTERS)
    const one = new Counters('queue 0', HOST_COUNTERS)
    one.counter('late_calls').value = 3
    sum.add(one)
    sum.add(one)
    expect(sum.counter('late_calls').value).toBe(6)
  })
})
