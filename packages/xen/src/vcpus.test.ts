import { describe, expect, it } from 'vitest'
import { Hypervisor } from './hypervisor.js'
import { settle } from './settle.js'
import { VirtualClock } from './virtual-clock.js'

async function twoDomains(vcpus: number) {
  const clock = new VirtualClock()
  const hypervisor = new Hypervisor({ timeline: clock, machine: { bytes: 8 << 20 } })
  const dom0 = await settle(clock, hypervisor.createDomain({ name: 'dom0', pages: 128, vcpus }))
  const guest = await settle(clock, hypervisor.createDomain({ name: 'guest', pages: 128, vcpus }))
  return { clock, hypervisor, dom0, guest }
}

describe('event channels of a domain with several virtual CPUs (EVTCHNOP_bind_vcpu)', () => {
  it('a handler runs on the virtual CPU of its port, and is charged there', async () => {
    const { clock, dom0, guest } = await twoDomains(3)
    const ran: string[] = []
    const running = (): string => guest.cpus.filter((cpu) => cpu.running).map(({ name }) => name)[0] ?? ''
    const ports = [0, 1, 2, 1].map((vcpu) => {
      const port = guest.events.allocUnbound(0, () => ran.push(`${vcpu} on ${running()}`), vcpu)
      return dom0.events.bindInterdomain(guest.id, port, () => {}, vcpu) ?? 0
    })
    await clock.run()
    const before = guest.cpus.map((cpu) => cpu.charged('event'))
    for (const port of ports) dom0.events.notify(port)
    await clock.run()
    expect(ran.toSorted()).toEqual([
      '0 on host.guest',
      '1 on host.guest.cpu1',
      '1 on host.guest.cpu1',
      '2 on host.guest.cpu2',
    ])
    expect(guest.cpus.map((cpu, index) => cpu.charged('event') - before[index])).toEqual([1, 2, 1])
    expect(dom0.cpus.map((cpu) => cpu.charged('notification') > 0)).toEqual([true, true, true])
  })

  it('an event that came before its port was bound is not lost, and a port used anew is on the first again', async () => {
    const { clock, dom0, guest } = await twoDomains(2)
    const remote = guest.events.allocUnbound(0, () => {})
    let ran = 0
    // Pending from the start, on virtual CPU 0.
    const local = dom0.events.bindInterdomain(guest.id, remote, () => ran++, 1) ?? 0
    await clock.run()
    expect(ran).toBe(1)
    dom0.events.close(local)
    const before = dom0.cpus[0].charged('event')
    const again = dom0.events.bindInterdomain(guest.id, remote, () => ran++)
    expect(again).toBe(local)
    await clock.run()
    expect(ran).toBe(2)
    expect(dom0.cpus[0].charged('event')).toBe(before + 1)
  })

  it('has no virtual CPU beyond the 32 of shared_info, and binds to none that it has not', async () => {
    await expect(twoDomains(33)).rejects.toThrow('a domain has 1 to 32 virtual CPUs, not 33')
    const { hypervisor, guest } = await twoDomains(2)
    const port = guest.events.allocUnbound(0, () => {})
    expect(hypervisor.eventChannels.bindVcpu(guest.id, port, 2)).toBe(-2)
    expect(hypervisor.eventChannels.bindVcpu(guest.id, 900, 1)).toBe(-22)
    expect(hypervisor.eventChannels.bindVcpu(guest.id, port, 1)).toBe(0)
  })

  it('all of its engines go with the domain', async () => {
    const { clock, hypervisor, guest } = await twoDomains(4)
    const { engines } = clock
    await settle(clock, hypervisor.destroyDomain(guest))
    expect(clock.engines).toBe(engines - 4)
  })
})
