import type { BackendVif, ProbedVif, RemoveReason } from '@netaccel/core'
import { AccelState } from '@netaccel/core'
import { openLane } from './lane.js'
import type { Lane } from './lane.js'
import type { Switch } from './switch.js'

/** Milliseconds that a guest may take to say farewell. */
const FAREWELL_MS = 1000

/**
 * One vif in the driver domain. It waits for the guest's half, as often as one comes (LC-11), and others may send to the
 * guest between `start` and `stop` (LC-14).
 */
export class Guest implements ProbedVif {
  private readonly vif: BackendVif
  private readonly hub: Switch
  private readonly state: AccelState
  private lane: Lane | undefined
  private started = false

  constructor(vif: BackendVif, hub: Switch) {
    this.vif = vif
    this.hub = hub
    this.state = new AccelState({
      side: 'backend',
      scope: vif,
      work: { setUp: () => this.setUp(), release: () => this.release() },
    })
  }

  /** Shows that this end is there. False: the vif's directory is gone. */
  begin(): Promise<boolean> {
    return this.state.start()
  }

  start(): void {
    this.started = true
    if (this.lane !== undefined) this.hub.list(this.lane)
  }

  /** Settles when nobody sends to the guest any more, and what was sent stands in its buffers. */
  async stop(signal: AbortSignal): Promise<void> {
    this.started = false
    if (this.lane !== undefined) await this.hub.unlist(this.lane, signal)
  }

  async remove(_reason: RemoveReason, signal: AbortSignal): Promise<void> {
    this.started = false
    await this.state.close(signal.aborted ? 1 : FAREWELL_MS)
  }

  private async setUp(): Promise<boolean> {
    const lane = await openLane(this.vif, () => this.hub.kick())
    if (typeof lane === 'string') {
      this.vif.log('warn', `the guest cannot be served: ${lane}`)
      return false
    }
    this.lane = lane
    this.hub.add(lane)
    if (this.started) this.hub.list(lane)
    return true
  }

  private async release(): Promise<void> {
    const { lane } = this
    this.lane = undefined
    if (lane === undefined) return
    this.hub.remove(lane)
    await lane.close()
  }
}
