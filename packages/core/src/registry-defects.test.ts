// The six defects of the first version of drivers/xen/netfront/accel.c (June 2007). Each is a test of the registry, and a
// mutant that commits it again, which the same test must catch.
import { VirtualClock } from '@netaccel/xen'
import { describe, expect, it } from 'vitest'
import { LEASE_HOOK } from './lease.js'
import { Registry } from './registry.js'
import type { RemoveReason } from './contract/index.js'
import type { RegistryMember, RegistryOptions, StopReport } from './registry-types.js'

type Half = string
type RegistryClass = new (options: RegistryOptions) => Registry<Half>

interface Defect {
  readonly id: string
  readonly title: string
  readonly mutant: RegistryClass
  /** What the check says of the mutant. */
  readonly caught: RegExp
  readonly check: (make: RegistryClass) => Promise<void>
}

function setUp(make: RegistryClass) {
  const timeline = new VirtualClock()
  const engine = timeline.engine('guest')
  const registry = new make({ side: 'frontend', clock: engine, inDriverDomain: false, unloadDeadlineMs: 10 })
  return { timeline, engine, registry }
}

const member = (
  name: string,
  attach: () => Promise<'attached' | 'declined'> = () => Promise.resolve('attached'),
  detach: (reason: RemoveReason) => Promise<void> = () => Promise.resolve(),
): RegistryMember<Half> => ({ name, attach, detach })

const never = <T>(): Promise<T> => new Promise<T>(() => {})

class ReadsAgainAfterTheWait extends Registry<Half> {
  protected override attachMember(
    ...[entry, record, generation]: Parameters<Registry<Half>['attachMember']>
  ): void {
    record.state = 'attaching'
    this.hold(record, generation)
    record.attaching = record.member.attach(generation.half, generation).then((outcome) => {
      if (outcome === 'attached') record.state = 'attached'
      else (entry.generation as NonNullable<typeof entry.generation>).control.drop(LEASE_HOOK)
    })
  }
}

class GivesBackForEveryListedVif extends Registry<Half> {
  protected override async detachMember(
    ...[record, generation, reason]: Parameters<Registry<Half>['detachMember']>
  ): Promise<void> {
    await record.member.detach(reason)
    generation.control.drop(LEASE_HOOK)
  }

  protected override async drain(...[entry, generation, reason]: Parameters<Registry<Half>['drain']>) {
    await Promise.all(entry.members.map((record) => this.detachMember(record, generation, reason)))
    return super.drain(entry, generation, reason)
  }
}

class WaitsWithTheGateHeld extends Registry<Half> {
  #gate: Promise<unknown> = Promise.resolve()

  override stop(name: string, reason: RemoveReason): Promise<StopReport> {
    const stopped = this.#gate.then(() => super.stop(name, reason))
    this.#gate = stopped
    return stopped
  }

  override request(name: string, vif: RegistryMember<Half>): void {
    this.#gate = this.#gate.then(() => super.request(name, vif))
  }
}

class ForgetsHalfThatNobodyAskedFor extends Registry<Half> {
  override loaded(version: number, name: string, half: Half) {
    if (this.entries.has(name)) return super.loaded(version, name, half)
    this.entryOf(name)
    return 0
  }
}

class DereferencesTheAccelerator extends Registry<Half> {
  override async withdraw(vif: RegistryMember<Half>): Promise<void> {
    const entry = [...this.entries.values()].find((one) => one.members.some((two) => two.member === vif))
    // What C does with a null pointer, JavaScript does with undefined.
    const { members } = entry as NonNullable<typeof entry>
    members.splice(0, 1)
  }
}

class SecondStopResetsTheFirst extends Registry<Half> {
  override stop(name: string, reason: RemoveReason): Promise<StopReport> {
    const entry = this.entries.get(name)
    if (entry !== undefined) entry.stopping = null
    return super.stop(name, reason)
  }
}

const defects: readonly Defect[] = [
  {
    id: 'a',
    title: 'hook read again after the check: a generation that ended during a wait is not looked for again',
    mutant: ReadsAgainAfterTheWait,
    caught: /to deeply equal \[\]/,
    async check(make) {
      const { timeline, engine, registry } = setUp(make)
      const late = member(
        'vif1.0',
        () => new Promise((resolve) => engine.after(20_000_000, () => resolve('declined'))),
      )
      const failed: unknown[] = []
      registry.events.on('detach_failed', ({ cause }) => failed.push(cause))
      registry.loaded(1, 'sfc_netfront', 'half')
      registry.request('sfc_netfront', late)
      const stopped = registry.stop('sfc_netfront', 'unloaded')
      await timeline.run()
      expect(await stopped).toMatchObject({ forced: true })
      expect(failed).toEqual([])
    },
  },
  {
    id: 'b',
    title: 'lease returned for a vif never attached: a stop gives back only what an attach took',
    mutant: GivesBackForEveryListedVif,
    caught: /^LEASE: hook of sfc_netfront#1 control/,
    async check(make) {
      const { timeline, registry } = setUp(make)
      registry.loaded(1, 'sfc_netfront', 'half')
      registry.request(
        'sfc_netfront',
        member('vif1.0', () => Promise.resolve('declined')),
      )
      await timeline.run()
      const stopped = registry.stop('sfc_netfront', 'unloaded')
      stopped.catch(() => {})
      await timeline.run()
      expect(await stopped).toMatchObject({ forced: false, holders: [], detached: [] })
    },
  },
  {
    id: 'c',
    title:
      'waiting while the gate is held: a detach that never ends holds up no other name and no call from inside it',
    mutant: WaitsWithTheGateHeld,
    caught: /to deeply equal \[ 'went through' \]|undefined/,
    async check(make) {
      const { timeline, registry } = setUp(make)
      const inside: string[] = []
      const stuck = member('vif1.0', undefined, async () => {
        await registry.stop('other', 'unloaded')
        inside.push('went through')
        await never()
      })
      registry.loaded(1, 'sfc_netfront', 'half')
      registry.request('sfc_netfront', stuck)
      registry.loaded(1, 'other', 'half')
      await timeline.run()
      void registry.stop('sfc_netfront', 'unloaded')
      registry.request('third', member('vif2.0'))
      registry.loaded(1, 'third', 'half')
      await timeline.run({ for: 1_000_000 })
      expect(inside).toEqual(['went through'])
      expect(registry.state('third')).toMatchObject({ use: 'active' })
    },
  },
  {
    id: 'd',
    title: 'a half loaded before it is asked for is probed when it is asked for',
    mutant: ForgetsHalfThatNobodyAskedFor,
    caught: /expected 'requested' to be 'attached'/,
    async check(make) {
      const { timeline, registry } = setUp(make)
      expect(registry.loaded(1, 'sfc_netfront', 'half')).toBe(0)
      registry.request('sfc_netfront', member('vif1.0'))
      await timeline.run()
      expect(registry.state('sfc_netfront')?.members[0]?.state).toBe('attached')
    },
  },
  {
    id: 'e',
    title: 'removal of a vif without accelerator does nothing',
    mutant: DereferencesTheAccelerator,
    caught: /undefined/,
    async check(make) {
      const { registry } = setUp(make)
      await registry.withdraw(member('vif1.0'))
      registry.request('sfc_netfront', member('vif2.0'))
      await registry.withdraw(member('vif1.0'))
      expect(registry.state('sfc_netfront')?.members).toEqual([{ name: 'vif2.0', state: 'requested' }])
    },
  },
  {
    id: 'f',
    title: 'a second stop joins the first: one detach, both told the same at the same time',
    mutant: SecondStopResetsTheFirst,
    caught: /expected 2 to be 1/,
    async check(make) {
      const { timeline, engine, registry } = setUp(make)
      let detaches = 0
      const slow = member('vif1.0', undefined, () => {
        detaches++
        return new Promise((resolve) => engine.after(1_000_000, resolve))
      })
      registry.loaded(1, 'sfc_netfront', 'half')
      registry.request('sfc_netfront', slow)
      await timeline.run()
      const ends: [StopReport, number][] = []
      const noted = (report: StopReport) => void ends.push([report, timeline.now()])
      void registry.stop('sfc_netfront', 'unloaded').then(noted)
      engine.after(500_000, () => void registry.stop('sfc_netfront', 'unloaded').then(noted))
      await timeline.run()
      expect(detaches).toBe(1)
      expect(ends.map(([, at]) => at)).toEqual([ends[0]?.[1], ends[0]?.[1]])
      expect(ends[1]?.[0]).toBe(ends[0]?.[0])
    },
  },
]

describe.each(defects)('defect $id: $title', ({ mutant, caught, check }) => {
  it('is not in the registry', () => check(Registry))

  it('is caught when it is planted', async () => {
    await expect(check(mutant)).rejects.toThrow(caught)
  })
})
