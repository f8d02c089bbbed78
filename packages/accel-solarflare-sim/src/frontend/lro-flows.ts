/** Flows that are followed at once (sfc_netfront's `ssr` took as many). */
const FLOWS = 8
/** Ticks without a segment after which a flow is forgotten: a tick is 10 ms, so after 20 ms and before 30. */
const LIVES = 3
/** Ticks without a segment after which a flow's place may be given to another. */
const LEAST_IDLE = 1

/** Milliseconds between two calls of {@link LroFlows.tick}. */
export const LRO_TICK_MS = 10

/**
 * The TCP flows that segments are merged for: their ends, what is expected next, and how long they have been in order. Like
 * the MAC table it reads no clock on a frame's way: ticks are counted, and each flow keeps that of its last segment. A new
 * flow has the tick of its first one; the original gave it none, and dropped it as idle.
 *
 * A flow that carries traffic keeps its place. The original gave the place of the one used longest ago to any newcomer, so
 * that nine flows by turns were none.
 */
export class LroFlows {
  readonly count: number
  /** Next sequence number of each flow, signed. */
  readonly expected: Int32Array
  /** Segments in order since the last that was not. */
  readonly inOrder: Uint16Array
  /** Called when a flow is followed while none was: time to begin ticking. */
  onFirst: () => void
  private readonly sources: Int32Array
  private readonly destinations: Int32Array
  private readonly ports: Int32Array
  private readonly taken: Uint8Array
  private readonly seen: Uint32Array
  private ticks: number
  private followed: number

  constructor() {
    this.count = FLOWS
    this.expected = new Int32Array(FLOWS)
    this.inOrder = new Uint16Array(FLOWS)
    this.onFirst = ignore
    this.sources = new Int32Array(FLOWS)
    this.destinations = new Int32Array(FLOWS)
    this.ports = new Int32Array(FLOWS)
    this.taken = new Uint8Array(FLOWS)
    this.seen = new Uint32Array(FLOWS)
    this.ticks = 0
    this.followed = 0
  }

  /** Flows that are followed. */
  get size(): number {
    return this.followed
  }

  /** Place of a flow by its addresses and its two ports in one word, all signed; -1: not followed. */
  find(source: number, destination: number, ports: number): number {
    const { sources, destinations, taken } = this
    for (let i = 0; i < FLOWS; i++)
      if (
        this.ports[i] === ports &&
        sources[i] === source &&
        destinations[i] === destination &&
        taken[i] === 1
      )
        return i
    return -1
  }

  /** Follow a flow. Its place; -1: every place carries traffic. The flow that had the place is forgotten. */
  follow(source: number, destination: number, ports: number): number {
    const place = this.place()
    if (place < 0) return -1
    this.sources[place] = source
    this.destinations[place] = destination
    this.ports[place] = ports
    this.inOrder[place] = 0
    this.seen[place] = this.ticks
    if (this.taken[place] === 0) {
      this.taken[place] = 1
      this.followed++
    }
    if (this.followed === 1) this.onFirst()
    return place
  }

  /** A segment of this flow has come. */
  use(place: number): void {
    this.seen[place] = this.ticks
  }

  forget(place: number): void {
    this.taken[place] = 0
    this.followed--
  }

  /** {@link LRO_TICK_MS} have passed: how many flows were forgotten for it. */
  tick(): number {
    this.ticks = (this.ticks + 1) >>> 0
    let forgotten = 0
    for (let i = 0; i < FLOWS; i++) {
      if (this.taken[i] === 0 || this.idle(i) < LIVES) continue
      this.forget(i)
      forgotten++
    }
    return forgotten
  }

  private idle(place: number): number {
    return (this.ticks - this.seen[place]) >>> 0
  }

  /** A free place, or that of the flow that has been idle the longest; -1: none is idle. */
  private place(): number {
    let oldest = -1
    let longest = LEAST_IDLE - 1
    for (let i = 0; i < FLOWS; i++) {
      if (this.taken[i] === 0) return i
      const idle = this.idle(i)
      if (idle <= longest) continue
      longest = idle
      oldest = i
    }
    return oldest
  }
}

function ignore(): void {}
