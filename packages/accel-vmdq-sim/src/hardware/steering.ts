import type { QueuePair } from './queue-pair.js'

/** Where the frames for one address go. */
export interface Steer {
  readonly pair: QueuePair
  /** Upper 16 and lower 32 bits of the address, signed. */
  readonly high: number
  readonly low: number
  count: number
}

/** Destination addresses and the pairs that they belong to: few enough to be looked through, in two words each. */
export class Steering {
  private readonly steers: Steer[] = []

  find(high: number, low: number): Steer | null {
    const { steers } = this
    for (let i = 0; i < steers.length; i++)
      if (steers[i].low === low && steers[i].high === high) return steers[i]
    return null
  }

  add(steer: Steer): void {
    this.steers.push(steer)
  }

  remove(steer: Steer): void {
    const at = this.steers.indexOf(steer)
    if (at >= 0) this.steers.splice(at, 1)
  }

  forget(pair: QueuePair): void {
    for (const steer of this.steers.filter((each) => each.pair === pair)) this.remove(steer)
  }
}
