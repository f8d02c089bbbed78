import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Machine } from './machine.js'
import { BackRing, FrontRing, passesEvent, ringSize } from './ring.js'
import type { SharedView } from './memory.js'

const hexOf = (...parts: string[]): string => parts.join('')

const U32 = 2n ** 32n
const near = (n: bigint): number => Number(((n % U32) + U32) % U32)

function page(): SharedView {
  return new Machine({ bytes: 1 << 18 }).createExtent(0, 1).allocPages(1)
}

/** A front and a back on one page whose indices begin at `start`. */
function pair(start = 0, slotSize = 12): { front: FrontRing; back: BackRing; ring: SharedView } {
  const ring = page()
  FrontRing.init(ring, start)
  const back = BackRing.attach(ring, slotSize)
  if (back === 'impossible') throw new Error('a fresh ring was refused')
  return { front: new FrontRing(ring, slotSize, start), back, ring }
}

function send(front: FrontRing, count: number): boolean {
  front.reqProdPvt = (front.reqProdPvt + count) >>> 0
  return front.pushRequests()
}

function answer(back: BackRing, count: number): boolean {
  back.reqCons = (back.reqCons + count) >>> 0
  back.rspProdPvt = (back.rspProdPvt + count) >>> 0
  return back.pushResponses()
}

describe('the ring page', () => {
  it('starts as req_prod 0, req_event 1, rsp_prod 0, rsp_event 1 and zeros', () => {
    const ring = page()
    ring.bytes.fill(0xff)
    FrontRing.init(ring)
    const header = Buffer.from(ring.bytes.slice(0, 64)).toString('hex')
    expect(header).toBe(hexOf('00000000010000000000000001000000', '00'.repeat(48)))
  })

  it.each([
    [4096, 12, 256],
    [4096, 8, 256],
    [4096, 16, 128],
    [8192, 12, 512],
    [63, 12, 0],
  ])('of %i bytes holds slots of %i bytes: %i', (bytes, slot, size) => {
    expect(ringSize(bytes, slot)).toBe(size)
  })

  it('has its slots behind 64 bytes, and any index finds one', () => {
    const { front } = pair()
    expect([0, 1, 255, 256, 0xffffffff].map((index) => front.slotOffset(index))).toEqual([
      64,
      76,
      64 + 255 * 12,
      64,
      64 + 255 * 12,
    ])
  })

  it('too small for a slot is refused', () => {
    const ring = { ...page(), length: 70 }
    expect(() => new FrontRing(ring, 12)).toThrow(/no ring of 12-byte slots fits 70 bytes/)
  })
})

describe('notify arithmetic', () => {
  it('agrees with whole numbers near the wrap', () => {
    const around = fc.bigInt({ min: U32 - 600n, max: U32 + 600n })
    const forward = fc.bigInt({ min: 0n, max: 256n })
    const property = fc.property(
      around,
      forward,
      fc.bigInt({ min: -300n, max: 300n }),
      (old, step, ahead) => {
        // In whole numbers: the event lies in (old, next].
        const event = old + ahead
        const next = old + step
        expect(passesEvent(near(next), near(old), near(event))).toBe(event > old && event <= next)
      },
    )
    fc.assert(property, { seed: 20070621, numRuns: 3000 })
  })

  it('honours an event set far ahead or behind', () => {
    expect(passesEvent(10, 5, 0x80000000)).toBe(false)
    expect(passesEvent(10, 5, 5)).toBe(false)
    expect(passesEvent(10, 5, 6)).toBe(true)
    expect(passesEvent(10, 5, 11)).toBe(false)
    expect(passesEvent(5, 5, 5)).toBe(false)
  })

  it('counts as whole numbers do through a run over the wrap', () => {
    const steps = fc.array(fc.record({ send: fc.nat(40), take: fc.nat(40), collect: fc.nat(40) }), {
      minLength: 30,
      maxLength: 60,
    })
    const property = fc.property(steps, fc.nat(300), (moves, before) => {
      const start = U32 - BigInt(before)
      const { front, back } = pair(near(start))
      let sent = 0n
      let taken = 0n
      let collected = 0n
      for (const move of moves) {
        const count = Math.min(move.send, front.freeRequests())
        send(front, count)
        sent += BigInt(count)
        const take = Math.min(move.take, back.unconsumedRequests())
        answer(back, take)
        taken += BigInt(take)
        const collect = Math.min(move.collect, front.unconsumedResponses())
        front.rspCons = (front.rspCons + collect) >>> 0
        collected += BigInt(collect)
        expect(front.reqProdPvt).toBe(near(start + sent))
        expect(back.rspProdPvt).toBe(near(start + taken))
        expect(BigInt(front.freeRequests())).toBe(256n - (sent - collected))
        expect(BigInt(back.unconsumedRequests())).toBe(sent - taken)
        expect(BigInt(front.unconsumedResponses())).toBe(taken - collected)
      }
    })
    fc.assert(property, { seed: 1, numRuns: 60 })
  })
})

describe('waking', () => {
  it('is asked for at the first push, and then only after a final check', () => {
    const { front, back } = pair(0xfffffffe)
    expect(send(front, 1)).toBe(true)
    expect(send(front, 1)).toBe(false)
    answer(back, 2)
    expect(back.finalCheckRequests()).toBe(false)
    expect(send(front, 3)).toBe(true)
    expect(back.finalCheckRequests()).toBe(true)
    expect(send(front, 1)).toBe(false)
  })

  it('does not touch the event while there is work', () => {
    const { front, back, ring } = pair()
    send(front, 1)
    expect(back.finalCheckRequests()).toBe(true)
    expect(ring.words[1]).toBe(1)
    answer(back, 1)
    expect(front.finalCheckResponses()).toBe(true)
    expect(ring.words[3]).toBe(1)
  })

  it('halfway lets the backend answer half before it wakes the front', () => {
    const { front, back, ring } = pair()
    send(front, 9)
    expect(front.finalCheckHalfway()).toBe(false)
    expect(ring.words[3]).toBe(5)
    expect(answer(back, 4)).toBe(false)
    expect(answer(back, 1)).toBe(true)
    expect(front.finalCheckHalfway()).toBe(true)
  })

  it('for enough requests is asked for one past the producer', () => {
    const { front, back, ring } = pair()
    send(front, 3)
    expect(back.requestsAtLeast(3)).toBe(true)
    expect(back.requestsAtLeast(4)).toBe(false)
    expect(ring.words[1]).toBe(4)
    expect(send(front, 1)).toBe(true)
    expect(back.requestsAtLeast(4)).toBe(true)
  })
})

describe('a lying peer', () => {
  it.each([257, 0x7fffffff, 0x80000000, 0xffffffff])('with req_prod %i ahead is found out', (ahead) => {
    const { back, ring } = pair(100)
    Atomics.store(ring.words, 0, (100 + ahead) | 0)
    expect(back.unconsumedRequests()).toBe(-1)
    expect(back.finalCheckRequests()).toBe(true)
    expect(back.requestsAtLeast(1)).toBe(false)
    expect(BackRing.attach(ring, 12)).toBe('impossible')
  })

  it.each([257, 0x80000000, 0xffffffff])('with rsp_prod %i ahead is found out', (ahead) => {
    const { front, ring } = pair(100)
    Atomics.store(ring.words, 2, (100 + ahead) | 0)
    expect(front.unconsumedResponses()).toBe(-1)
    expect(front.finalCheckResponses()).toBe(true)
  })

  it('cannot have more taken than slots await an answer', () => {
    const { front, back, ring } = pair()
    send(front, 256)
    back.reqCons = 200
    Atomics.store(ring.words, 0, 256)
    expect(back.unconsumedRequests()).toBe(56)
    back.reqCons = 256
    expect(back.unconsumedRequests()).toBe(0)
  })

  it('that rewrites our producer changes nothing here', () => {
    const { front, ring } = pair()
    send(front, 1)
    Atomics.store(ring.words, 0, 77)
    send(front, 1)
    expect(Atomics.load(ring.words, 0)).toBe(2)
  })
})

describe('attaching to a live ring', () => {
  it('takes up where the responses end', () => {
    const { front, back, ring } = pair(0xfffffff0)
    send(front, 20)
    answer(back, 5)
    const second = BackRing.attach(ring, 12)
    if (second === 'impossible') throw new Error('refused')
    expect(second.reqCons).toBe(0xfffffff5)
    expect(second.rspProdPvt).toBe(0xfffffff5)
    expect(second.unconsumedRequests()).toBe(15)
  })
})
