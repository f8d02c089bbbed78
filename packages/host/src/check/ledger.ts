import type { DropEntry, DropReason } from '@netaccel/core'
import type { Host } from '../build/host.js'
import type { World } from '../build/world.js'

/**
 * One account of the ledger, in wire segments: what two neighbouring stages say of the link between them. `in` is counted
 * by the one, `out` by the other; what is in neither `out` nor `dropped` is in flight.
 */
export interface Account {
  readonly name: string
  readonly in: number
  readonly out: number
  readonly dropped: number
  readonly inFlight: number
}

function account(name: string, entered: number, left: number, dropped: number): Account {
  return { name, in: entered, out: left, dropped, inFlight: entered - left - dropped }
}

/** Segments dropped for reasons whose names begin with one of `prefixes`. */
function sum(entries: readonly DropEntry[], ...prefixes: string[]): number {
  let total = 0
  for (const { reason, segments } of entries)
    if (prefixes.some((prefix) => reason.startsWith(prefix))) total += segments
  return total
}

/** netfront's word on an answer of the backend, which has counted the same drop under its own reason. */
const TOLD_BY_BACKEND: readonly DropReason[] = ['netfront_tx_backend_error', 'netfront_tx_backend_dropped']
/** netfront drops a frame after it was written to the ring. */
const IN_THE_RING: readonly DropReason[] = [...TOLD_BY_BACKEND, 'netfront_tx_disconnected']

/** Every account of a world: fork, rings, bridge, NICs, wires, delivery. */
export function accounts(world: World): Account[] {
  const hosts = [...world.hosts.values()]
  return [
    ...hosts.flatMap(hostAccounts),
    ...fastAccounts(hosts),
    ...world.lanes.map(({ name, lane }) =>
      account(`wire ${name}`, lane.sent, lane.delivered, lane.drops.total),
    ),
  ]
}

function hostAccounts(host: Host): Account[] {
  const list: Account[] = []
  const ports = new Map(
    host.bridge.ports.flatMap((port) => (port === null ? [] : [[port.name, port.counters] as const])),
  )
  for (const { path, vif, count, fast } of host.vifs) {
    const drops = vif.queues.flatMap((queue) => queue.counters.dropped.entries())
    const fastDrops = fast.flatMap((counters) => counters.dropped.entries())
    const slowTx = vif.queues.reduce((total, queue) => total + queue.counters.tx_segments, 0)
    const slowRx = vif.queues.reduce((total, queue) => total + queue.counters.rx_segments, 0)
    const fastTx = fast.reduce((total, counters) => total + counters.tx_segments, 0)
    const fastRx = fast.reduce((total, counters) => total + counters.rx_segments, 0)
    const atFork = drops.filter(({ reason }) => !IN_THE_RING.includes(reason))
    list.push(
      account(
        `${path} fork`,
        count.enteredSegments,
        slowTx + fastTx,
        sum(atFork, 'netfront_tx_') + sum(fastDrops, 'accelerator_fault'),
      ),
    )
    list.push(
      account(`${path} delivery`, slowRx + fastRx, count.leftSegments, sum(drops, 'netfront_rx_no_stack')),
    )
    const back = host.netback.vifs.find((each) => each.name === vif.name)
    const port = ports.get(vif.name)
    if (back === undefined || port === undefined) continue
    const backDrops = back.queues.flatMap((queue) => queue.counters.dropped.entries())
    const fromGuest = back.queues.reduce((total, queue) => total + queue.counters.rx_segments, 0)
    list.push(
      account(
        `${path} ring out`,
        slowTx,
        fromGuest,
        sum(backDrops, 'netback_tx_') + sum(drops, 'netfront_tx_disconnected'),
      ),
    )
    const lostIn =
      sum(backDrops, 'netback_rx_') + sum(drops, 'netfront_rx_') - sum(drops, 'netfront_rx_no_stack')
    list.push(account(`${path} ring in`, port.outSegments, slowRx, lostIn))
  }
  list.push(bridgeAccount(host))
  for (const nic of host.nics.values()) list.push(...nicAccounts(host, nic.name))
  return list
}

function bridgeAccount(host: Host): Account {
  let entered = 0
  let left = 0
  let dropped = 0
  for (const port of host.bridge.ports) {
    if (port === null) continue
    entered += port.counters.inSegments + port.counters.copiedSegments
    left += port.counters.outSegments
    dropped += port.counters.dropped.total
  }
  return account(`${host.name} bridge`, entered, left, dropped)
}

function nicAccounts(host: Host, name: string): Account[] {
  const nic = host.nics.get(name)
  const port = host.bridge.ports.find((each) => each?.name === name)
  if (nic === undefined || port === undefined || port === null) return []
  const { txPackets, viTxPackets, rxPackets, viRxPackets } = nic.device.statistics()
  const drops = nic.device.drops.entries()
  return [
    account(
      `${host.name}.${name} out`,
      port.counters.outSegments,
      txPackets - viTxPackets,
      sum(drops, 'nic_tx_'),
    ),
    account(
      `${host.name}.${name} in`,
      rxPackets - viRxPackets,
      port.counters.inSegments,
      sum(drops, 'nic_rx_closed'),
    ),
  ]
}

/** The fast path of all hosts together: between the forks and the VIs, and back. */
function fastAccounts(hosts: readonly Host[]): Account[] {
  const nics = hosts.flatMap((host) => [...host.nics.values()].map((nic) => nic.device.statistics()))
  const fast = hosts.flatMap((host) => host.vifs.flatMap((vif) => vif.fast))
  const drops = fast.flatMap((counters) => counters.dropped.entries())
  const tx = fast.reduce((total, counters) => total + counters.tx_segments, 0)
  const rx = fast.reduce((total, counters) => total + counters.rx_segments, 0)
  const out = nics.reduce((total, { viTxPackets }) => total + viTxPackets, 0)
  const arrived = nics.reduce((total, { viRxPackets }) => total + viRxPackets, 0)
  return [
    account('fast path out', tx, out, sum(drops, 'accel_tx_', 'forced_detach', 'nic_reset')),
    account('fast path in', arrived, rx, sum(drops, 'accel_rx_')),
  ]
}

/** Every drop of a world by reason, each counted once. */
export function drops(world: World): ReadonlyMap<DropReason, number> {
  const found = new Map<DropReason, number>()
  const add = (entries: readonly DropEntry[]): void => {
    for (const { reason, segments } of entries) {
      if (!TOLD_BY_BACKEND.includes(reason)) found.set(reason, (found.get(reason) ?? 0) + segments)
    }
  }
  for (const host of world.hosts.values()) {
    for (const { vif, fast } of host.vifs) {
      for (const queue of vif.queues) add(queue.counters.dropped.entries())
      for (const counters of fast) add(counters.dropped.entries())
    }
    for (const back of host.netback.vifs)
      for (const queue of back.queues) add(queue.counters.dropped.entries())
    for (const port of host.bridge.ports) if (port !== null) add(port.counters.dropped.entries())
    for (const nic of host.nics.values()) add(nic.device.drops.entries())
  }
  for (const { lane } of world.lanes) add(lane.drops.entries())
  return found
}
