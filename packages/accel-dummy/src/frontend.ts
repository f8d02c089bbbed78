// The frontend half: loaded into a guest, beside its netfront. Read the README first, then this file from top to bottom,
// then backend.ts. Every hook of the contract is here and does the least that is legal.
import { defineAccelerator } from '@netaccel/core'
import type {
  AcceleratedQueue,
  AcceleratedVif,
  Frame,
  FrontendAccelerator,
  FrontendContext,
  FrontendQueue,
  FrontendVif,
  RemoveReason,
  Verdict,
  VifChange,
} from '@netaccel/core'

/**
 * The data path of one queue. All of it is synchronous, allocates nothing and never throws. From the moment
 * `openQueue` has returned the host may call these in any order and number (LC-03), so each must make sense while the
 * hardware is not there, or is there no longer.
 */
class DummyQueue implements AcceleratedQueue {
  /** Most frames that are ever lent to us at once. We take none. */
  readonly txDepth = 0
  /** Most received frames that can stand unread in our hardware. We have none. */
  readonly rxDepth = 0

  /**
   * Would `startXmit` take this frame, if there were room? The host asks this to decide when a flow may change paths
   * without one frame overtaking another. Must change nothing and must agree with `startXmit` (TX-06).
   *
   * A plugin with hardware looks at the headers here: can the NIC send this kind of frame, to this address?
   */
  accepts(_frame: Frame): boolean {
    return false
  }

  /**
   * One frame is on offer. 'declined' means: send it by the ring; nothing about it was changed (TX-03).
   *
   * A plugin with hardware writes its descriptors and says 'accepted': the frame is lent to it until `completeTx`
   * or `failTx`. Without room it says 'busy', and the host keeps the frame and offers it again (TX-07). It does
   * not ring the doorbell yet: that is `flush`.
   */
  startXmit(_frame: Frame): Verdict {
    return 'declined'
  }

  /** The burst is over: ring the doorbell, once (PF-02). Called only if something was accepted. */
  flush(): void {}

  /** True: no legal frame would be told busy now (IR-04). We never say busy. */
  hasRoom(): boolean {
    return true
  }

  /**
   * Read the hardware: at most `budget` received frames to `queue.deliver`, what has left to `queue.completeTx`.
   * 'idle': nothing that stood there when the poll began is left (RX-02).
   */
  poll(_budget: number): 'idle' | 'more' {
    return 'idle'
  }

  /**
   * Netfront is about to sleep. 'armed': the next event will call `queue.schedule`. 'waiting': something came in
   * meanwhile, poll again (IR-01). Without hardware no event will ever come, so sleeping is safe.
   */
  startInterrupts(): 'armed' | 'waiting' {
    return 'armed'
  }

  /** Netfront polls by itself from here; no event may schedule until armed again (IR-03). */
  stopInterrupts(): void {}
}

/** One vif that uses us: one attachment. Nothing of it may be used by another (LC-06), so all state lives in it. */
class DummyVif implements AcceleratedVif {
  private readonly vif: FrontendVif

  constructor(vif: FrontendVif) {
    this.vif = vif
  }

  /** Called once per queue, after `newDevice`. May allocate; must neither deliver nor arm. `queue` is the host's end. */
  openQueue(_queue: FrontendQueue): AcceleratedQueue {
    return new DummyQueue()
  }

  /** MTU, MAC or carrier of the device changed. Optional; here it is only logged. */
  change(change: VifChange): void {
    this.vif.log('info', `the ${change.kind} has changed`)
  }

  /** Add to the counters of the manifest what the hardware counted since the last call. Optional; we count nothing. */
  stats(): void {}

  /**
   * The last call, exactly once, whatever the reason. The hooks are cleared and nothing is lent any more; doors are
   * still open, so this is where the halves say farewell. It may be empty: everything that was taken through a door
   * of `vif` is undone by the host when this has settled.
   */
  remove(_reason: RemoveReason, _signal: AbortSignal): void {}
}

/**
 * Set-up: called once when the half is loaded into the domain (`insmod`, if you like). What is returned is asked for
 * each vif whose backend names us under `accel-frontend`. Touch nothing outside `context` here (VN-04).
 */
function frontend(context: FrontendContext): FrontendAccelerator {
  context.log('info', `loaded at version ${context.version} of the contract`)
  return {
    /**
     * A vif wants us. With hardware this is the long part: talk to the backend half over keys and pages of our own, map
     * the VI, post receive buffers; and only then return. `'declined'` is an answer like another: the vif stays on
     * the slow path and is not asked again until something changes.
     *
     * Everything awaited here must give up when `vif.signal` aborts (LC-01).
     */
    async newDevice(vif) {
      return new DummyVif(vif)
    },
  }
}

export default defineAccelerator({ frontend })
