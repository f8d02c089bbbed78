// The parts of a world by their paths.
import type { Wire } from '@netaccel/nic-sim'
import { HostError } from '../errors.js'
import { parseSentence } from '../value/sentence.js'
import type { Guest } from './guest.js'
import type { GuestVif } from './guest-vif.js'
import type { Host } from './host.js'
import type { Nic } from './nic.js'
import type { NamedLane } from './world-parts.js'

type Hosts = ReadonlyMap<string, Host>

/** @throws HostError NO_SUCH_PART */
export function findHost(hosts: Hosts, name: string): Host {
  return found('host', name, [...hosts])
}

/** `a.guest1`, or the path of a device of its. @throws HostError NO_SUCH_PART */
export function findGuest(hosts: Hosts, path: string): Guest {
  const [host = '', name = ''] = path.split('.')
  const { guests } = findHost(hosts, host)
  const guest = guests.get(name)
  if (guest !== undefined) return guest
  return found(
    'guest',
    path,
    [...guests].map(([each, its]) => [`${host}.${each}`, its]),
  )
}

/** `a.guest1.vif0`. @throws HostError NO_SUCH_PART */
export function findVif(vifs: readonly GuestVif[], path: string): GuestVif {
  return found(
    'vif',
    path,
    vifs.map((vif) => [vif.path, vif]),
  )
}

/** `a.eth0`. @throws HostError NO_SUCH_PART */
export function findNic(hosts: Hosts, path: string): Nic {
  const nics = [...hosts.values()].flatMap((host) =>
    [...host.nics].map(([name, nic]): [string, Nic] => [`${host.name}.${name}`, nic]),
  )
  return found('NIC', path, nics)
}

/** By its sentence, in either direction. @throws HostError NO_SUCH_PART */
export function findWire(lanes: readonly NamedLane[], link: string): Wire {
  const sentence = parseSentence(link)
  const known = lanes.map((lane): [string, Wire] => [lane.name, lane.wire])
  const wire = new Map(known).get(`${sentence?.from} -> ${sentence?.to}`)
  return wire ?? found('wire', link, known)
}

function found<Part>(kind: string, name: string, parts: readonly (readonly [string, Part])[]): Part {
  const part = parts.find(([each]) => each === name)?.[1]
  if (part !== undefined) return part
  const known = parts.map(([each]) => each)
  const sentence = `There is no ${kind} "${name}" in this world; there are ${known.join(', ') || 'none'}.`
  throw new HostError('NO_SUCH_PART', sentence, [], undefined, { given: name, known })
}
