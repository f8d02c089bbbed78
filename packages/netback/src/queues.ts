import type { Frame } from '@netaccel/packet'
import type { CleanupStack, Domain } from '@netaccel/xen'
import { BackQueue } from './back-queue.js'
import type { BackQueueOptions, QueueOwner } from './back-queue.js'
import { connectQueue } from './connect.js'
import type { FrontendKeys } from './connect.js'
import { NetbackError } from './errors.js'
import { DEFAULT_MOST_QUEUES, MOST_QUEUES } from './queue-limits.js'
import { QueueSpread } from './queue-spread.js'
import type { Rate } from './tx-credit.js'

export interface QueuesOptions extends BackQueueOptions {
  /**
   * Most queues that a guest may ask for, 1 to 64: xen-netback's parameter max_queues. Default: the driver domain's
   * virtual CPUs, at most 8.
   */
  readonly maxQueues?: number
}

/**
 * The queues of one vif's backend. The first is made with it, others when a guest asks for them, and kept from then on,
 * since their frames can be on the way and their numbers only grow. A connection uses the first {@link active} of them.
 */
export class VifQueues {
  readonly all: BackQueue[]
  /** Queues of the connection in place; at least 1. */
  active: number
  /** What the guest is offered. */
  readonly most: number
  private rate: Rate | null
  private headroom: number
  private readonly owner: QueueOwner
  private readonly domain: Domain
  private readonly options: QueuesOptions
  private readonly spread: QueueSpread

  /** Throws what the extent throws when the driver domain has not the pages of the first. */
  constructor(owner: QueueOwner, domain: Domain, options: QueuesOptions) {
    const { maxQueues = Math.min(DEFAULT_MOST_QUEUES, domain.cpus.length) } = options
    if (!Number.isInteger(maxQueues) || maxQueues < 1 || maxQueues > MOST_QUEUES)
      throw new NetbackError(
        'BAD_ARGUMENT',
        `${owner.name} cannot offer ${maxQueues} queues: give 1 to ${MOST_QUEUES}`,
      )
    this.owner = owner
    this.domain = domain
    this.options = options
    this.most = maxQueues
    this.active = 1
    this.rate = null
    this.headroom = 0
    this.all = [new BackQueue(owner, 0, domain, options)]
    this.spread = new QueueSpread(this.all)
  }

  /** Serve what the guest has written of its queues. Each is pushed on `cleanup`; throws BAD_FRONTEND, NO_MEMORY. */
  connect(keys: FrontendKeys, cleanup: CleanupStack): void {
    const { all, domain, owner } = this
    for (let index = all.length; index < keys.queues.length; index++)
      all.push(new BackQueue(owner, index, domain, this.options))
    for (const [index, queue] of keys.queues.entries()) {
      all[index].setRate(this.rate)
      all[index].setHeadroom(this.headroom)
      connectQueue(domain, all[index], owner.guest, queue, keys.features, cleanup)
    }
    this.active = keys.queues.length
  }

  /** As `BackQueue.setRate`: each queue has the whole rate, those of later connections too. */
  setRate(rate: Rate | null): void {
    this.rate = rate
    for (const queue of this.all.slice(0, this.active)) queue.setRate(rate)
  }

  /** As `BackQueue.setHeadroom`, of those of later connections too. */
  setHeadroom(bytes: number): void {
    this.headroom = bytes
    for (const queue of this.all.slice(0, this.active)) queue.setHeadroom(bytes)
  }

  /** A frame for the guest, as `BackQueue.send`. */
  send(frame: Frame): void {
    const { active, all } = this
    all[active === 1 ? 0 : this.spread.queueOf(active, frame)].send(frame)
  }

  /** As `BackQueue.sendBurst`. */
  sendBurst(frames: readonly Frame[], from: number, to: number): void {
    const { active, all } = this
    if (active === 1) all[0].sendBurst(frames, from, to)
    else this.spread.sendBurst(active, frames, from, to)
  }

  disconnect(): void {
    for (const queue of this.all) queue.disconnect()
  }

  /** Ends the queues for good. */
  close(): void {
    for (const queue of this.all) queue.close()
  }
}
