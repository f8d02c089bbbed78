import type { DropEntry, DropReason } from '@netaccel/core'
import type { World } from '../build/world.js'
import { type Account, dropped, segmentAccount } from './account.js'

/**
 * Between the forks and the VIs, and back. A detach by force leaves frames of which the guest cannot say whether they have
 * left or were read; the NIC can. `lost`: what did not, of those whose fate was open, which is less than their number.
 * Nobody looks into hardware that a plugin brings, or into what it does without any: then there is no account, the edges
 * alone judge, and all is lost whose fate was open.
 */
export interface FastLedger {
  readonly accounts: readonly Account[]
  /** Lent, or in a VI, at a detach by force. */
  readonly forced: number
  /** Given back by plugins whose NIC was reset: a frame that was being cut may have left in part. */
  readonly reset: number
  /** On offer at a fault. */
  readonly faulty: number
  /** Lent, or in a VI, when their guest was destroyed. */
  readonly died: number
}

/** The fast path of all hosts together. */
export function fastLedger(world: World): FastLedger {
  const hosts = [...world.hosts.values()]
  const nics = hosts.flatMap((host) => [...host.nics.values()].map((nic) => nic.device.statistics()))
  const fast = hosts.flatMap((host) => host.everyVif.flatMap((vif) => vif.fast))
  const drops = fast.flatMap((counters) => counters.dropped.entries())
  const swallowed = sum(hosts, (host) =>
    sum([...host.nics.values()], (nic) => dropped(nic.device.drops.entries(), 'nic_vi_').segments),
  )
  const left = sum(nics, (nic) => nic.viTxPackets) + swallowed
  const arrived = sum(
    nics,
    (nic) => nic.viRxPackets + nic.viRxMissedPackets + nic.switchViPackets + nic.switchMissedPackets,
  )
  const lent = sum(fast, (of) => of.tx_segments)
  const delivered = sum(fast, (of) => of.rx_segments)
  // What the NIC dropped itself is not among what plugins have failed: those frames are complete, or their VIs gone.
  const reset = count(drops, 'accel_tx_reset')
  const refused = dropped(drops, 'accel_tx_').segments - reset + sum(nics, (nic) => nic.viTxDroppedPackets)
  const discarded = dropped(drops, 'accel_rx_').segments + sum(nics, (nic) => nic.viRxUntoldPackets)
  const open = count(drops, 'forced_detach')
  const onOffer = count(drops, 'accelerator_fault')
  if (world.carriesPastNics || hosts.some((host) => host.hardware.size > 0))
    return { accounts: [], forced: open, faulty: onOffer, reset, died: 0 }
  const died = hosts.some((host) => host.everyVif.some((vif) => vif.died))
  const isForced = fast.some((of) => of.forced > 0)
  const unread = isForced || died ? sum(nics, (nic) => nic.viRxUnreadPackets) : 0
  const gone = clamp(left + refused - lent, onOffer)
  // Nobody knows how much a guest that was destroyed had lent: what the NIC has not sent of it.
  const lostOut = clamp(lent + gone - left - refused, died ? Infinity : open + reset)
  const lostIn = clamp(arrived - delivered - discarded, unread)
  const lostReset = Math.min(lostOut, reset)
  const lostForced = Math.min(lostOut - lostReset, open) + (isForced ? lostIn : 0)
  return {
    accounts: [
      segmentAccount('fast path out', lent + gone, left - swallowed, refused + lostOut + swallowed),
      segmentAccount('fast path in', arrived, delivered, discarded + lostIn),
    ],
    forced: lostForced,
    reset: lostReset,
    died: lostOut + lostIn - lostReset - lostForced,
    faulty: onOffer - gone,
  }
}

/** `value`, but not below 0 or above `most`. */
function clamp(value: number, most: number): number {
  return Math.max(0, Math.min(value, most))
}

function count(entries: readonly DropEntry[], wanted: DropReason): number {
  return sum(entries, ({ reason, segments }) => (reason === wanted ? segments : 0))
}

function sum<T>(list: readonly T[], pick: (of: T) => number): number {
  return list.reduce((all, of) => all + pick(of), 0)
}
