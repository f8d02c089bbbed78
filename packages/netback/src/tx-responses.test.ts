import { describe, expect, it } from 'vitest'
import type { Engine } from '@netaccel/xen'
import type { Frame } from '@netaccel/packet'
import type { GuestFrames } from './guest-frames.js'
import { TxResponses } from './tx-responses.js'

/** An engine whose clock a test sets, with its last timer. */
class SetClock {
  at = 0
  due = Infinity
  work: () => void = () => undefined

  now(): number {
    return this.at
  }

  stamp(into: Float64Array, index: number): void {
    into[index] = this.at
  }

  after(ns: number, work: () => void) {
    this.due = this.at + ns
    this.work = work
    return { cancel: () => undefined }
  }
}

describe('the deadline of an answer', () => {
  it('moves on, also when what is left of it is too small to be added to the time', () => {
    const clock = new SetClock()
    const frames = { size: 1, free: 0, watch: null, all: [] }
    const responses = new TxResponses(clock as unknown as Engine, frames as unknown as GuestFrames)
    // Found in a run: with this stamp now - since is a little less than the deadline at the time when it is due.
    clock.at = 14_124_179.250_000_002
    responses.holdOne({ index: 0 } as Frame, 7)
    for (let turns = 0; clock.due !== Infinity && turns < 3; turns++) {
      clock.at = clock.due
      clock.due = Infinity
      clock.work()
    }
    expect(clock.due).toBe(Infinity)
  })
})
