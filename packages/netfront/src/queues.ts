import { FramePool } from '@netaccel/packet'
import { CleanupStack, XenError } from '@netaccel/xen'
import type { Arena, Domain } from '@netaccel/xen'
import { connectQueue } from './connect.js'
import type { Connection, QueueTerms } from './connect.js'
import { NetfrontError } from './errors.js'
import { TxRxQueue } from './queue.js'
import type { QueueHost } from './queue.js'
import { DEFAULT_MOST_QUEUES, MOST_QUEUES } from './queue-limits.js'
import { RxPages } from './rx-pages.js'
import { JUMBO_BUFFER } from './tx-pool.js'

export interface QueuesOptions {
  /** Pages to receive into, of each queue; the ring takes 256 of them, the rest covers what the stack holds. Default 384. */
  readonly rxPages?: number
  /** 17-page frames for packets whose pages are scattered, of each queue. Default 2. */
  readonly gatherFrames?: number
  /** Most queues to ask for, 1 to 64: xen-netfront's parameter max_queues. Default: the guest's virtual CPUs, at most 8. */
  readonly maxQueues?: number
}

/**
 * The queues of one vif. The first is made with it; others when a backend offers them, and kept from then on, since their
 * pages can be with the stack and their numbers only grow. A connection uses the first {@link active} of them.
 */
export class VifQueues {
  readonly all: TxRxQueue[]
  /** Queues of the connection in place; at least 1. */
  active: number
  readonly most: number
  private readonly host: QueueHost
  private readonly domain: Domain
  private readonly options: QueuesOptions

  /** Throws what the extent throws when the guest has not the pages of the first; BAD_ARGUMENT for an impossible maximum. */
  constructor(host: QueueHost, domain: Domain, options: QueuesOptions) {
    const { maxQueues = Math.min(DEFAULT_MOST_QUEUES, domain.cpus.length) } = options
    if (!Number.isInteger(maxQueues) || maxQueues < 1 || maxQueues > MOST_QUEUES)
      throw new NetfrontError(
        'BAD_ARGUMENT',
        `${host.name} cannot have ${maxQueues} queues: give 1 to ${MOST_QUEUES}`,
      )
    this.host = host
    this.domain = domain
    this.options = options
    this.most = maxQueues
    this.active = 1
    this.all = [this.make(0)]
  }

  /**
   * Make the rings of up to `wanted` queues. When pages, grants or ports run short it goes on with those that it has
   * ("only created %d queues" of xen-netfront); without a single one it throws what was missing. All is pushed on `cleanup`.
   */
  async connect(terms: QueueTerms, wanted: number, cleanup: CleanupStack): Promise<readonly Connection[]> {
    const made: Connection[] = []
    while (made.length < wanted) {
      const own = new CleanupStack()
      try {
        const queue = (this.all[made.length] ??= this.make(made.length))
        made.push(connectQueue(this.domain, queue, terms, own))
      } catch (error) {
        await own.run()
        if (made.length === 0 || !isShortage(error)) throw error
        break
      }
      cleanup.push(`queue ${made.length - 1}`, () => own.run())
    }
    this.active = made.length
    return made
  }

  /** Ends the queues for good, each when the stack has given back its frames. */
  close(): void {
    for (const queue of this.all) queue.close(this.domain)
  }

  /** A queue of number i runs on virtual CPU i, modulo their count. */
  private make(index: number): TxRxQueue {
    const { domain } = this
    const { rxPages = 384, gatherFrames = 2 } = this.options
    const rx = domain.extent.allocPages(rxPages)
    let gather: Arena
    try {
      gather = domain.extent.allocPages((gatherFrames * JUMBO_BUFFER) / 4096)
    } catch (error) {
      domain.extent.freePages(rx)
      throw error
    }
    const frames = new FramePool(gather, { frames: gatherFrames, bytesEach: JUMBO_BUFFER })
    const queue = new TxRxQueue(this.host, index, domain.cpuOf(index), new RxPages(rx), frames)
    // Who observes the device observes all of it.
    queue.observer = this.all?.[0]?.observer ?? null
    return queue
  }
}

function isShortage(error: unknown): boolean {
  return error instanceof XenError && ['NO_GRANTS', 'NO_MEMORY', 'NO_PORTS'].includes(error.code)
}
