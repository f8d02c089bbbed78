// Domain 0 and guests on one machine under a virtual clock, for tests.
import type { Domain } from '../domain.js'
import { Hypervisor } from '../hypervisor.js'
import type { HypervisorOptions } from '../hypervisor.js'
import { settle } from '../settle.js'
import { VirtualClock } from '../virtual-clock.js'

export interface TestHost {
  readonly clock: VirtualClock
  readonly xen: Hypervisor
  readonly dom0: Domain
  readonly guests: readonly Domain[]
  /** Runs the clock until the work is done. */
  readonly wait: <Result>(work: Promise<Result>) => Promise<Result>
}

export async function testHost(
  guestCount: number,
  options: Partial<HypervisorOptions> = {},
): Promise<TestHost> {
  const clock = new VirtualClock()
  const xen = new Hypervisor({ timeline: clock, ...options })
  const wait = <Result>(work: Promise<Result>): Promise<Result> => settle(clock, work)
  const dom0 = await wait(xen.createDomain({ name: 'Domain-0', pages: 128 }))
  const guests: Domain[] = []
  for (let guest = 1; guest <= guestCount; guest++)
    guests.push(await wait(xen.createDomain({ name: `guest${guest}`, pages: 64 })))
  return { clock, xen, dom0, guests, wait }
}

/** The two directories of a vif, as a toolstack makes them: libxl's keys and permissions. */
export async function makeVif(
  dom0: Domain,
  guest: Domain,
  handle = 0,
): Promise<{ front: string; back: string }> {
  const front = `/local/domain/${guest.id}/device/vif/${handle}`
  const back = `/local/domain/${dom0.id}/backend/vif/${guest.id}/${handle}`
  await dom0.store.transaction(async (tx) => {
    await tx.mkdir(front)
    await tx.setPerms(front, [
      { domid: guest.id, letter: 'n' },
      { domid: dom0.id, letter: 'r' },
    ])
    await tx.mkdir(back)
    await tx.setPerms(back, [
      { domid: dom0.id, letter: 'n' },
      { domid: guest.id, letter: 'r' },
    ])
    await tx.writeAll({
      [`${front}/backend`]: back,
      [`${front}/backend-id`]: String(dom0.id),
      [`${front}/handle`]: String(handle),
      [`${front}/state`]: '1',
      [`${back}/frontend`]: front,
      [`${back}/frontend-id`]: String(guest.id),
      [`${back}/online`]: '1',
      [`${back}/state`]: '1',
    })
  })
  return { front, back }
}
