import { PacketError } from './errors.js'

/**
 * Seeded chance: xoshiro128** 1.1 (Blackman and Vigna, public domain), its state filled by splitmix32 from a
 * number or a string. The same seed gives the same numbers on every machine. Not for secrets.
 */
export class Random {
  private readonly seed: number
  private s0: number
  private s1: number
  private s2: number
  private s3: number

  constructor(seed: number | string) {
    this.seed = typeof seed === 'number' ? seed >>> 0 : hashText(seed, 0x811c9dc5)
    const state = new SplitMix(this.seed)
    // Signed 32 bits, here and in next32: small integers to the engine, which then boxes none of them.
    this.s0 = state.next() | 0
    this.s1 = state.next() | 0
    this.s2 = state.next() | 0
    this.s3 = state.next() | 0
    // The one state that would stay what it is.
    if ((this.s0 | this.s1 | this.s2 | this.s3) === 0) this.s0 = 1
  }

  /** A generator in a given state, not all zero: for comparing with published numbers. */
  static fromState(s0: number, s1: number, s2: number, s3: number): Random {
    const random = new Random(0)
    random.s0 = s0 | 0
    random.s1 = s1 | 0
    random.s2 = s2 | 0
    random.s3 = s3 | 0
    return random
  }

  /** Unsigned 32 bits. */
  next32(): number {
    return this.step() >>> 0
  }

  /** The next 32 bits as a signed number: one beyond 31 bits would be boxed on its way out of a call. */
  private step(): number {
    const s1 = this.s1
    const five = Math.imul(s1, 5)
    const result = Math.imul((five << 7) | (five >>> 25), 9)
    this.s2 ^= this.s0
    this.s3 ^= s1
    this.s1 ^= this.s2
    this.s0 ^= this.s3
    this.s2 ^= s1 << 9
    this.s3 = (this.s3 << 11) | (this.s3 >>> 21)
    return result
  }

  /** A whole number 0 to n - 1, each equally likely; n is 1 to 2^32. */
  below(n: number): number {
    if (!Number.isInteger(n) || n < 1 || n > 0x100000000) {
      throw new PacketError('BAD_OPTION', `below(${n}): give a whole number from 1 to 4294967296`)
    }
    // Numbers under 2^32 mod n would make the small results likelier: drawn again.
    const unfair = 0x100000000 % n
    let drawn = this.step() >>> 0
    while (drawn < unfair) drawn = this.step() >>> 0
    return drawn % n
  }

  /** A whole number low to high, both included. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1)
  }

  /** 0 <= x < 1 with 53 bits. */
  float(): number {
    const high = this.step() >>> 5
    const low = this.step() >>> 6
    return (high * 0x4000000 + low) / 0x20000000000000
  }

  /** True with probability p; always draws, so that changing p does not move what comes after. */
  chance(p: number): boolean {
    const high = this.step() >>> 5
    const low = this.step() >>> 6
    return (high * 0x4000000 + low) / 0x20000000000000 < p
  }

  /** One of the items, which must not be empty. */
  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]
  }

  /** Put the items in a random order, in place (Fisher and Yates). */
  shuffle<T>(items: T[]): T[] {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.below(i + 1)
      const kept = items[i]
      items[i] = items[j]
      items[j] = kept
    }
    return items
  }

  /** Random bytes into `length` bytes at `at`. */
  fill(bytes: Uint8Array, at = 0, length: number = bytes.length - at): void {
    let word = 0
    for (let i = 0; i < length; i++) {
      if ((i & 3) === 0) word = this.next32()
      bytes[at + i] = word & 0xff
      word >>>= 8
    }
  }

  /** An independent stream that depends on our seed and the label only, not on what has been drawn so far. */
  fork(label: string): Random {
    // Spread before the label comes in: seed 1 with 'b' and seed 2 with 'a' must not meet.
    return new Random(hashText(label, new SplitMix(~this.seed).next()))
  }
}

/** splitmix32 with the multipliers that hash-prospector (C. Wellons) found best: spreads a seed over the state. */
class SplitMix {
  private state: number

  constructor(seed: number) {
    this.state = seed
  }

  next(): number {
    this.state = (this.state + 0x9e3779b9) | 0
    let z = this.state ^ (this.state >>> 16)
    z = Math.imul(z, 0x21f0aaad)
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97)
    return (z ^ (z >>> 15)) >>> 0
  }
}

/** FNV-1a over UTF-16 units, both bytes. */
function hashText(text: string, basis: number): number {
  let hash = basis
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    hash = Math.imul(hash ^ (unit & 0xff), 0x01000193)
    hash = Math.imul(hash ^ (unit >>> 8), 0x01000193)
  }
  return hash >>> 0
}
