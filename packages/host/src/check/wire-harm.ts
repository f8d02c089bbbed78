import { DROP_REASONS, type DropReason, type DropReasonFacts } from '@netaccel/core'
import type { World } from '../build/world.js'

/**
 * What the wires did to frames on purpose, by the event's name: lost, garbled (a receiver drops it), doubled, held back
 * until later ones had passed.
 */
export interface WireEvents {
  readonly wire_loss: number
  readonly wire_corrupt: number
  readonly wire_duplicate: number
  readonly wire_reorder: number
}

/** How many segments the oracle may find amiss because the topology asks for it. */
export interface Excused {
  readonly missing: number
  readonly doubled: number
  readonly reordered: number
}

/** Drops of frames whose check sequence is wrong: by the NIC, or by a plugin that its VI told. */
const GARBLED: readonly DropReason[] = ['wire_corrupt', 'accel_rx_bad_crc']

/** What wires were told to do, and have done. */
export class WireHarm {
  readonly events: WireEvents
  readonly excused: Excused

  private readonly found: ReadonlyMap<DropReason, number>

  /** `found`: every drop of the world. */
  constructor(world: World, found: ReadonlyMap<DropReason, number>) {
    this.found = found
    const noises = world.lanes.map(({ lane }) => lane.noise)
    const sum = (kind: 'lost' | 'corrupted' | 'duplicated' | 'reordered', of: 'frames' | 'groups'): number =>
      noises.reduce((total, noise) => total + noise[kind][of], 0)
    // A frame to a group may have been meant for every edge, so its loss is missed as often.
    const others = Math.max(0, world.vifs.length - 1)
    const most = (kind: 'lost' | 'corrupted' | 'duplicated' | 'reordered'): number =>
      sum(kind, 'frames') + sum(kind, 'groups') * others
    this.events = {
      wire_loss: sum('lost', 'frames'),
      wire_corrupt: sum('corrupted', 'frames'),
      wire_duplicate: sum('duplicated', 'frames'),
      wire_reorder: sum('reordered', 'frames'),
    }
    this.excused = {
      missing: most('lost') + most('corrupted') + capped(found),
      doubled: most('duplicated'),
      reordered: most('reordered'),
    }
  }

  /**
   * True if the topology asks for drops of this reason. Of garbled frames no more may be dropped than wires were told to
   * garble.
   */
  asksFor(reason: DropReason): boolean {
    const { asked }: DropReasonFacts = DROP_REASONS[reason]
    if (!GARBLED.includes(reason)) return asked === true
    const garbled = GARBLED.reduce((total, each) => total + (this.found.get(each) ?? 0), 0)
    return garbled <= this.events.wire_corrupt
  }
}

/** Segments that rates and rules dropped which the topology sets. */
function capped(found: ReadonlyMap<DropReason, number>): number {
  let segments = 0
  for (const [reason, count] of found) {
    const { asked, stage }: DropReasonFacts = DROP_REASONS[reason]
    if (asked === true && stage !== 'wire') segments += count
  }
  return segments
}
