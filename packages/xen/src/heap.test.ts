import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Heap } from './heap.js'
import type { HeapItem } from './heap.js'

const item = (at: number, sequence: number): HeapItem => ({ at, sequence, heapIndex: -1 })

describe('Heap', () => {
  it('gives items by time and then by sequence, also after some were taken out', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ at: fc.nat(20), drop: fc.boolean() }), { maxLength: 200 }),
        (inputs) => {
          const heap = new Heap<HeapItem>()
          const items = inputs.map(({ at }, index) => item(at, index))
          for (const each of items) heap.push(each)
          const kept = items.filter((each, index) => {
            const drop = inputs[index].drop
            if (drop) heap.remove(each)
            return !drop
          })
          const order: HeapItem[] = []
          for (let next = heap.peek(); next !== undefined; next = heap.peek()) {
            order.push(next)
            heap.remove(next)
          }
          expect(order).toEqual(kept.toSorted((a, b) => a.at - b.at || a.sequence - b.sequence))
          expect(heap.size).toBe(0)
        },
      ),
      { seed: 11, numRuns: 300 },
    )
  })

  it('ignores the removal of an item that is not in', () => {
    const heap = new Heap<HeapItem>()
    const stranger = item(1, 1)
    heap.remove(stranger)
    heap.push(item(2, 2))
    heap.remove(stranger)
    expect(heap.size).toBe(1)
  })
})
