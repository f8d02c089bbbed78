import type { BackendVif, PortChange, ProbedVif, RemoveReason } from '@netaccel/core'
import { AccelState } from '@netaccel/core'
import { GuestQueues } from './guest-queues.js'

/** Milliseconds that a guest may take to say farewell. */
const FAREWELL_MS = 1000

/**
 * One vif in the driver domain. It waits for the guest's half, as often as one comes (LC-11), and has the guest's address
 * steered to its queues between `start` and `stop` (LC-14).
 */
export class Guest implements ProbedVif {
  private readonly vif: BackendVif
  private readonly state: AccelState
  private queues: GuestQueues | undefined
  private started = false

  constructor(vif: BackendVif) {
    this.vif = vif
    this.state = new AccelState({
      side: 'backend',
      scope: vif,
      work: {
        setUp: () => this.setUp(),
        stop: () => this.queues?.unsteer(),
        release: () => this.release(),
      },
    })
  }

  /** Shows that this end is there. False: the vif's directory is gone. */
  begin(): Promise<boolean> {
    return this.state.start()
  }

  start(): void {
    this.started = true
    this.queues?.steer()
  }

  stop(): void {
    this.started = false
    this.queues?.unsteer()
  }

  /** After a reset nothing of the port is used; the host detaches the vif (LC-12). */
  change(change: PortChange): void {
    if (change.kind === 'reset' || change.kind === 'gone') this.stop()
  }

  async remove(_reason: RemoveReason, signal: AbortSignal): Promise<void> {
    this.stop()
    await this.state.close(signal.aborted ? 1 : FAREWELL_MS)
  }

  private async setUp(): Promise<boolean> {
    const queues = new GuestQueues(this.vif)
    this.queues = queues
    const made = await queues.open()
    if (made && this.started) queues.steer()
    return made
  }

  private async release(): Promise<void> {
    const { queues } = this
    this.queues = undefined
    await queues?.close()
  }
}
