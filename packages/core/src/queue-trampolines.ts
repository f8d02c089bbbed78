// What stands between a queue's hook point and a plugin: functions of the host's own that call the plugin while it is
// installed, check what it says, and reach nothing afterwards.
import { HOOK_NUMBER } from './hook-table.js'
import type { AcceleratedQueue, Frame } from './contract/index.js'
import type { HookName } from './hook-table.js'
import type { Lease } from './lease.js'
import type { RuleId } from './rules/types.js'

/** A plugin's hook broke its contract. */
export interface Fault {
  readonly hook: HookName
  readonly rule: RuleId
  /** What it threw, or what it gave back. */
  readonly cause: unknown
  readonly thrown: boolean
}

/**
 * What the fork learns from an offer. Undefined: declined, by a plugin or because none is installed any more. 'fault': the
 * plugin failed while it had the frame, which may have left; the host drops it as `accelerator_fault` and does not send it
 * again.
 */
export type Offer = 'accepted' | 'busy' | 'fault' | undefined

/** The hooks of a queue as the host calls them: none of them throws. */
export interface QueueCalls {
  accepts(frame: Frame): boolean | undefined
  startXmit(frame: Frame): Offer
  flush(): void
  hasRoom(): boolean | undefined
  poll(budget: number): 'idle' | 'more' | undefined
  startInterrupts(): 'armed' | 'waiting' | undefined
  stopInterrupts(): void
}

/** The trampolines of one install. Their methods are not `#` ones, whose brand V8 checks at each call. */
export class QueueTrampolines {
  readonly calls: QueueCalls
  private queue: AcceleratedQueue | null
  private readonly lease: Lease
  private readonly onFault: (fault: Fault) => void

  constructor(queue: AcceleratedQueue, lease: Lease, onFault: (fault: Fault) => void) {
    this.queue = queue
    this.lease = lease
    this.onFault = onFault
    this.calls = {
      accepts: (frame) => this.accepts(frame),
      startXmit: (frame) => this.startXmit(frame),
      flush: () => this.flush(),
      hasRoom: () => this.hasRoom(),
      poll: (budget) => this.poll(budget),
      startInterrupts: () => this.startInterrupts(),
      stopInterrupts: () => this.stopInterrupts(),
    }
  }

  /** From here on the plugin is not reached, whoever still holds these functions. */
  disarm(): void {
    this.queue = null
  }

  private accepts(frame: Frame): true | undefined {
    const queue = this.queue
    if (queue === null) return undefined
    this.lease.entering(HOOK_NUMBER.accepts)
    try {
      const answer = queue.accepts(frame)
      if (answer === true) return true
      if (answer !== false) this.fault('accepts', 'TX-06', answer, false)
    } catch (error) {
      this.fault('accepts', 'ER-03', error, true)
    }
    return undefined
  }

  private startXmit(frame: Frame): Offer {
    const queue = this.queue
    if (queue === null) return undefined
    this.lease.entering(HOOK_NUMBER.startXmit)
    try {
      const verdict = queue.startXmit(frame)
      if (verdict === 'accepted' || verdict === 'busy') return verdict
      if (verdict === 'declined') return undefined
      this.fault('startXmit', 'TX-01', verdict, false)
    } catch (error) {
      this.fault('startXmit', 'TX-01', error, true)
    }
    return 'fault'
  }

  private flush(): void {
    const queue = this.queue
    if (queue === null) return
    this.lease.entering(HOOK_NUMBER.flush)
    try {
      queue.flush()
    } catch (error) {
      this.fault('flush', 'ER-03', error, true)
    }
  }

  /** Undefined, like true, is no objection to waking the queue. */
  private hasRoom(): false | undefined {
    const queue = this.queue
    if (queue === null) return undefined
    this.lease.entering(HOOK_NUMBER.hasRoom)
    try {
      const answer = queue.hasRoom()
      if (answer === false) return false
      if (answer !== true) this.fault('hasRoom', 'IR-04', answer, false)
    } catch (error) {
      this.fault('hasRoom', 'ER-03', error, true)
    }
    return undefined
  }

  private poll(budget: number): 'more' | undefined {
    const queue = this.queue
    if (queue === null) return undefined
    this.lease.entering(HOOK_NUMBER.poll)
    try {
      const answer = queue.poll(budget)
      if (answer === 'more') return 'more'
      if (answer !== 'idle') this.fault('poll', 'RX-02', answer, false)
    } catch (error) {
      this.fault('poll', 'ER-03', error, true)
    }
    return undefined
  }

  private startInterrupts(): 'waiting' | undefined {
    const queue = this.queue
    if (queue === null) return undefined
    this.lease.entering(HOOK_NUMBER.startInterrupts)
    try {
      const answer = queue.startInterrupts()
      if (answer === 'waiting') return 'waiting'
      if (answer !== 'armed') this.fault('startInterrupts', 'IR-01', answer, false)
    } catch (error) {
      this.fault('startInterrupts', 'ER-03', error, true)
    }
    return undefined
  }

  private stopInterrupts(): void {
    const queue = this.queue
    if (queue === null) return
    this.lease.entering(HOOK_NUMBER.stopInterrupts)
    try {
      queue.stopInterrupts()
    } catch (error) {
      this.fault('stopInterrupts', 'ER-03', error, true)
    }
  }

  /** The first fault ends the plugin's part on this queue: the attachment detaches by force. */
  private fault(hook: HookName, rule: RuleId, cause: unknown, thrown: boolean): void {
    if (this.queue === null) return
    this.queue = null
    this.onFault({ hook, rule, cause, thrown })
  }
}
