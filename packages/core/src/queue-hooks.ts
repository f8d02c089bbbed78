// The hooks of one queue: what the fork and the poll of netfront call.
import { AcceleratorError } from './errors.js'
import { HookPoint } from './hook-point.js'
import type { Installation } from './hook-point.js'
import { QueueTrampolines } from './queue-trampolines.js'
import type { AcceleratedQueue, Frame } from './contract/index.js'
import type { Lease } from './lease.js'
import type { Fault, QueueCalls } from './queue-trampolines.js'

/** An accelerator's hooks on one queue, from install to removal. Immutable; its functions may be kept in locals. */
export interface QueueGeneration extends QueueCalls {
  /** Counts the installs and removals of this queue. */
  readonly number: number
  /** Name of the accelerator. */
  readonly name: string
  readonly lease: Lease
  readonly txDepth: number
  readonly rxDepth: number
}

export interface QueueInstall {
  readonly name: string
  /** What `openQueue` returned. */
  readonly queue: AcceleratedQueue
  readonly lease: Lease
  /**
   * A hook threw or gave a value that its contract does not know. Called inside the failing hook, at most once an install;
   * all trampolines are inert by then, so the frame on offer is the last the plugin was asked about.
   */
  readonly onFault: (fault: Fault) => void
}

/**
 * The hook point of one queue. One accelerator at a time: a second install while one stands is refused; deferring it
 * until the last lease of the first is gone is the registry's work.
 */
export class QueueHooks {
  private readonly point = new HookPoint<QueueCalls>({
    accepts: 'bail',
    startXmit: 'bail',
    flush: 'sync',
    hasRoom: 'bail',
    poll: 'bail',
    startInterrupts: 'bail',
    stopInterrupts: 'sync',
  })
  private standing: QueueGeneration | null = null
  private trampolines: QueueTrampolines | null = null
  private installation: Installation | null = null

  /** Read once per burst or poll, into a local. Null: no accelerator, all frames go by the ring. */
  get generation(): QueueGeneration | null {
    return this.standing
  }

  /** Builds the next generation and swaps it in. Throws `EEXIST` while another stands. */
  install(install: QueueInstall): QueueGeneration {
    if (this.standing !== null)
      throw new AcceleratorError('EEXIST', `${install.name} on a queue of ${this.standing.name}`)
    const trampolines = new QueueTrampolines(install.queue, install.lease, install.onFault)
    this.installation = this.point.install(install.name, trampolines.calls)
    const current = this.point.current
    if (current === null) throw new AcceleratorError('CLOSED', install.name)
    const { calls, number } = current
    install.lease.mirror.generation = number
    this.trampolines = trampolines
    this.standing = Object.freeze({
      number,
      name: install.name,
      lease: install.lease,
      txDepth: install.queue.txDepth,
      rxDepth: install.queue.rxDepth,
      accepts: (frame: Frame) => calls.accepts(frame) === true,
      startXmit: calls.startXmit,
      flush: calls.flush,
      hasRoom: () => calls.hasRoom() !== false,
      poll: (budget: number) => (calls.poll(budget) === 'more' ? 'more' : 'idle'),
      startInterrupts: () => (calls.startInterrupts() === 'waiting' ? 'waiting' : 'armed'),
      stopInterrupts: calls.stopInterrupts,
    } satisfies QueueGeneration)
    return this.standing
  }

  /** Swaps in the generation without it. Whoever still holds the old one reaches nothing. */
  remove(): void {
    this.trampolines?.disarm()
    this.installation?.remove()
    this.trampolines = null
    this.installation = null
    this.standing = null
  }
}
