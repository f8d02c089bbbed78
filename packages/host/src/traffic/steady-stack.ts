import type { Frame } from '@netaccel/packet'
import type { GuestVif } from '../build/guest-vif.js'
import type { Flow } from './flows.js'

/** First source port of the flows of `makeFlows`, and where it stands in a frame of plain IPv4. */
const FIRST_PORT = 10_000
const SOURCE_PORT = 34

/**
 * A guest's stack that sends one frame of each of its flows every so often, like a clock, and notes for each flow that it
 * receives the longest time between two arrivals.
 */
export class SteadyStack {
  readonly #vif: GuestVif
  readonly #gapNs: number
  readonly #held: Frame[] = []
  readonly #last = new Map<number, number>()
  readonly #longest = new Map<number, number>()
  #flows: readonly Flow[] = []

  constructor(vif: GuestVif, gapNs: number) {
    this.#vif = vif
    this.#gapNs = gapNs
    vif.stack = { receive: (frame) => this.#receive(frame), wake: () => this.#send() }
  }

  start(flows: readonly Flow[]): void {
    this.#flows = flows
    this.#vif.engine.defer(() => this.#tick())
  }

  /** No new frames from here. */
  stop(): void {
    this.#flows = []
  }

  /** The longest time without a frame that each received flow has seen since the last call, ns. */
  takeLongest(): number[] {
    const longest = [...this.#longest.values()]
    this.#longest.clear()
    return longest
  }

  #tick(): void {
    const { engine } = this.#vif
    if (this.#flows.length === 0) return
    if (this.#held.length === 0) {
      for (const flow of this.#flows) {
        const frame = this.#vif.take(flow.need)
        if (frame === undefined) continue
        flow.write(frame)
        this.#held.push(frame)
      }
      this.#send()
    }
    engine.after(this.#gapNs, () => this.#tick())
  }

  #send(): void {
    const count = this.#held.length
    if (count > 0) this.#held.splice(0, this.#vif.transmit(this.#held, count))
  }

  #receive(frame: Frame): void {
    const flow = frame.view.getUint16(frame.offset + SOURCE_PORT) - FIRST_PORT
    const now = this.#vif.engine.now()
    const gap = now - (this.#last.get(flow) ?? now)
    this.#last.set(flow, now)
    if (gap > (this.#longest.get(flow) ?? -1)) this.#longest.set(flow, gap)
    frame.release()
  }
}
