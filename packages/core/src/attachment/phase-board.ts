import type { Engine } from '@netaccel/xen'
import { withDeadline } from '../control-clock.js'
import { writePhase } from './phase.js'
import type { DoorStore } from '../scope/door-domain.js'

/**
 * This end's phase: the value here, and its key in the store. Keys are written one after the other, in the order of
 * the changes; a store that does not answer holds up nothing beyond its deadline.
 */
export class PhaseBoard<P extends string> {
  onChange: ((from: P, to: P) => void) | undefined
  #phase: P
  readonly #engine: Engine
  readonly #store: DoorStore
  readonly #directory: string
  readonly #deadline: number
  #written: Promise<void> = Promise.resolve()
  #waiters: { readonly phase: P; readonly resolve: () => void }[] = []

  /** `deadline`: milliseconds for one answer of the store. */
  constructor(engine: Engine, store: DoorStore, directory: string, phase: P, deadline: number) {
    this.#engine = engine
    this.#store = store
    this.#directory = directory
    this.#phase = phase
    this.#deadline = deadline
  }

  get phase(): P {
    return this.#phase
  }

  /** Resolves when this end is in `phase`; at once when it is. */
  when(phase: P): Promise<void> {
    if (this.#phase === phase) return Promise.resolve()
    return new Promise((resolve) => this.#waiters.push({ phase, resolve }))
  }

  /**
   * Enter a phase and show it. `also`: keys that change in the same transaction. Resolves when it is written; a
   * directory that is gone is not written.
   */
  show(phase: P, epoch: number, also?: Readonly<Record<string, string | undefined>>): Promise<void> {
    this.enter(phase)
    const word = phase === 'none' ? undefined : phase
    const write = () => writePhase(this.#store, this.#directory, word, epoch, also)
    this.#written = this.#written
      .then(() => withDeadline(this.#engine, this.#deadline, `showing ${phase}`, write))
      .then(nothing, nothing)
    return this.#written
  }

  private enter(phase: P): void {
    const from = this.#phase
    if (from === phase) return
    this.#phase = phase
    this.onChange?.(from, phase)
    const reached = this.#waiters.filter((waiter) => waiter.phase === phase)
    this.#waiters = this.#waiters.filter((waiter) => waiter.phase !== phase)
    for (const { resolve } of reached) resolve()
  }
}

/** The outcome of a write is not waited for: a directory that is gone, or a store that is, ends with its domain. */
function nothing(): void {}
