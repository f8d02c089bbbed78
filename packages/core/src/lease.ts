// Leases: the reference counts that say whether a generation is still in use.
//
// One lease per (generation, vif, queue), owned by that queue's engine: a plain number, +1 during a burst or a poll, plus
// the frames lent. One per (generation, vif) on the home engine: +1 per awaited hook and per task. The sum of a vif's
// leases is the vif's, the sum over its vifs the generation's. Only the owner counts; others read the mirror.
import { AcceleratorError } from './errors.js'
import { LeaseMirror } from './lease-mirror.js'
import type { HookNumber } from './hook-table.js'

/** What a lease is held for. */
export const LEASE_KINDS = ['burst', 'poll', 'lent', 'hook', 'task'] as const
export type LeaseKind = (typeof LEASE_KINDS)[number]

export const LEASE_BURST = 0
export const LEASE_POLL = 1
export const LEASE_LENT = 2
export const LEASE_HOOK = 3
export const LEASE_TASK = 4
export type LeaseKindNumber = 0 | 1 | 2 | 3 | 4

/** What can be waited for: one lease or a sum of them. */
export interface Held {
  readonly held: number
  readonly byKind: Readonly<Record<LeaseKind, number>>
  /** Runs `work` once when nothing is held: at once if that is so now. Returns how to call it off. */
  whenZero(work: () => void): () => void
}

abstract class Waiters {
  private waiting: (() => void)[] = []

  abstract readonly held: number

  whenZero(work: () => void): () => void {
    if (this.held === 0) {
      work()
      return () => {}
    }
    this.waiting.push(work)
    return () => {
      this.waiting = this.waiting.filter((other) => other !== work)
    }
  }

  protected get anyWaiting(): boolean {
    return this.waiting.length > 0
  }

  /** A waiter may take a lease again; those after it then wait on. */
  protected wakeAll(): void {
    while (this.held === 0) {
      const next = this.waiting.shift()
      if (next === undefined) return
      next()
    }
  }
}

/** The count of one owner. Taking and giving back allocate nothing. */
export class Lease extends Waiters implements Held {
  readonly name: string
  readonly mirror: LeaseMirror
  /** The sum that is told when this count falls to zero. */
  parent: LeaseSum | null = null
  private readonly counts = new Int32Array(LEASE_KINDS.length)
  private count = 0

  constructor(name: string, mirror: LeaseMirror = LeaseMirror.standalone()) {
    super()
    this.name = name
    this.mirror = mirror
  }

  /** Everything held, of all kinds. */
  get held(): number {
    return this.count
  }

  /** Frames lent to the plugin. */
  get lent(): number {
    return this.counts[LEASE_LENT] ?? 0
  }

  get byKind(): Readonly<Record<LeaseKind, number>> {
    return kindsOf((kind) => this.counts[kind] ?? 0)
  }

  take(kind: LeaseKindNumber): void {
    const counts = this.counts
    counts[kind] = (counts[kind] ?? 0) + 1
    this.count++
  }

  /**
   * Gives one back. At zero those who wait are called, still inside this call: give back last.
   * Throws `LEASE` when none of this kind was taken: that is a mistake of the host, never of a peer or a plugin.
   */
  drop(kind: LeaseKindNumber): void {
    const counts = this.counts
    const held = counts[kind] ?? 0
    if (held === 0) throw new AcceleratorError('LEASE', `${LEASE_KINDS[kind]} of ${this.name}`)
    counts[kind] = held - 1
    if (--this.count === 0) this.zero()
  }

  /** Takes `count` at once: what a burst has lent, before its own lease is given back. */
  takeMany(kind: LeaseKindNumber, count: number): void {
    this.counts[kind] += count
    this.count += count
  }

  /** Gives `count` back at once; see {@link drop}. */
  dropMany(kind: LeaseKindNumber, count: number): void {
    if (count === 0) return
    if (this.counts[kind] < count) throw new AcceleratorError('LEASE', `${LEASE_KINDS[kind]} of ${this.name}`)
    this.counts[kind] -= count
    this.count -= count
    if (this.count === 0) this.zero()
  }

  /** Forgets everything held: the owner is dead, or the deadline has passed and its gates are shut for good. */
  forfeit(): void {
    if (this.count === 0) return
    this.counts.fill(0)
    this.count = 0
    this.zero()
  }

  /** Shows the counts to others. Once per burst, not per frame. */
  publish(): void {
    const counts = this.counts
    this.mirror.publish(this.count, counts[LEASE_LENT] ?? 0)
  }

  /** Notes the hook that is entered, so that a report can name the one that never returned (ER-04). */
  entering(hook: HookNumber): void {
    this.mirror.enter(hook)
  }

  private zero(): void {
    if (this.anyWaiting) this.wakeAll()
    this.parent?.childAtZero()
  }
}

/** The sum of several owners' counts: a vif's over its queues, a generation's over its vifs. */
export class LeaseSum extends Waiters implements Held {
  readonly name: string
  parent: LeaseSum | null = null
  private readonly members = new Set<Lease | LeaseSum>()

  constructor(name: string) {
    super()
    this.name = name
  }

  add<T extends Lease | LeaseSum>(member: T): T {
    this.members.add(member)
    member.parent = this
    return member
  }

  /** Takes a member out; what it still holds no longer counts here. */
  remove(member: Lease | LeaseSum): void {
    if (!this.members.delete(member)) return
    member.parent = null
    this.childAtZero()
  }

  get held(): number {
    let sum = 0
    for (const member of this.members) sum += member.held
    return sum
  }

  get byKind(): Readonly<Record<LeaseKind, number>> {
    return kindsOf((kind) => {
      let sum = 0
      for (const member of this.members) sum += member.byKind[LEASE_KINDS[kind]]
      return sum
    })
  }

  /** The owners that still hold something, for a report. */
  holders(): Lease[] {
    const found: Lease[] = []
    for (const member of this.members) {
      if (member instanceof LeaseSum) found.push(...member.holders())
      else if (member.held > 0) found.push(member)
    }
    return found
  }

  forfeit(): void {
    for (const member of this.members) member.forfeit()
  }

  /**
   * A member fell to zero, as one does at the end of each burst and poll. The sum is made only for those who wait for it:
   * made each time, it cost 30 ns a frame at 32 frames a burst.
   */
  childAtZero(): void {
    if (this.anyWaiting) this.wakeAll()
    this.parent?.childAtZero()
  }
}

function kindsOf(count: (kind: LeaseKindNumber) => number): Readonly<Record<LeaseKind, number>> {
  return {
    burst: count(LEASE_BURST),
    poll: count(LEASE_POLL),
    lent: count(LEASE_LENT),
    hook: count(LEASE_HOOK),
    task: count(LEASE_TASK),
  }
}
