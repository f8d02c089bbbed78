import type { DropEntry, DropReason } from '@netaccel/core'
import type { GuestVif } from '../build/guest-vif.js'
import type { Host } from '../build/host.js'
import type { Nic } from '../build/nic.js'
import {
  type Account,
  account,
  type Amount,
  dropped,
  segmentAccount,
  TOLD_BY_BACKEND,
  total,
} from './account.js'

/** netfront drops a frame after it was written to the ring. */
const IN_THE_RING: readonly DropReason[] = [...TOLD_BY_BACKEND, 'netfront_tx_disconnected']

/** The accounts within one machine, of devices that are there and of those that have been. */
export function hostAccounts(host: Host): Account[] {
  const vifs = host.everyVif.flatMap((vif) => [...vifAccounts(vif), ...ringAccounts(host, vif)])
  return [...vifs, bridgeAccount(host), ...[...host.nics.values()].flatMap((nic) => nicAccounts(host, nic))]
}

interface Carried {
  readonly tx_segments: number
  readonly tx_bytes: number
  readonly rx_segments: number
  readonly rx_bytes: number
}

function tx(counters: readonly Carried[]): Amount {
  return total(counters.map((of) => ({ segments: of.tx_segments, bytes: of.tx_bytes })))
}

function rx(counters: readonly Carried[]): Amount {
  return total(counters.map((of) => ({ segments: of.rx_segments, bytes: of.rx_bytes })))
}

function dropsOf(
  queues: readonly { readonly counters: { readonly dropped: { entries(): DropEntry[] } } }[],
): DropEntry[] {
  return queues.flatMap(({ counters }) => counters.dropped.entries())
}

/** A vif's two ends: what the stack handed over, and what it was handed. */
function vifAccounts({ path, vif, count, fast, died }: GuestVif): Account[] {
  const drops = dropsOf(vif.queues)
  const atFork = drops.filter(({ reason }) => !IN_THE_RING.includes(reason))
  const faults = dropped(
    fast.flatMap((counters) => counters.dropped.entries()),
    'accelerator_fault',
  )
  const slow = vif.queues.map((queue) => queue.counters)
  const entered = { segments: count.enteredSegments, bytes: count.enteredBytes }
  const left = { segments: count.leftSegments, bytes: count.leftBytes }
  const accounts = [
    account(
      `${path} fork`,
      entered,
      total([tx(slow), tx(fast)]),
      total([dropped(atFork, 'netfront_tx_'), faults]),
    ),
    account(`${path} delivery`, total([rx(slow), rx(fast)]), left, dropped(drops, 'netfront_rx_no_stack')),
  ]
  return died ? accounts.map((open) => lostWith(open, 'guest_died')) : accounts
}

/** What has not left an account whose stage is gone was lost with it, `most` segments of it at most, and is called so. */
function lostWith(open: Account, reason: DropReason, most = Infinity): Account {
  const segments = Math.max(0, Math.min(open.inFlight, most))
  const { bytes } = open
  const octets = bytes === null || segments === 0 ? 0 : Math.max(0, bytes.in - bytes.out - bytes.dropped)
  return {
    ...open,
    dropped: open.dropped + segments,
    inFlight: open.inFlight - segments,
    bytes: bytes && { ...bytes, dropped: bytes.dropped + octets },
    lost: { reason, segments },
  }
}

/**
 * Between the two ends of a vif. When a connection ends, the guest cannot say whether a frame that stood in its ring was
 * taken; the backend can.
 */
function ringAccounts(host: Host, { path, vif, died }: GuestVif): Account[] {
  const back = host.everyBackVif.find((each) => each.vif.name === vif.name)
  if (back === undefined) return []
  const drops = dropsOf(vif.queues)
  const backDrops = dropsOf(back.vif.queues)
  const slow = vif.queues.map((queue) => queue.counters)
  // From the back's view what the guest sends is rx.
  const fromGuest = rx(back.vif.queues.map((queue) => queue.counters))
  const cut = back.vif.queues.reduce((sum, { counters }) => sum + counters.tx_segmented_header_bytes, 0)
  const { outSegments, outBytes } = back.port
  const delivered = dropped(drops, 'netfront_rx_no_stack')
  const refused = total([dropped(backDrops, 'netback_rx_'), dropped(drops, 'netfront_rx_')])
  const out = account(`${path} ring out`, tx(slow), fromGuest, dropped(backDrops, 'netback_tx_'))
  const into = account(`${path} ring in`, { segments: outSegments, bytes: outBytes + cut }, rx(slow), {
    segments: refused.segments - delivered.segments,
    bytes: refused.bytes - delivered.bytes,
  })
  if (died) return [out, into].map((open) => lostWith(open, 'guest_died'))
  const ended = dropped(drops, 'netfront_tx_disconnected').segments
  // A guest that has left its ring does not read that a copy to it has failed.
  const failed = back.vif.queues.some(({ counters }) => counters.tx_copy_errors > 0)
  return [
    lostWith(out, 'netfront_tx_disconnected', ended),
    failed ? lostWith(into, 'netback_rx_copy_failed') : into,
  ]
}

function bridgeAccount(host: Host): Account {
  const ports = host.everyPort.map((port) => port.counters)
  const entered = total(
    ports.map((of) => ({ segments: of.inSegments + of.copiedSegments, bytes: of.inBytes + of.copiedBytes })),
  )
  const left = total(ports.map((of) => ({ segments: of.outSegments, bytes: of.outBytes })))
  return account(`${host.name} bridge`, entered, left, total(ports.flatMap((of) => of.dropped.entries())))
}

/** Between the bridge and a NIC that is plugged into it. The NIC cuts what goes out. */
function nicAccounts(host: Host, nic: Nic): Account[] {
  const port = host.everyPort.find((each) => each.name === nic.name)
  if (port === undefined) return []
  const of = nic.device.statistics()
  const drops = nic.device.drops.entries()
  const closed = dropped(drops, 'nic_rx_closed')
  const { outSegments, inSegments, inBytes } = port.counters
  const received = {
    segments: of.rxPackets - of.viRxPackets + of.switchHostPackets,
    bytes: of.rxBytes - of.viRxBytes + of.switchHostBytes,
  }
  return [
    segmentAccount(
      `${host.name}.${nic.name} out`,
      outSegments,
      of.txPackets - (of.viTxPackets - of.viTxLocalPackets),
      dropped(drops, 'nic_tx_').segments - of.viTxDroppedPackets,
    ),
    account(
      `${host.name}.${nic.name} in`,
      received,
      { segments: inSegments, bytes: inBytes },
      { segments: closed.segments - of.viRxUntoldPackets, bytes: closed.bytes - of.viRxUntoldBytes },
    ),
    account(
      `${host.name}.${nic.name} switch`,
      { segments: of.switchInPackets, bytes: of.switchInBytes },
      {
        segments: of.switchViPackets + of.switchMissedPackets + of.switchHostPackets,
        bytes: of.switchViBytes + of.switchMissedBytes + of.switchHostBytes,
      },
      dropped(drops, 'nic_switch_'),
    ),
  ]
}
