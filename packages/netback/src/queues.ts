import type { Frame } from '@netaccel/packet'
import type { CleanupStack, Domain } from '@netaccel/xen'
import { BackQueue } from './back-queue.js'
import type { BackQueueOptions, QueueOwner } from './back-queue.js'
import { connectQueue } from './connect.js'
import type { FrontendKeys } from './connect.js'
import { NetbackError } from './errors.js'
import { VifHash } from './hash/vif-hash.js'
import { DEFAULT_MOST_QUEUES, MOST_QUEUES } from './queue-limits.js'
import { Steering } from './steering.js'
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
  /** What the guest says by its control ring of what it is sent. */
  readonly hash: VifHash
  readonly steering: Steering
  /** What the guest is offered. */
  readonly most: number
  private rate: Rate | null
  private headroom: number
  private readonly owner: QueueOwner
  private readonly domain: Domain
  private readonly options: QueuesOptions

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
    this.rate = null
    this.headroom = 0
    this.all = [new BackQueue(owner, 0, domain, options)]
    this.hash = new VifHash()
    this.steering = new Steering(this.all, this.hash, domain.engine)
  }

  /** Queues of the connection in place; at least 1. */
  get active(): number {
    return this.steering.active
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
    this.steering.active = keys.queues.length
    cleanup.push('steering', () => this.steering.disconnect())
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

  /** The guest has changed its hash: what is sent to it carries it, or not, and goes by other queues. */
  hashChanged(): void {
    const hasher = this.hash.wanted ? this.hash : null
    for (const queue of this.all) queue.setHasher(hasher)
    this.steering.hashChanged()
  }

  /** A frame for the guest, as `BackQueue.send`. */
  send(frame: Frame): void {
    const { all, steering } = this
    if (steering.active === 1) all[0].send(frame)
    else steering.send(frame)
  }

  /** As `BackQueue.sendBurst`. */
  sendBurst(frames: readonly Frame[], from: number, to: number): void {
    const { all, steering } = this
    if (steering.active === 1) all[0].sendBurst(frames, from, to)
    else steering.sendBurst(frames, from, to)
  }

  disconnect(): void {
    for (const queue of this.all) queue.disconnect()
  }

  /** Ends the queues for good. */
  close(): void {
    for (const queue of this.all) queue.close()
  }
}
