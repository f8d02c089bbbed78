// The backend half: loaded into the driver domain, beside netback and the NIC driver.
import { defineAccelerator } from '@netaccel/core'
import type {
  BackendAccelerator,
  BackendContext,
  BackendPort,
  BackendVif,
  PortChange,
  ProbedVif,
  RemoveReason,
} from '@netaccel/core'

/** One vif that was probed. All four hooks but `remove` are optional; they are here to say when they are called. */
class DummyProbed implements ProbedVif {
  private readonly vif: BackendVif

  constructor(vif: BackendVif) {
    this.vif = vif
  }

  /**
   * The frontend listens on both paths now. From here on a plugin with hardware may insert filters, so that the NIC
   * steers the guest's frames to its VI; before, `vif.insertFilter` answers 'closed' (LC-14).
   */
  start(_signal: AbortSignal): void {
    this.vif.log('info', 'the frontend listens')
  }

  /** Either end leaves: insert nothing more. The host removes the filters itself when this has settled. */
  stop(_signal: AbortSignal): void {
    this.vif.log('info', 'the frontend leaves')
  }

  /** The port's link, MTU or state changed. */
  change(change: PortChange): void {
    this.vif.log('info', `port ${this.vif.port.name}: ${change.kind}`)
  }

  /** Add what hardware counted since the last call to the counters of the manifest. */
  stats(): void {}

  /** The last call. What was taken through the doors of `vif` is undone by the host afterwards. */
  remove(_reason: RemoveReason, _signal: AbortSignal): void {}
}

/** Set-up of one generation in the driver domain. */
function backend(context: BackendContext): BackendAccelerator {
  context.log('info', `loaded at version ${context.version} of the contract`)
  return {
    /**
     * There is a port. True: vifs whose key `accel` names it are ours to probe. A plugin for real hardware looks at
     * `port.kind` and at what the port `can` do, and observes it here. We need no hardware, so we take any port; for
     * those who have none the host offers one of kind 'none' that bears our own name.
     */
    openPort(_port: BackendPort) {
      return true
    },

    /**
     * A vif names a port of ours. Return 'declined', or an object for it; the host then writes `accel-frontend`,
     * which is what makes the guest ask its own half. Must not wait for the guest: it may never come (LC-01).
     */
    async probe(vif) {
      return new DummyProbed(vif)
    },
  }
}

export default defineAccelerator({ backend })
