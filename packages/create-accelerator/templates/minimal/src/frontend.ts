// The frontend half: loaded into a guest, beside its netfront. Every hook of the contract is here and does the least that
// is legal. The numbers in brackets are rules: `netaccel explain TX-03`, or docs/rules.md of netaccel.
import type { AcceleratedQueue, AcceleratedVif, RemoveReason, VifChange } from '@netaccel/core'
import { defineAccelerator } from '@netaccel/core'

/** The data path of one queue: synchronous, allocates nothing, never throws; called in any order and number (LC-03). */
class DecliningQueue implements AcceleratedQueue {
  /** Most frames that are ever lent to us at once, and most received frames that can stand unread in our hardware. */
  readonly txDepth = 0
  readonly rxDepth = 0

  /** Would `startXmit` take this frame, if there were room? Changes nothing (TX-06). */
  accepts(): boolean {
    return false
  }

  /** A frame is on offer. Declined, it goes by the ring, as if we were not there (TX-03). */
  startXmit(): 'declined' {
    return 'declined'
  }

  /** The end of a burst in which something was accepted: the place for the doorbell (PF-02). */
  flush(): void {}

  /** True: no frame would be told busy now (IR-04). */
  hasRoom(): boolean {
    return true
  }

  /** Deliver what has come, complete what has left. 'idle': nothing is left to do (RX-02). */
  poll(): 'idle' | 'more' {
    return 'idle'
  }

  /** 'armed': the next event will call `queue.schedule()` (IR-01, IR-02). There will be none. */
  startInterrupts(): 'armed' | 'waiting' {
    return 'armed'
  }

  /** No event schedules from here on (IR-03). */
  stopInterrupts(): void {}
}

/** One vif that uses us. All state of an attachment belongs here, so that no other finds it (LC-06, LC-07). */
class DecliningVif implements AcceleratedVif {
  /** Once a queue, when `newDevice` is done; the argument is the host's end: deliver, completeTx, schedule ... */
  openQueue(): AcceleratedQueue {
    return new DecliningQueue()
  }

  /** The device's MTU, MAC or carrier has changed (TX-12). */
  change(_change: VifChange): void {}

  /** The last call. Everything that was taken through doors of the vif is undone by the host afterwards (MEM-01). */
  remove(_reason: RemoveReason, _signal: AbortSignal): void {}
}

export default defineAccelerator({
  /** Once, when the half is loaded. Touch nothing but the context and what it gives (VN-04). */
  frontend: (context) => {
    context.log('info', `loaded at version ${context.version} of the contract`)
    return {
      /** A vif wants us: the long part of a real plugin, which meets its other half here, and gives up in time (LC-01). */
      newDevice: () => Promise.resolve(new DecliningVif()),
    }
  },
})
