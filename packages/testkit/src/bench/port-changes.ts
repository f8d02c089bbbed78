// Resets of a NIC, whoever built it.
import type { PortChange } from '@netaccel/core'
import type { VaryHalves } from '../plugin/source.js'
import { around } from '../record/around.js'
import { vary } from '../record/vary.js'
import type { Bench } from './bench.js'

/** Who is told when a port of the first host changes: what a bench's `rig` notes of hardware that a plugin brings. */
export class PortChanges {
  private readonly listeners: ((change: PortChange) => void)[] = []

  readonly rig: VaryHalves = around((_, where) =>
    where !== 'a.driver'
      ? {}
      : {
          hardware: (inner) =>
            vary(inner, {
              onChange: (changed) => {
                this.listeners.push(changed)
                inner.onChange(changed)
              },
            }),
        },
  )

  /** The simulated NIC is reset itself; of hardware that a plugin brings the change is announced. */
  reset({ world }: Bench): void {
    const nic = world.host('a').nics.get('eth0')
    if (nic !== undefined) return nic.driver.reset()
    for (const kind of ['reset', 'reset-done'] as const)
      for (const changed of this.listeners) changed({ kind })
  }
}
