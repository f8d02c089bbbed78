import type { Filter, FilterProvider, FilterStatus, FlowKey, Vi } from '@netaccel/core'
import { parseMac } from '@netaccel/core'
import type { QueuePair } from './queue-pair.js'

/** Where the frames for one address go. */
export interface Steer {
  readonly pair: QueuePair
  hits: number
}

export interface SteeringOptions {
  readonly capacity: number
  /** The pair that a VI is; null if it is none of this NIC's. */
  pairOf(vi: Vi): QueuePair | null
  /** A filter has gone: what waited for its guest goes elsewhere. */
  changed(): void
}

/** The NIC's filters: a destination address to a pair, and no other kind of key. */
export class Steering implements FilterProvider {
  readonly capacity: number
  private readonly options: SteeringOptions
  private readonly steers = new Map<number, Steer>()

  constructor(options: SteeringOptions) {
    this.capacity = options.capacity
    this.options = options
  }

  supports(key: FlowKey): boolean {
    return key.mac !== undefined && Object.keys(key).length === 1
  }

  /** A refusal changes nothing (FL-06). */
  insert(key: FlowKey, vi: Vi): Filter | FilterStatus {
    if (key.mac === undefined || !this.supports(key)) return 'unsupported'
    const pair = this.options.pairOf(vi)
    if (pair === null || !pair.live) return 'closed'
    const bytes = parseMac(key.mac)
    const mac = macNumber(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 0)
    if (this.steers.has(mac)) return 'duplicate'
    if (this.steers.size >= this.capacity) return 'full'
    const steer: Steer = { pair, hits: 0 }
    this.steers.set(mac, steer)
    return {
      key,
      vi,
      hits: () => steer.hits,
      remove: () => {
        if (this.steers.get(mac) === steer) this.steers.delete(mac)
        this.options.changed()
      },
    }
  }

  /** Who the frame is for whose destination address stands at `at`. */
  find(view: DataView, at: number): Steer | undefined {
    return this.steers.get(macNumber(view, at))
  }

  forget(pair: QueuePair): void {
    for (const [mac, steer] of this.steers) if (steer.pair === pair) this.steers.delete(mac)
  }
}

/** 48 bits: as a number it needs no text. */
function macNumber(view: DataView, at: number): number {
  return view.getUint16(at) * 0x1_0000_0000 + view.getUint32(at + 2)
}
