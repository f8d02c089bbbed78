import type { DropEntry, DropReason } from '@netaccel/core'
import type { World } from '../build/world.js'
import { type Account, account, type Amount, dropped, TOLD_BY_BACKEND, total } from './account.js'
import { fastLedger } from './fast-account.js'
import { hostAccounts } from './host-accounts.js'

/** Every account of a world: fork, rings, bridge, NICs, wires, delivery. */
export function accounts(world: World): Account[] {
  return [
    ...[...world.hosts.values()].flatMap(hostAccounts),
    ...fastLedger(world).accounts,
    ...world.lanes.flatMap((lane) => wireAccounts(world, lane)),
  ]
}

/** From the sender's NIC to the receiver's. */
function wireAccounts(world: World, { name, from, to, lane }: World['lanes'][number]): Account[] {
  const sender = wireEnd(world, from)
  const { arrived, drops: refusals } = wireEnd(world, to)
  const refused = dropped(refusals, 'nic_rx_short', 'nic_rx_too_long', 'nic_rx_no_buffer', 'wire_')
  const { duplicated } = lane.noise
  const sent = { segments: lane.sent, bytes: lane.sentBytes }
  const underway = { segments: sent.segments + duplicated.frames, bytes: sent.bytes + duplicated.bytes }
  const delivered = { segments: lane.delivered, bytes: lane.deliveredBytes }
  const { left } = sender
  return [
    account(`${from} onto the wire`, left, sent, { segments: 0, bytes: 0 }),
    account(`wire ${name}`, underway, delivered, total(lane.drops.entries())),
    account(`${to} off the wire`, delivered, arrived, refused),
  ]
}

/** What a NIC says that it has put on the wire and taken off it, and what it refused. */
function wireEnd(world: World, path: string): { left: Amount; arrived: Amount; drops: readonly DropEntry[] } {
  const [host = '', name = ''] = path.split('.')
  const own = world.host(host).hardware.get(name)?.wire
  if (own !== undefined) {
    const { txPackets, txBytes, rxPackets, rxBytes } = own.count
    return {
      left: { segments: txPackets, bytes: txBytes },
      arrived: { segments: rxPackets, bytes: rxBytes },
      drops: own.drops.entries(),
    }
  }
  const { device } = world.nic(path)
  const of = device.statistics()
  return {
    left: { segments: of.txPackets, bytes: of.txBytes },
    arrived: { segments: of.rxPackets + of.viRxMissedPackets, bytes: of.rxBytes + of.viRxMissedBytes },
    drops: device.drops.entries(),
  }
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
    for (const nic of host.hardware.values()) add(nic.wire.drops.entries())
  }
  for (const { lane } of world.lanes) add(lane.drops.entries())
  // Frames that may have left are lost only if the other side of the link says that they have not.
  const { forced, faulty, reset, died } = fastLedger(world)
  const open = new Map<DropReason, number>([
    ['forced_detach', forced],
    ['accelerator_fault', faulty],
    ['accel_tx_reset', reset],
    ['guest_died', died],
    ['netfront_tx_disconnected', 0],
  ])
  for (const { lost } of [...world.hosts.values()].flatMap(hostAccounts))
    if (lost !== undefined) open.set(lost.reason, (open.get(lost.reason) ?? 0) + lost.segments)
  for (const [reason, segments] of open) {
    if (segments > 0) found.set(reason, segments)
    else found.delete(reason)
  }
  return found
}
