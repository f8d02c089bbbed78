import type { AcceleratedVif, FrontendPaths, HookName, PathParts, View } from '@netaccel/core'
import type { QueueKeep } from './queue-path.js'
import { QueuePath } from './queue-path.js'

/** The data path of one attachment over all its queues. */
export class VifPaths implements FrontendPaths {
  readonly queues: readonly QueuePath[]
  readonly fenced: boolean

  /** Without the capability `queues` only the first is opened; what the others carry stays on the ring. */
  constructor(queues: readonly QueueKeep[], parts: PathParts) {
    const opened = parts.capabilities.has('queues') ? queues : queues.slice(0, 1)
    this.queues = opened.map((keep) => new QueuePath(keep, parts))
    this.fenced = parts.capabilities.has('rx') && queues.every(({ txFence }) => txFence !== null)
  }

  open(vif: AcceleratedVif): void {
    for (const queue of this.queues) queue.open(vif)
  }

  fence(page: View): void {
    this.queues[0]?.openRxFence(page)
  }

  install(): void {
    for (const queue of this.queues) queue.install()
  }

  openGate(): void {
    for (const queue of this.queues) queue.openGate()
  }

  shutGate(): void {
    for (const queue of this.queues) queue.shutGate()
  }

  whenDrained(work: () => void): void {
    let waiting = this.queues.length
    for (const queue of this.queues) {
      queue.whenDrained(() => {
        if (--waiting === 0) work()
      })
    }
  }

  force(): number {
    let dropped = 0
    for (const queue of this.queues) dropped += queue.force()
    return dropped
  }

  clear(): void {
    for (const queue of this.queues) queue.clear()
  }

  quiet(): void {
    for (const queue of this.queues) queue.quiet()
  }

  get aside(): number {
    let aside = 0
    for (const queue of this.queues) aside += queue.aside
    return aside
  }

  get lent(): number {
    let lent = 0
    for (const queue of this.queues) lent += queue.lent.size
    return lent
  }

  /** Of the queue that published last: that is where a plugin that does not return still is. */
  get lastHook(): HookName | undefined {
    let last: HookName | undefined
    for (const { lease } of this.queues) last = lease.mirror.lastHook ?? last
    return last
  }
}
