import type { EventHub, HalfName, StopReport } from '@netaccel/core'
import type { Host } from './host.js'

/** How one half left one domain. */
export interface HalfUnload extends StopReport {
  /** `a.guest1`, or `a.driver` for the driver domain of host a. */
  readonly place: string
  readonly half: HalfName
}

/** How a plugin left. */
export interface UnloadSummary {
  readonly name: string
  /** Somewhere a deadline passed first; `halves` says where, and who held what. */
  readonly forced: boolean
  readonly halves: readonly HalfUnload[]
}

/** Collects the reports of all halves of a name that leave these hosts while `work` runs. */
export async function reportsOf(
  hosts: readonly Host[],
  name: string,
  work: () => Promise<void>,
): Promise<UnloadSummary> {
  const halves: HalfUnload[] = []
  const hubs = hosts.flatMap((host): { place: string; events: EventHub }[] => [
    { place: `${host.name}.driver`, events: host.plugins.events },
    ...[...host.guests.values()].map((guest) => ({
      place: `${host.name}.${guest.name}`,
      events: guest.plugins.events,
    })),
  ])
  const ends = hubs.map(({ place, events }) =>
    events.on('half_stopped', ({ name: stopped, side, report }) => {
      if (stopped === name) halves.push({ ...report, place, half: side })
    }),
  )
  try {
    await work()
  } finally {
    for (const end of ends) end()
  }
  return { name, forced: halves.some(({ forced }) => forced), halves }
}
