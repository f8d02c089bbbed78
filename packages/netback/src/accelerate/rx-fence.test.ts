import { FENCE_SLOTS, FencePage } from '@netaccel/core'
import type { Filter, FilterStatus, FlowKey, Vi } from '@netaccel/core'
import { Random } from '@netaccel/packet'
import { settle, VirtualClock } from '@netaccel/xen'
import { describe, expect, it } from 'vitest'
import type { BackQueueSide } from '../guest-tap.js'
import { RxFence } from './rx-fence.js'

const MS = 1_000_000
const key: FlowKey = { protocol: 6, destination: '10.0.0.1', destinationPort: 80 }
const filter = { key } as Filter
const vi = {} as Vi

function make() {
  const clock = new VirtualClock()
  const engine = clock.engine('driver')
  const log: string[] = []
  const marks: ((index: number) => void)[] = []
  const hand: { over: () => void } = { over: () => {} }
  const queue = {
    queued: 0,
    mark: (reached: (index: number) => void) => {
      log.push('mark')
      marks.push(reached)
    },
    notifyGuest: () => void log.push('notify'),
  }
  const fence = new RxFence({
    engine,
    queue: queue as Partial<BackQueueSide> as BackQueueSide,
    holdMs: 20,
    departureNs: 10 * MS,
    gather: null,
    drainMs: 100,
    handedOver: () =>
      new Promise((resolve) => {
        log.push('hand over')
        hand.over = resolve
      }),
  })
  const bytes = new Uint8Array(new SharedArrayBuffer(4096))
  const view = { bytes, view: new DataView(bytes.buffer), offset: 0, length: 4096 }
  fence.open(view)
  const insert = (answer: Filter | FilterStatus = filter) =>
    fence.insert(key, vi, () => {
      log.push('insert')
      return answer
    })
  /** The guest answers. */
  const front = (act: (page: FencePage) => void): void => {
    act(page)
    page.ringFront()
    fence.look()
  }
  const page = new FencePage(view)
  /** Runs the clock until nothing waits in a microtask. */
  const go = (ns = 1) => clock.run({ for: ns })
  return {
    clock,
    queue,
    fence,
    page,
    log,
    marks,
    hand,
    insert,
    front,
    go,
    words: new Int32Array(bytes.buffer),
  }
}

describe('the order fence of the way in, in the driver domain', () => {
  it('inserts when the guest holds, and tells the index when the mark is reached', async () => {
    const world = make()
    const waiting = world.insert()
    await world.go()
    expect(world.log).toEqual(['notify'])
    const ticket = world.page.asked(0)
    expect(world.page.matcher(0)?.key).toEqual(key)
    world.front((page) => page.hold(0, ticket))
    expect(await settle(world.clock, waiting)).toBe(filter)
    expect(world.log).toEqual(['notify', 'insert', 'hand over'])
    world.hand.over()
    await world.go()
    expect(world.log.at(-1)).toBe('mark')
    expect(world.page.reached(0, ticket)).toBe(false)
    world.marks[0](0xfffffff0)
    expect(world.page.reached(0, ticket)).toBe(true)
    expect(world.page.index(0) >>> 0).toBe(0xfffffff0)
    expect(world.log.at(-1)).toBe('notify')
  })

  it('inserts after 20 ms though the guest does not answer', async () => {
    const world = make()
    const waiting = world.insert()
    await world.go(19.9 * MS)
    expect(world.log).toEqual(['notify'])
    await world.go(0.2 * MS)
    expect(world.log).toEqual(['notify', 'insert', 'hand over'])
    expect(await settle(world.clock, waiting)).toBe(filter)
  })

  it('lets the guest go also when the insertion is refused', async () => {
    const world = make()
    const waiting = world.insert('full')
    world.front((page) => page.hold(0, page.asked(0)))
    await world.go()
    expect(await settle(world.clock, waiting)).toBe('full')
    world.hand.over()
    await world.go()
    expect(world.marks).toHaveLength(1)
  })

  it('changes over as many flows at once as there are slots; the others wait for one', async () => {
    const world = make()
    for (let i = 0; i <= FENCE_SLOTS; i++) void world.insert()
    await world.go()
    expect(world.log.filter((line) => line === 'notify')).toHaveLength(FENCE_SLOTS)
    const first = world.page.asked(4)
    world.front((page) => {
      page.hold(4, first)
      page.release(4, first)
    })
    await world.go()
    expect(world.page.asked(4)).toBe(FENCE_SLOTS + 1)
    expect(world.log.filter((line) => line === 'insert')).toHaveLength(1)
  })

  it('changes over one flow after the other while the queue to the guest is long', async () => {
    const world = make()
    world.queue.queued = 65
    void world.insert()
    void world.insert()
    await world.go()
    expect(world.page.asked(1)).toBe(0)
    world.front((page) => page.hold(0, 1))
    await world.go()
    world.hand.over()
    await world.go()
    world.marks[0](5)
    await world.go()
    expect(world.page.asked(1)).toBe(2)
  })

  it('uses a slot again after 200 ms though the guest never said that it was done', async () => {
    const world = make()
    for (let i = 0; i <= FENCE_SLOTS; i++) void world.insert()
    await world.go(201 * MS)
    expect(world.page.asked(0)).toBe(FENCE_SLOTS + 1)
    // A mark of the flow before is nobody's any more.
    world.hand.over()
    await world.go(30 * MS)
    for (const reached of world.marks) reached(7)
    expect(world.page.reached(0, 1)).toBe(false)
  })

  it('inserts at once when there is no page, and when the page goes', async () => {
    const world = make()
    const waiting = world.insert()
    await world.go()
    world.fence.close()
    expect(await settle(world.clock, waiting)).toBe(filter)
    expect(await settle(world.clock, world.insert())).toBe(filter)
    expect(world.log.filter((line) => line === 'notify')).toHaveLength(1)
    world.hand.over()
    await world.go()
    for (const reached of world.marks) reached(7)
    expect(world.page.reached(0, 1)).toBe(false)
  })

  it('answers every insertion and keeps no slot, whatever the guest scribbles', async () => {
    const world = make()
    const random = new Random(5)
    let answered = 0
    for (let round = 0; round < 300; round++) {
      void world.insert().then(() => answered++)
      for (let i = 0; i < 200; i++)
        world.words[random.below(1024)] = random.below(4) === 0 ? random.below(400) : -1
      world.fence.look()
      world.hand.over()
      await world.go(random.below(3 * MS))
    }
    await world.go(4000 * MS)
    expect(answered).toBe(300)
  })
})
