// The mirror of a lease in shared memory: what status and the reaper read of it from other threads.
import { HOOK_NAMES } from './hook-table.js'
import type { HookName, HookNumber } from './hook-table.js'

/**
 * Bytes from one mirror to the next. Words that several threads write stand at least 64 bytes apart, better 128: on the
 * machines measured false sharing cost two to five times.
 */
export const MIRROR_STRIDE = 128

const HELD = 0
const LENT = 1
const HOOK = 2
const GENERATION = 3
const PUBLISHED = 4

/**
 * One slot of `MIRROR_STRIDE` bytes. The owner writes; anyone may read. Words are aligned int32, so a reader sees whole
 * values; they are a report, not a lock.
 */
export class LeaseMirror {
  private readonly words: Int32Array
  private readonly at: number

  /** `words` is over the whole memory; `byteOffset` a multiple of 4. */
  constructor(words: Int32Array, byteOffset: number) {
    this.words = words
    this.at = byteOffset >> 2
  }

  /** A mirror in memory of its own, for an owner that nobody else reads. */
  static standalone(): LeaseMirror {
    return new LeaseMirror(new Int32Array(MIRROR_STRIDE >> 2), 0)
  }

  publish(held: number, lent: number): void {
    const words = this.words
    const at = this.at
    words[at + HELD] = held
    words[at + LENT] = lent
    words[at + PUBLISHED] = ((words[at + PUBLISHED] ?? 0) + 1) | 0
  }

  enter(hook: HookNumber): void {
    this.words[this.at + HOOK] = hook
  }

  set generation(number: number) {
    this.words[this.at + GENERATION] = number
  }

  get generation(): number {
    return this.words[this.at + GENERATION] ?? 0
  }

  get held(): number {
    return this.words[this.at + HELD] ?? 0
  }

  get lent(): number {
    return this.words[this.at + LENT] ?? 0
  }

  /** How often the owner has published, modulo 2^32: a reader sees by it whether the owner still runs. */
  get published(): number {
    return (this.words[this.at + PUBLISHED] ?? 0) >>> 0
  }

  /** The hook last entered; undefined before the first. */
  get lastHook(): HookName | undefined {
    return HOOK_NAMES[this.words[this.at + HOOK] ?? 0]
  }
}
