import type { World } from '../build/world.js'

/** What all domains, NICs and attachments of a world have taken. After an unload it is what it was before the load. */
export interface Resources {
  readonly grants: number
  readonly mappings: number
  readonly ports: number
  readonly watches: number
  readonly pages: number
  readonly vis: number
  readonly filters: number
  readonly leases: number
}

export function resourcesOf(world: World): Resources {
  const hosts = [...world.hosts.values()]
  const domains = hosts.flatMap((host) => [
    host.driver,
    ...[...host.guests.values()].map((guest) => guest.domain),
  ])
  const taken = domains.map((domain) => domain.resources())
  const nics = hosts.flatMap((host) => [...host.nics.values()])
  const sum = (pick: (of: (typeof taken)[number]) => number): number =>
    taken.reduce((total, of) => total + pick(of), 0)
  return {
    grants: sum((of) => of.grants),
    mappings: sum((of) => of.mappings),
    ports: sum((of) => of.ports),
    watches: sum((of) => of.watches),
    pages: sum((of) => of.pages),
    vis: nics.reduce((total, nic) => total + nic.driver.vis.handles.length, 0),
    filters: nics.reduce((total, nic) => total + nic.device.filters.used, 0),
    leases: world.vifs.reduce((total, vif) => total + vif.leases, 0),
  }
}

/** What `after` has more than `before`, by name; empty when everything is back. */
export function left(before: Resources, after: Resources): Partial<Resources> {
  const names = Object.keys(before) as (keyof Resources)[]
  return Object.fromEntries(
    names.flatMap((name) => (after[name] > before[name] ? [[name, after[name] - before[name]]] : [])),
  )
}
