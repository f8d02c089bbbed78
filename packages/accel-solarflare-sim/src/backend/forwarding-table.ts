import type { MacWords } from '../shared/words.js'
import { PairTable } from './pair-table.js'

/** Addresses of one port's table (the original's cuckoo table of 2 * 128). */
export const MAX_FORWARDED = 256

/**
 * Which guest of a port an address belongs to. An address is reserved when its vif is probed, and pointed at the
 * guest's end while frames may be steered to its VI. Two vifs with one address cannot both be steered to, so the second
 * is refused.
 */
export class ForwardingTable<Target> {
  private readonly table = new PairTable(MAX_FORWARDED)
  private readonly targets: (Target | null)[] = Array.from({ length: MAX_FORWARDED }, () => null)
  private readonly free: number[] = Array.from({ length: MAX_FORWARDED }, (_, i) => MAX_FORWARDED - 1 - i)
  /** Kept equal to {@link size}, for those who look at it from outside. */
  private readonly standing: { value: number }

  constructor(standing = { value: 0 }) {
    this.standing = standing
  }

  get size(): number {
    return this.table.size
  }

  reserve(mac: MacWords): 'reserved' | 'duplicate' | 'full' {
    if (this.table.get(mac.high, mac.low) >= 0) return 'duplicate'
    const place = this.free.pop()
    if (place === undefined) return 'full'
    this.table.set(mac.high, mac.low, place)
    this.standing.value++
    return 'reserved'
  }

  /** Frames for a reserved address are shown to `target`; null: to nobody. */
  point(mac: MacWords, target: Target | null): void {
    const place = this.table.get(mac.high, mac.low)
    if (place >= 0) this.targets[place] = target
  }

  release(mac: MacWords): void {
    const place = this.table.get(mac.high, mac.low)
    if (place < 0) return
    this.table.delete(mac.high, mac.low)
    this.targets[place] = null
    this.free.push(place)
    this.standing.value--
  }

  /** On the way of every received frame: no allocation. */
  lookup(high: number, low: number): Target | null {
    const place = this.table.get(high, low)
    return place < 0 ? null : this.targets[place]
  }

  /** All that are pointed at. */
  each(work: (target: Target) => void): void {
    for (const target of this.targets) if (target !== null) work(target)
  }
}
