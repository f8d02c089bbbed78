import type { World, WorldStatus } from '@netaccel/host'

/** What went one way by one path at one guest's device: counted at the sender's fork, or at the receiver's delivery. */
export interface PathCount {
  readonly segments: number
  readonly tcpPayloadBytes: number
  /** Frames of UDP; the probe alone sends them. */
  readonly udpFrames: number
}

/** Both paths of one direction. */
export interface SplitCount {
  readonly slow: PathCount
  readonly fast: PathCount
}

/** The counters of one guest's device, or of all together. TX and RX are the guest's. */
export interface WayCount {
  readonly tx: SplitCount
  readonly rx: SplitCount
}

/** The world's counters at one instant. */
export interface Reading {
  /** See {@link timeOf}. */
  readonly at: number
  /** By guest, in the order of the world. */
  readonly guests: readonly WayCount[]
  readonly filters: number
  readonly leases: number
  /** Wire segments dropped, by reason; only reasons that happened. */
  readonly dropped: Readonly<Partial<Record<string, number>>>
}

/** What happened between two readings. */
export interface Span {
  readonly from: number
  readonly seconds: number
  /** By guest, and all guests together. */
  readonly guests: readonly WayCount[]
  readonly all: WayCount
}

const NOTHING: PathCount = { segments: 0, tcpPayloadBytes: 0, udpFrames: 0 }

/** Read the world's counters now. */
export function readMeter(world: World): Reading {
  const { vifs, filters, leases, dropped }: WorldStatus = world.status()
  return { at: timeOf(world), guests: vifs.map(({ tx, rx }) => ({ tx, rx })), filters, leases, dropped }
}

/** Nanoseconds of the world's clock, with those that it left out because the machine ran others. */
export function timeOf({ timeline }: World): number {
  return timeline.now() + timeline.stolenNs
}

export function spanOf(earlier: Reading, later: Reading): Span {
  const guests = later.guests.map((guest, i) => combine(guest, earlier.guests[i] ?? guest, -1))
  const none: SplitCount = { slow: NOTHING, fast: NOTHING }
  const all = guests.reduce((sum, guest) => combine(sum, guest, 1), { tx: none, rx: none })
  return { from: earlier.at, seconds: (later.at - earlier.at) / 1e9, guests, all }
}

/** TCP payload delivered a second, in units of 10^9 bits; by one path or by both. */
export function gbpsOf({ all, seconds }: Span, path?: 'slow' | 'fast'): number {
  if (seconds <= 0) return 0
  const { slow, fast } = all.rx
  const bytes = (path === 'fast' ? 0 : slow.tcpPayloadBytes) + (path === 'slow' ? 0 : fast.tcpPayloadBytes)
  return (bytes * 8) / seconds / 1e9
}

/** `one + sign * two`, number by number. */
function combine(one: WayCount, two: WayCount, sign: 1 | -1): WayCount {
  const path = (a: PathCount, b: PathCount): PathCount => ({
    segments: a.segments + sign * b.segments,
    tcpPayloadBytes: a.tcpPayloadBytes + sign * b.tcpPayloadBytes,
    udpFrames: a.udpFrames + sign * b.udpFrames,
  })
  const split = (a: SplitCount, b: SplitCount): SplitCount => ({
    slow: path(a.slow, b.slow),
    fast: path(a.fast, b.fast),
  })
  return { tx: split(one.tx, two.tx), rx: split(one.rx, two.rx) }
}
