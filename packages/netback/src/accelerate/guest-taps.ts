import type { GuestObserver } from '@netaccel/core'
import type { Frame } from '@netaccel/packet'
import type { BackQueueSide, GuestTap } from '../guest-tap.js'

/** The observers of one guest. A queue that nobody observes has no tap at all; else it calls one function a frame. */
export class GuestTaps {
  readonly #queues: readonly BackQueueSide[]
  #observers: readonly GuestObserver[] = []

  constructor(queues: readonly BackQueueSide[]) {
    this.#queues = queues
  }

  /** The returned function takes the observer away. */
  add(observer: GuestObserver): () => void {
    this.set([...this.#observers, observer])
    return () => this.set(this.#observers.filter((other) => other !== observer))
  }

  private set(observers: readonly GuestObserver[]): void {
    this.#observers = observers
    const tap = observers.length === 0 ? null : tapOf(observers)
    for (const queue of this.#queues) queue.tap = tap
  }
}

function tapOf(observers: readonly GuestObserver[]): GuestTap {
  return {
    fromGuest: (frame: Frame) => {
      for (let i = 0; i < observers.length; i++) observers[i]?.fromGuest?.(frame)
    },
    toGuest: (frame: Frame) => {
      for (let i = 0; i < observers.length; i++) observers[i]?.toGuest?.(frame)
    },
  }
}
