// The watchdog's word: which hook was entered last, in memory that another thread reads while this one is in a loop.
import type { HalfName } from '@netaccel/core'
import { SHAPES } from './shapes.js'

const HALVES: readonly HalfName[] = ['frontend', 'backend', 'hardware']
/** All names that can stand in the mark. */
const NAMES: readonly string[] = [
  ...new Set(Object.values(SHAPES).flatMap(({ methods }) => Object.keys(methods))),
]
const NUMBER = new Map(NAMES.map((name, index) => [name, index]))

const ENTRIES = 0
const HOOK = 1
const HALF = 2

/** What the watching thread reads. */
export interface Marked {
  /** Grows at every entry and every return: while it stands still, the same hook runs. */
  readonly entries: number
  /** Undefined: none is on the stack. */
  readonly hook: string | undefined
  readonly half: HalfName
}

export class Mark {
  readonly buffer: SharedArrayBuffer
  private readonly words: Int32Array

  constructor(buffer = new SharedArrayBuffer(12)) {
    this.buffer = buffer
    this.words = new Int32Array(buffer)
  }

  enter(half: HalfName, hook: string): void {
    const { words } = this
    words[HALF] = HALVES.indexOf(half)
    words[HOOK] = 1 + (NUMBER.get(hook) ?? 0)
    Atomics.add(words, ENTRIES, 1)
  }

  /** `outer`: the hook that is on the stack still, or null. */
  leave(outer: string | null): void {
    const { words } = this
    words[HOOK] = outer === null ? 0 : 1 + (NUMBER.get(outer) ?? 0)
    Atomics.add(words, ENTRIES, 1)
  }

  read(): Marked {
    const { words } = this
    const entries = Atomics.load(words, ENTRIES)
    const hook = Atomics.load(words, HOOK)
    return {
      entries,
      hook: hook === 0 ? undefined : NAMES[hook - 1],
      half: HALVES[Atomics.load(words, HALF)],
    }
  }
}
