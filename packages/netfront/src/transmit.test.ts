// The fork with a fast path that keeps no order: what it declines goes by the ring in runs.
import { FramePool } from '@netaccel/packet'
import type { Frame } from '@netaccel/packet'
import { CleanupStack, Hypervisor, settle, VirtualClock } from '@netaccel/xen'
import { describe, expect, it } from 'vitest'
import { connectQueue } from './connect.js'
import type { FastPath, Offer } from './fast-path.js'
import { TxRxQueue } from './queue.js'
import { RxPages } from './rx-pages.js'
import { transmit } from './transmit.js'
import { JUMBO_BUFFER, TxPool } from './tx-pool.js'

/** A fast path of a half without `tx`, which answers as it is told to. */
class Half implements FastPath {
  readonly log: string[]
  answer: (frame: Frame) => Offer = () => 'declined'
  readonly ordersTx = false
  readonly ordersRx = false
  readonly unordered = false
  readonly receives = false
  readonly hasParked = false
  readonly more = false
  readonly rxDepth = 0
  passed = 0
  open = true

  constructor(log: string[]) {
    this.log = log
  }

  beginBurst(): boolean {
    this.log.push('begin')
    return this.open
  }

  offer(frame: Frame): Offer {
    const offer = this.answer(frame)
    this.log.push(`${offer} ${frame.id}`)
    return offer
  }

  /** For a half whose frames keep an order. */
  offerRun(): number {
    return 0
  }

  /** Frames with a blank checksum. */
  unoffered(frames: readonly Frame[], from: number, to: number): number {
    let at = from
    while (at < to && frames[at].checksum === 'blank') at++
    return at - from
  }

  passedBy(count: number): void {
    this.passed += count
  }

  endBurst(): void {
    this.log.push('end')
  }

  hasRoom(): boolean {
    return true
  }

  poll(): number {
    return 0
  }

  arm(): boolean {
    return true
  }

  disarm(): void {}
  slowSending(): void {}
  slowSent(): void {}
  slowAnswered(): void {}
  slowReached(): void {}
  slowDelivered(): void {}
}

async function setup(): Promise<{ queue: TxRxQueue; half: Half; pool: TxPool; log: string[] }> {
  const clock = new VirtualClock()
  const hypervisor = new Hypervisor({ timeline: clock, machine: { bytes: 12 << 20 } })
  await settle(clock, hypervisor.createDomain({ name: 'backend', pages: 64 }))
  const guest = await settle(clock, hypervisor.createDomain({ name: 'guest', pages: 900 }))
  guest.grants.reserve(600)
  const log: string[] = []
  const half = new Half(log)
  const pool = new TxPool(guest, { smallFrames: 256, jumboFrames: 4 })
  const gather = new FramePool(guest.extent.allocPages(17), { frames: 1, bytesEach: JUMBO_BUFFER })
  const host = { name: 'vif1.0', running: true, stack: null, txPool: pool, broken: () => {} }
  const queue = new TxRxQueue(host, 0, guest.engine, new RxPages(guest.extent.allocPages(300)), gather)
  const terms = { backend: 0, pool, sg: true, splitEvents: false, bounce: false }
  queue.connect(connectQueue(guest, queue, terms, new CleanupStack()).link)
  queue.stopped = false
  queue.fastPath = half
  queue.observer = { sent: ({ id }, path) => log.push(`${path} ${id}`), received: () => {} }
  return { queue, half, pool, log }
}

function burst(pool: TxPool, lengths: readonly number[], blank: readonly number[] = []): Frame[] {
  return lengths.map((length, id) => {
    const frame = pool.take(length)
    if (frame === undefined) throw new Error('the pool is too small for this test')
    frame.length = length
    frame.id = id
    if (blank.includes(id)) frame.checksum = 'blank'
    return frame
  })
}

describe('the fork, for a half that has not declared tx', () => {
  it('offers a run before it sends it, and sends it in order', async () => {
    const { queue, pool, log } = await setup()
    expect(transmit(queue, burst(pool, [60, 60, 60]), 3)).toBe(3)
    const offers = ['declined 0', 'declined 1', 'declined 2']
    expect(log).toEqual(['begin', ...offers, 'slow 0', 'slow 1', 'slow 2', 'end'])
  })

  it('does not ask about those at its head that it may not be offered; frames of many slots go in their place', async () => {
    const { queue, half, pool, log } = await setup()
    expect(transmit(queue, burst(pool, [60, 60, 60, 9000, 60, 60], [0, 1]), 6)).toBe(6)
    const all = [0, 1, 2, 3, 4, 5]
    expect(log.filter((line) => line.startsWith('slow'))).toEqual(all.map((id) => `slow ${id}`))
    const asked = all.slice(2).map((id) => `declined ${id}`)
    expect(log.filter((line) => line.startsWith('declined'))).toEqual(asked)
    expect(half.passed).toBe(2)
  })

  it('a frame that it takes all the same goes by one path only, behind those before it', async () => {
    const { queue, half, pool, log } = await setup()
    half.answer = ({ id }) => (id === 2 ? 'taken' : 'declined')
    expect(transmit(queue, burst(pool, [60, 60, 60, 60]), 4)).toBe(4)
    const before = ['declined 0', 'declined 1', 'taken 2', 'slow 0', 'slow 1']
    expect(log).toEqual(['begin', ...before, 'declined 3', 'slow 3', 'end'])
    expect(queue.slowOutstanding).toBe(3)
  })

  it('a frame that it parks is the last of the burst', async () => {
    const { queue, half, pool, log } = await setup()
    half.answer = ({ id }) => (id === 1 ? 'stop' : 'declined')
    expect(transmit(queue, burst(pool, [60, 60, 60]), 3)).toBe(2)
    expect(log).toEqual(['begin', 'declined 0', 'stop 1', 'slow 0', 'end'])
    expect(queue.stopped).toBe(true)
  })

  it('offers no frame that the ring has no room for, and sends none twice', async () => {
    const { queue, half, pool, log } = await setup()
    const frames = burst(
      pool,
      Array.from({ length: 250 }, () => 60),
      Array.from({ length: 20 }, (_, i) => 230 + i),
    )
    const taken = transmit(queue, frames, 250)
    expect([taken, queue.slowOutstanding, queue.stopped]).toEqual([237, 237, true])
    expect(log.filter((line) => line.startsWith('declined')).length + half.passed).toBe(237)
    half.open = false
    expect(transmit(queue, frames, 250)).toBe(0)
  })
})
