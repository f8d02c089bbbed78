import type { DropEntry, DropReason } from '@netaccel/core'
import type { Nic } from '../build/nic.js'
import type { World } from '../build/world.js'
import { type Account, account, dropped, segmentAccount, TOLD_BY_BACKEND, total } from './account.js'
import { hostAccounts } from './host-accounts.js'

/** Every account of a world: fork, rings, bridge, NICs, wires, delivery. */
export function accounts(world: World): Account[] {
  return [
    ...[...world.hosts.values()].flatMap(hostAccounts),
    ...fastAccounts(world),
    ...world.lanes.flatMap((lane) => wireAccounts(world, lane)),
  ]
}

/** From the sender's NIC to the receiver's. */
function wireAccounts(world: World, { name, from, to, lane }: World['lanes'][number]): Account[] {
  const sender = world.nic(from).device.statistics()
  const receiver = world.nic(to).device
  const taken = receiver.statistics()
  const refused = dropped(
    receiver.drops.entries(),
    'nic_rx_short',
    'nic_rx_too_long',
    'nic_rx_no_buffer',
    'wire_',
  )
  const arrived = {
    segments: taken.rxPackets + taken.viRxMissedPackets,
    bytes: taken.rxBytes + taken.viRxMissedBytes,
  }
  const sent = { segments: lane.sent, bytes: lane.sentBytes }
  const delivered = { segments: lane.delivered, bytes: lane.deliveredBytes }
  const left = { segments: sender.txPackets, bytes: sender.txBytes }
  return [
    account(`${from} onto the wire`, left, sent, { segments: 0, bytes: 0 }),
    account(`wire ${name}`, sent, delivered, total(lane.drops.entries())),
    account(`${to} off the wire`, delivered, arrived, refused),
  ]
}

/** The fast path of all hosts together: between the forks and the VIs, and back. */
function fastAccounts(world: World): Account[] {
  const hosts = [...world.hosts.values()]
  const nics = hosts.flatMap((host) => [...host.nics.values()].map((nic: Nic) => nic.device.statistics()))
  const fast = hosts.flatMap((host) => host.everyVif.flatMap((vif) => vif.fast))
  const drops = fast.flatMap((counters) => counters.dropped.entries())
  const sum = <T>(list: readonly T[], pick: (of: T) => number): number =>
    list.reduce((all, of) => all + pick(of), 0)
  const out = sum(nics, (nic) => nic.viTxPackets)
  const arrived = sum(nics, (nic) => nic.viRxPackets + nic.viRxMissedPackets)
  const lost = dropped(drops, 'accel_tx_', 'forced_detach', 'nic_reset').segments
  return [
    segmentAccount(
      'fast path out',
      sum(fast, (of) => of.tx_segments),
      out,
      lost,
    ),
    segmentAccount(
      'fast path in',
      arrived,
      sum(fast, (of) => of.rx_segments),
      dropped(drops, 'accel_rx_').segments,
    ),
  ]
}

/** Every drop of a world by reason, in wire segments, each counted once. */
export function drops(world: World): ReadonlyMap<DropReason, number> {
  const found = new Map<DropReason, number>()
  const add = (entries: readonly DropEntry[]): void => {
    for (const { reason, segments } of entries) {
      if (!TOLD_BY_BACKEND.includes(reason)) found.set(reason, (found.get(reason) ?? 0) + segments)
    }
  }
  for (const host of world.hosts.values()) {
    for (const { vif, fast } of host.everyVif) {
      for (const queue of vif.queues) add(queue.counters.dropped.entries())
      for (const counters of fast) add(counters.dropped.entries())
    }
    for (const { vif } of host.everyBackVif)
      for (const queue of vif.queues) add(queue.counters.dropped.entries())
    for (const port of host.everyPort) add(port.counters.dropped.entries())
    for (const nic of host.nics.values()) add(nic.device.drops.entries())
  }
  for (const { lane } of world.lanes) add(lane.drops.entries())
  return found
}
