import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { defaultCosts, scaleCosts } from './cost-table.js'
import { EventChannelTable } from './event-channel-table.js'
import { EventChannels } from './event-channels.js'
import { Machine } from './machine.js'
import type { Arena } from './memory.js'
import { EVTCHN_MASK, EVTCHN_PENDING, PENDING_SEL, UPCALL_MASK, UPCALL_PENDING } from './shared-info.js'
import { VirtualClock } from './virtual-clock.js'

const THREADS = ['one', 'many'] as const

/** Two domains of one machine with nothing but event channels. */
function world(threads: 'one' | 'many') {
  const clock = new VirtualClock()
  const machine = new Machine({ bytes: 1 << 20, threads })
  const table = new EventChannelTable(machine)
  const domain = (domid: number) => {
    const extent = machine.createExtent(domid, 4)
    const sharedInfo: Arena = extent.allocPages(1)
    const engine = clock.engine(`d${domid}`, scaleCosts(defaultCosts, 0))
    table.addDomain(domid, sharedInfo.pages[0], [engine])
    const events = new EventChannels(domid, table, [engine], sharedInfo)
    const at = sharedInfo.offset
    const u64 = (field: number): bigint => extent.view.getBigUint64(at + field, true)
    const u8 = (field: number): number => extent.view.getUint8(at + field)
    const set8 = (field: number, value: number): void => extent.view.setUint8(at + field, value)
    return { extent, engine, events, u64, u8, set8 }
  }
  return { clock, machine, table, a: domain(0), b: domain(1) }
}

describe.each(THREADS)('shared_info, x86-64 layout (memory of %s)', (threads) => {
  it('a notification sets exactly the pending bit, the selector bit and the upcall byte', () => {
    const { a, b } = world(threads)
    const open = Array.from({ length: 70 }, () => b.events.allocUnbound(0, () => {}))
    expect(open[0]).toBe(1)
    const remote = open[open.length - 1]
    expect(remote).toBe(70)
    const local = a.events.bindInterdomain(1, remote, () => {})!
    expect(local).toBe(1)
    a.events.notify(local)
    // Port 70: word 1 of the pending array, bit 6; selector bit 1.
    expect(b.u64(EVTCHN_PENDING)).toBe(0n)
    expect(b.u64(EVTCHN_PENDING + 8)).toBe(1n << 6n)
    expect(b.u64(PENDING_SEL)).toBe(2n)
    expect(b.u8(UPCALL_PENDING)).toBe(1)
    expect([2048, 2560, 8, 0, 1]).toEqual([
      EVTCHN_PENDING,
      EVTCHN_MASK,
      PENDING_SEL,
      UPCALL_PENDING,
      UPCALL_MASK,
    ])
  })

  it('binding sets the new local port pending, so that a signal sent before is not lost', async () => {
    const { clock, a, b } = world(threads)
    const remote = b.events.allocUnbound(0, () => {})
    let ran = 0
    a.events.bindInterdomain(1, remote, () => ran++)
    expect(a.u64(EVTCHN_PENDING)).toBe(2n)
    expect(b.u64(EVTCHN_PENDING)).toBe(0n)
    await clock.run()
    expect(ran).toBe(1)
    expect([a.u64(EVTCHN_PENDING), a.u64(PENDING_SEL), a.u8(UPCALL_PENDING)]).toEqual([0n, 0n, 0])
  })

  it('a masked event stays pending without selector or upcall, and is delivered by the unmask', async () => {
    const { clock, a, b } = world(threads)
    let ran = 0
    const remote = b.events.allocUnbound(0, () => ran++)
    const local = a.events.bindInterdomain(1, remote, () => {})!
    b.events.mask(remote)
    expect(b.u64(EVTCHN_MASK)).toBe(1n << BigInt(remote))
    a.events.notify(local)
    a.events.notify(local)
    expect([b.u64(EVTCHN_PENDING), b.u64(PENDING_SEL), b.u8(UPCALL_PENDING)]).toEqual([2n, 0n, 0])
    await clock.run()
    expect(ran).toBe(0)
    b.events.unmask(remote)
    expect([b.u64(EVTCHN_MASK), b.u64(PENDING_SEL), b.u8(UPCALL_PENDING)]).toEqual([0n, 1n, 1])
    await clock.run()
    expect(ran).toBe(1)
    b.events.unmask(remote)
    await clock.run()
    expect(ran).toBe(1)
  })

  it('a pending bit that is set already stops the chain: one upcall for many signals', async () => {
    const { clock, a, b } = world(threads)
    let ran = 0
    const remote = b.events.allocUnbound(0, () => ran++)
    const local = a.events.bindInterdomain(1, remote, () => {})!
    for (let count = 0; count < 10; count++) a.events.notify(local)
    await clock.run()
    expect(ran).toBe(1)
    expect(a.engine.charged('notification')).toBe(10)
    expect(b.engine.charged('event')).toBe(1)
    expect(b.engine.charged('wakeup')).toBe(1)
  })

  it('no upcall reaches a virtual CPU that masks them', async () => {
    const { clock, a, b } = world(threads)
    let ran = 0
    const remote = b.events.allocUnbound(0, () => ran++)
    const local = a.events.bindInterdomain(1, remote, () => {})!
    b.set8(UPCALL_MASK, 1)
    a.events.notify(local)
    expect(b.u8(UPCALL_PENDING)).toBe(1)
    await clock.run()
    expect(ran).toBe(0)
  })
})

describe.each(THREADS)('ports (memory of %s)', (threads) => {
  it('only the domain that an unbound port is meant for can bind to it, and only once', () => {
    const { a, b, table } = world(threads)
    const forB = a.events.allocUnbound(1, () => {})
    const forC = a.events.allocUnbound(5, () => {})
    expect(b.events.bindInterdomain(0, forC, () => {})).toBeUndefined()
    expect(b.events.bindInterdomain(0, forB + 9, () => {})).toBeUndefined()
    expect(b.events.bindInterdomain(7, forB, () => {})).toBeUndefined()
    expect(b.events.inUse).toBe(0)
    expect(b.events.bindInterdomain(0, forB, () => {})).toBe(1)
    expect(b.events.bindInterdomain(0, forB, () => {})).toBeUndefined()
    expect(table.status(0, forB)).toEqual({ state: 'interdomain', remote: 1, remotePort: 1 })
    expect(table.status(0, forC)).toEqual({ state: 'unbound', remote: 5 })
  })

  it('a signal to an unbound port is dropped, to a closed one refused', () => {
    const { a, b, table } = world(threads)
    const port = a.events.allocUnbound(1, () => {})
    expect(table.send(0, port)).toBe(0)
    expect(table.send(0, port + 1)).toBe(-22)
    for (const bad of [0, -1, 1024, 4096, 2 ** 31, 0.5, Number.NaN]) {
      expect(table.send(0, bad)).toBe(-22)
      expect(table.close(0, bad)).toBe(-22)
      expect(table.unmask(0, bad)).toBe(-22)
      expect(table.bindInterdomain(0, 1, bad)).toBe(-22)
    }
    expect(b.u64(EVTCHN_PENDING)).toBe(0n)
  })

  it('closing makes the peer unbound, kept for the closer to bind again', async () => {
    const { clock, a, b, table } = world(threads)
    let ran = 0
    const port = a.events.allocUnbound(1, () => ran++)
    const first = b.events.bindInterdomain(0, port, () => {})!
    b.events.close(first)
    expect(table.status(0, port)).toEqual({ state: 'unbound', remote: 1 })
    expect(() => b.events.close(first)).toThrowError(expect.objectContaining({ code: 'BAD_PORT' }) as Error)
    a.events.notify(port)
    const again = b.events.bindInterdomain(0, port, () => {})!
    b.events.notify(again)
    await clock.run()
    expect(ran).toBe(1)
  })

  it('an event of a closed port does not run the handler of the next owner', async () => {
    const { clock, a, b } = world(threads)
    const ran: string[] = []
    const port = b.events.allocUnbound(0, () => ran.push('old'))
    const local = a.events.bindInterdomain(1, port, () => {})!
    a.events.notify(local)
    b.events.close(port)
    expect(b.events.allocUnbound(0, () => ran.push('new'))).toBe(port)
    await clock.run()
    expect(ran).toEqual([])
  })

  it('a domain has 1023 ports, and says so when they are used up', () => {
    const { a } = world(threads)
    for (let count = 1; count <= 1023; count++) expect(a.events.allocUnbound(1, () => {})).toBe(count)
    expect(() => a.events.allocUnbound(1, () => {})).toThrowError(
      expect.objectContaining({ code: 'NO_PORTS' }) as Error,
    )
    expect(a.events.inUse).toBe(1023)
    a.events.close(500)
    expect(a.events.allocUnbound(1, () => {})).toBe(500)
  })

  it('the death of a domain closes its ports and unbinds its peers', () => {
    const { machine, table, a, b } = world(threads)
    const port = a.events.allocUnbound(1, () => {})
    b.events.bindInterdomain(0, port, () => {})
    const free = machine.pagesFree
    machine.markDying(1)
    expect(() => b.events.allocUnbound(0, () => {})).toThrowError(
      expect.objectContaining({ code: 'DYING' }) as Error,
    )
    table.removeDomain(1)
    b.events.shutdown()
    expect(table.status(0, port)).toEqual({ state: 'unbound', remote: 1 })
    expect(table.status(1, 1)).toEqual({ state: 'closed' })
    expect(machine.pagesFree).toBe(free + 1)
    a.events.notify(port)
    expect(table.bindInterdomain(0, 1, 1)).toBe(-3)
    // Late clean-up of a dead domain does no harm, and does not throw.
    b.extent.bytes.fill(0)
    b.events.mask(1)
    b.events.unmask(1)
    b.events.setHandler(1, () => {})
    b.events.notify(1)
    b.events.close(1)
    expect(b.extent.bytes.every((byte) => byte === 0)).toBe(true)
  })
})

describe.each(THREADS)('the upcall (memory of %s)', (threads) => {
  it('starts after the port that was handled last', async () => {
    const { clock, a, b } = world(threads)
    const order: number[] = []
    const locals = Array.from({ length: 100 }, () => {
      const port = b.events.allocUnbound(0, () => order.push(port))
      return a.events.bindInterdomain(1, port, () => {})!
    })
    const notify = (...ports: number[]): void => {
      for (const port of ports) a.events.notify(locals[port - 1])
    }
    notify(3, 40, 90)
    await clock.run()
    notify(3, 40, 91)
    await clock.run()
    notify(1, 40, 91, 92)
    await clock.run()
    expect(order).toEqual([3, 40, 90, 91, 3, 40, 91, 92, 1, 40])
  })

  it('runs a handler again for an event that comes while it runs', async () => {
    const { clock, a, b } = world(threads)
    let ran = 0
    let local = 0
    const remote = b.events.allocUnbound(0, () => {
      if (++ran < 3) a.events.notify(local)
    })
    local = a.events.bindInterdomain(1, remote, () => {})!
    a.events.notify(local)
    await clock.run()
    expect(ran).toBe(3)
  })

  it('a port that an earlier handler masks keeps its event', async () => {
    const { clock, a, b } = world(threads)
    const ran: string[] = []
    const first = b.events.allocUnbound(0, () => {
      ran.push('first')
      b.events.mask(second)
    })
    const second = b.events.allocUnbound(0, () => ran.push('second'))
    const locals = [first, second].map((port) => a.events.bindInterdomain(1, port, () => {})!)
    for (const local of locals) a.events.notify(local)
    await clock.run()
    expect(ran).toEqual(['first'])
    b.events.unmask(second)
    await clock.run()
    expect(ran).toEqual(['first', 'second'])
  })

  it('loses no signal, whatever is masked, closed and signalled in between', async () => {
    const action = fc.record({ what: fc.constantFrom('notify', 'mask', 'unmask', 'run'), which: fc.nat(39) })
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 200 }), async (actions) => {
        const { clock, a, b } = world(threads)
        const due = new Set<number>()
        const ports = Array.from({ length: 40 }, () => {
          const port = b.events.allocUnbound(0, () => {
            expect(due.delete(port)).toBe(true)
          })
          return port
        })
        const locals = ports.map((port) => a.events.bindInterdomain(1, port, () => {})!)
        for (const { what, which } of actions) {
          const port = ports[which]
          if (what === 'notify') {
            a.events.notify(locals[which])
            due.add(port)
          } else if (what === 'mask') b.events.mask(port)
          else if (what === 'unmask') b.events.unmask(port)
          else await clock.run()
        }
        for (const port of ports) b.events.unmask(port)
        await clock.run()
        expect(due.size).toBe(0)
      }),
      { seed: 42, numRuns: 60 },
    )
  })
})
