import type { Random } from '@netaccel/core'

/** A filter in its place, as those who choose a victim see it. */
export interface FilterUse {
  /** Ticks since it last matched a frame or was inserted. */
  idleTicks(): number
}

/** Chooses which filter gives way to a new flow. */
export interface Replacement {
  /** Index of the victim; -1: the new flow must wait. `places` are all taken by filters that stand. */
  victim(places: readonly FilterUse[]): number
}

/** As the original: any filter, drawn by chance (there: from the cycle counter). A port scan evicts everything. */
export class RandomReplacement implements Replacement {
  private readonly random: Random

  constructor(random: Random) {
    this.random = random
  }

  victim(places: readonly FilterUse[]): number {
    return places.length === 0 ? -1 : this.random.below(places.length)
  }
}

/**
 * The filter that has been without a frame the longest, if it has been for `leastIdle` ticks: a flow that carries
 * traffic keeps its filter, however many others knock (FL-05).
 */
export class LeastRecentlyUsed implements Replacement {
  private readonly leastIdle: number

  constructor(leastIdle: number) {
    this.leastIdle = leastIdle
  }

  victim(places: readonly FilterUse[]): number {
    let victim = -1
    let longest = this.leastIdle - 1
    for (const [place, use] of places.entries()) {
      const idle = use.idleTicks()
      if (idle <= longest) continue
      longest = idle
      victim = place
    }
    return victim
  }
}
