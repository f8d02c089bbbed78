// The vifs of a registry: how one of them is offered to a generation, counted on it, and taken from it.
import { onClock } from './control-clock.js'
import { EventHub } from './event-hub.js'
import { LEASE_HOOK } from './lease.js'
import type { RemoveReason } from './contract/index.js'
import type { ControlClock } from './control-clock.js'
import type { Entry, LiveGeneration, MemberRecord } from './registry-entry.js'
import type { Generation, RegistryMember, RegistryOptions } from './registry-types.js'

/** What a {@link Registry} knows of the vifs on its lists. Their names and generations are the registry's own matter. */
export abstract class RegistryMembers<H> {
  readonly side: RegistryOptions['side']
  readonly events: EventHub
  protected readonly entries = new Map<string, Entry<H>>()
  protected readonly clock: ControlClock

  protected constructor({ side, clock, events = new EventHub() }: RegistryOptions) {
    this.side = side
    this.clock = clock
    this.events = events
  }

  protected find(member: RegistryMember<H>): { entry: Entry<H>; record: MemberRecord<H> } | undefined {
    for (const entry of this.entries.values()) {
      const record = entry.members.find((other) => other.member === member)
      if (record !== undefined) return { entry, record }
    }
    return undefined
  }

  /**
   * Offers the vif to the generation. All that follows the wait uses `generation` and never `entry.generation`, which may
   * be another one, or none, by then (defect a of the original's first version).
   */
  protected attachMember(entry: Entry<H>, record: MemberRecord<H>, generation: LiveGeneration<H>): void {
    if (record.state !== 'requested' && record.state !== 'declined') return
    record.state = 'attaching'
    this.hold(record, generation)
    record.attaching = onClock(this.clock, async () => {
      let outcome: 'attached' | 'declined' = 'declined'
      let cause: unknown
      try {
        outcome = await record.member.attach(generation.half, generation)
      } catch (error) {
        cause = error
      }
      const { name } = record.member
      this.events.hear.member_attached?.({ name: entry.name, side: this.side, member: name, outcome, cause })
      // A detach that began meanwhile, or the end of the generation, has the last word.
      if (record.holds !== generation || record.state !== 'attaching') return
      record.attaching = null
      if (outcome === 'attached') {
        record.state = 'attached'
        return
      }
      record.state = 'declined'
      this.release(record, generation)
    })
  }

  /** Counts the vif on the generation's control lease. */
  protected hold(record: MemberRecord<H>, generation: Generation<H>): void {
    generation.control.take(LEASE_HOOK)
    record.holds = generation
  }

  /** Gives back what `hold` took, if this vif still holds it (defect b: only what was taken is given back). */
  protected release(record: MemberRecord<H>, generation: Generation<H> | null): void {
    if (generation === null || record.holds !== generation) return
    record.holds = null
    generation.control.drop(LEASE_HOOK)
  }

  /**
   * Detaches one vif from the generation; one that is not attached is only asked for again. Gives who still held what when
   * it was forced.
   */
  protected async detachMember(
    record: MemberRecord<H>,
    generation: LiveGeneration<H>,
    reason: RemoveReason,
  ): Promise<readonly string[] | void> {
    if (record.holds !== generation) {
      record.state = 'requested'
      return
    }
    const attaching = record.attaching
    record.state = 'detaching'
    let held: readonly string[] = []
    await onClock(this.clock, async () => {
      try {
        held = (await record.member.detach(reason)) ?? []
        await attaching
      } catch (cause) {
        const { name } = record.member
        this.events.hear.detach_failed?.({ name: generation.name, side: this.side, member: name, cause })
      }
    })
    if (record.holds === generation) {
      record.state = 'requested'
      record.attaching = null
      this.release(record, generation)
    }
    return held
  }

  /** The deadline has passed: the vif counts nowhere, whatever its detach still does. */
  protected forget(record: MemberRecord<H>): void {
    record.holds = null
    record.attaching = null
    record.state = 'requested'
  }

  /**
   * Names come from the other end of a vif: one that nobody asks for and nobody has loaded is forgotten. The original
   * keeps every entry until it is unloaded itself.
   */
  protected dropUnused(entry: Entry<H>): void {
    const { name, members, generation, loading, deferred } = entry
    const used = members.length > 0 || generation !== null || loading || deferred !== null
    if (!used && this.entries.get(name) === entry) this.entries.delete(name)
  }
}
