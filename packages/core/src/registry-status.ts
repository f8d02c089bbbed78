// What the registry says of itself: status and the holders in a report.
import type { LeaseSum } from './lease.js'
import type { Entry } from './registry-entry.js'
import type { EntryState, RegistryStatus } from './registry-types.js'

/** The entry as others may see it. */
export function statusOf<H>(entry: Entry<H>): RegistryStatus {
  const { generation, members } = entry
  const attached = members.some((record) => record.state === 'attached')
  const attaching = members.some((record) => record.state === 'attaching')
  return {
    name: entry.name,
    state: stateOf(entry),
    use: attached ? 'active' : attaching ? 'probed' : 'none',
    generation: generation?.number,
    version: generation?.version,
    leases: generation?.lease.held ?? 0,
    members: members.toReversed().map(({ member, state }) => ({ name: member.name, state })),
  }
}

function stateOf<H>(entry: Entry<H>): EntryState {
  if (entry.deferred !== null) return 'deferred'
  if (entry.loading) return 'loading'
  if (entry.generation === null) return 'requested'
  return entry.generation.open ? 'loaded' : 'draining'
}

/** Who still holds what at the deadline of an unload: leases by kind, and detaches that have not ended. */
export function holdersOf<H>(lease: LeaseSum, entry: Entry<H>): string[] {
  const leases = lease.holders().map((holder) => {
    const kinds = Object.entries(holder.byKind).filter(([, count]) => count > 0)
    const last = holder.mirror.lastHook
    const where = last === undefined ? '' : `, last in ${last}`
    return `${holder.name}: ${kinds.map(([kind, count]) => `${count} ${kind}`).join(', ')}${where}`
  })
  const vifs = entry.members
    .filter((record) => record.state === 'detaching')
    .map((record) => `${record.member.name}: detach has not ended`)
  return [...leases, ...vifs]
}
