import { NicError } from '../errors.js'
import type { NoiseSettings } from './wire-noise.js'

export interface WireOptions {
  /** Gigabits per second each way; 0, the default: no limit. */
  readonly gbps?: number
  /** Propagation delay in nanoseconds; default 0. */
  readonly delayNs?: number
  /** Chance that a frame is lost on the way, 0 to 1; default 0. */
  readonly loss?: number
  /** Chance that a frame arrives with a bad check sequence, 0 to 1; default 0. */
  readonly corrupt?: number
  /** Chance that a frame arrives twice, the second time right behind the first, 0 to 1; default 0. */
  readonly duplicate?: number
  /**
   * Chance that a frame is held back until one to three later ones have passed it, 0 to 1; default 0. One at a time; it
   * goes on after 100 µs when fewer follow.
   */
  readonly reorder?: number
  /** Seed of all these chances; the two directions draw apart. */
  readonly seed?: number | string
  /**
   * True, the default: a sender waits while the receiver has no room (IEEE 802.3 annex 31B PAUSE), so nothing is lost
   * here. False: what does not fit is dropped and counted.
   */
  readonly flowControl?: boolean
  /** Frames in flight in each direction; the default is 256, or more if rate and delay need it, up to 4096. */
  readonly slots?: number
  /** With rate or delay: arrivals within this many nanoseconds share one timer (interrupt moderation). Default 5,000. */
  readonly coalesceNs?: number
}

export interface WireSettings extends NoiseSettings {
  readonly nsPerByte: number
  readonly delayNs: number
  readonly seed: number | string
  readonly flowControl: boolean
  readonly slots: number
  readonly coalesceNs: number
}

const DEFAULT_SLOTS = 256
const MOST_SLOTS = 4096

/** Defaults filled in. Throws `BAD_OPTION`. */
export function wireSettings(options: WireOptions): WireSettings {
  const {
    gbps = 0,
    delayNs = 0,
    loss = 0,
    corrupt = 0,
    duplicate = 0,
    reorder = 0,
    seed = 0,
    flowControl = true,
    coalesceNs = 5000,
  } = options
  if (!(gbps >= 0)) throw bad(`a rate of ${gbps} Gb/s: give a number above 0, or 0 for no limit`)
  if (!(delayNs >= 0 && coalesceNs >= 0)) throw bad(`a delay of ${delayNs} ns: give 0 or more`)
  for (const [name, chance] of Object.entries({ loss, corrupt, duplicate, reorder }))
    if (!(chance >= 0 && chance <= 1)) throw bad(`a chance "${name}" of ${chance}: give 0 to 1`)
  const inFlight = Math.ceil((gbps * (delayNs + coalesceNs)) / 8 / 1024)
  const { slots = Math.min(MOST_SLOTS, Math.max(DEFAULT_SLOTS, 2 * inFlight)) } = options
  if (!Number.isInteger(slots) || slots < 2 || slots > MOST_SLOTS)
    throw bad(`${slots} slots: give 2 to ${MOST_SLOTS}`)
  return {
    nsPerByte: gbps === 0 ? 0 : 8 / gbps,
    delayNs,
    loss,
    corrupt,
    duplicate,
    reorder,
    seed,
    flowControl,
    slots,
    coalesceNs,
  }
}

function bad(what: string): NicError {
  return new NicError('BAD_OPTION', `a wire cannot have ${what}`)
}
