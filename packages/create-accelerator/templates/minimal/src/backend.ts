// The backend half: loaded into the driver domain, beside netback and the NIC driver.
import type { PortChange, ProbedVif, RemoveReason } from '@netaccel/core'
import { defineAccelerator } from '@netaccel/core'

/** One vif that was probed. */
class ProbedGuest implements ProbedVif {
  /** The frontend listens on both paths: from here on filters may be inserted (LC-14). */
  start(_signal: AbortSignal): void {}

  /** Either end leaves: nothing new may enter the fast path once this has settled (LC-14). */
  stop(_signal: AbortSignal): void {}

  /** Link, MTU or a reset of the port (LC-12). */
  change(_change: PortChange): void {}

  /** The last call. What was taken through doors of the vif is undone by the host (MEM-01). */
  remove(_reason: RemoveReason, _signal: AbortSignal): void {}
}

export default defineAccelerator({
  backend: () => ({
    /** Vifs whose key `accel` names this port are ours. The port of kind 'none' bears our own name and has no hardware. */
    openPort: () => true,
    /** Such a vif is there. Do not wait for its guest: it may never come (LC-01). */
    probe: () => Promise.resolve(new ProbedGuest()),
  }),
})
