import { describe, expect, it } from 'vitest'
import { Hypervisor } from './hypervisor.js'
import { settle } from './settle.js'
import { VirtualClock } from './virtual-clock.js'

describe('a domain', () => {
  it('is connected to the store when it is made', async () => {
    const clock = new VirtualClock()
    const xen = new Hypervisor({ timeline: clock, name: 'one' })
    const dom0 = await settle(clock, xen.createDomain({ name: 'Domain-0', pages: 256 }))
    expect(dom0.id).toBe(0)
    const guest = await settle(clock, xen.createDomain({ name: 'guest1', pages: 64 }))
    expect(guest.id).toBe(1)
    expect(await settle(clock, guest.store.read('name'))).toBe('guest1')
    expect(await settle(clock, dom0.store.directory('/local/domain'))).toEqual(['0', '1'])
    expect(guest.resources()).toEqual({ grants: 0, mappings: 0, ports: 1, watches: 0, pages: 3 })
  })
})
