// The race for the place of the parked frame that drivers/xen/netfront had between two versions of its accelerator code: the
// place was emptied while its frame was offered again, so that a wake in between let a second frame be parked over the first.
// The defect is planted again, and the same check must catch it.
import type { Frame } from '@netaccel/packet'
import { describe, expect, it } from 'vitest'
import { setup, TestQueue } from '../testing/queue-rig.js'
import { Parking } from './parking.js'
import type { ParkingCause, ParkingOwner } from './parking.js'

type ParkingClass = new (queue: TestQueue, owner: ParkingOwner) => Parking

class EmptiesThePlaceFirst extends Parking {
  readonly #owner: ParkingOwner
  #frame: Frame | null = null

  constructor(queue: TestQueue, owner: ParkingOwner) {
    super(queue, owner)
    this.#owner = owner
  }

  override get empty(): boolean {
    return this.#frame === null
  }

  override park(frame: Frame, _cause: ParkingCause): void {
    this.#frame = frame
  }

  override settle(): void {
    const frame = this.#frame
    if (frame === null) return
    this.#frame = null
    if (this.#owner.offerAgain(frame) !== 'taken') this.#frame = frame
  }
}

/** A stack with frames to send, hardware without room at first, and a wake in the middle of an offer. */
class Bench implements ParkingOwner {
  readonly gone: Frame[] = []
  readonly place: Parking
  readonly #queue = new TestQueue()
  readonly #waiting: Frame[]
  room = false

  constructor(make: ParkingClass, frames: Frame[]) {
    this.#waiting = frames
    this.place = new make(this.#queue, this)
  }

  offerAgain(frame: Frame): 'taken' | 'busy' {
    // What the hardware says of room wakes the queue while this frame is still on offer.
    this.send()
    if (!this.room) return 'busy'
    this.gone.push(frame)
    return 'taken'
  }

  /** The stack sends what it has, until a frame is parked: netfront's `check_ready` and the fork. */
  send(): void {
    while (this.place.empty) {
      const frame = this.#waiting.shift()
      if (frame === undefined) return
      if (this.room) this.gone.push(frame)
      else this.place.park(frame, 'busy')
    }
  }

  slowLeft = (): boolean => true
  fastLeft = (): boolean => true
  diverted(): void {}
  watch(): void {}
}

function check(make: ParkingClass): void {
  const { frames } = setup()
  const [one, two, three] = [frames.take(), frames.take(), frames.take()] as [Frame, Frame, Frame]
  const bench = new Bench(make, [one, two, three])
  bench.send()
  bench.place.completed()
  bench.place.settle()
  bench.room = true
  bench.place.completed()
  bench.place.settle()
  bench.send()
  expect(bench.gone.map((frame) => [one, two, three].indexOf(frame))).toEqual([0, 1, 2])
}

describe('defect: the place of the parked frame is empty while its frame is offered again', () => {
  it('is not in netfront: the next frame waits, and all go once and in order', () => check(Parking))

  it('is caught when it is planted', () => {
    expect(() => check(EmptiesThePlaceFirst)).toThrow(/to deeply equal \[ \+?0, 1, 2 \]/)
  })
})
