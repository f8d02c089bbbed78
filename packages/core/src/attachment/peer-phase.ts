import type { Engine } from '@netaccel/xen'
import { onClock } from '../control-clock.js'
import type { ShownPhase } from './phase.js'
import { NO_PHASE, PHASE_KEY, readPhase } from './phase.js'
import type { DoorStore, DoorWatch } from '../scope/door-domain.js'

interface Waiter {
  readonly wanted: (shown: ShownPhase) => boolean
  readonly resolve: () => void
}

/**
 * The other end's phase, followed through a watch. The watch only marks the change; reading happens in a task, one at
 * a time, and what changed meanwhile is read again.
 */
export class PeerPhase {
  #shown: ShownPhase = NO_PHASE
  readonly #store: DoorStore
  readonly #engine: Engine
  readonly #directory: string
  readonly #changed: (shown: ShownPhase) => void
  readonly #waiters = new Set<Waiter>()
  #watch: DoorWatch | undefined
  #dirty = false
  #reading = false
  #stopped = false

  constructor(engine: Engine, store: DoorStore, directory: string, changed: (shown: ShownPhase) => void) {
    this.#engine = engine
    this.#store = store
    this.#directory = directory
    this.#changed = changed
  }

  get shown(): ShownPhase {
    return this.#shown
  }

  async start(): Promise<void> {
    this.#watch = await this.#store.watch(`${this.#directory}/${PHASE_KEY}`, () => this.mark())
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#watch?.unwatch()
  }

  /** Resolves when what the other end shows is `wanted`; at once when it is. */
  until(wanted: (shown: ShownPhase) => boolean): Promise<void> {
    if (wanted(this.#shown)) return Promise.resolve()
    return new Promise((resolve) => this.#waiters.add({ wanted, resolve }))
  }

  private mark(): void {
    this.#dirty = true
    if (this.#reading || this.#stopped) return
    this.#reading = true
    void onClock(this.#engine, () => this.read())
  }

  private async read(): Promise<void> {
    while (this.#dirty && !this.#stopped) {
      this.#dirty = false
      // A peer whose directory is gone, or may not be read any more, shows nothing.
      this.#shown = await readPhase(this.#store, this.#directory).catch(() => NO_PHASE)
      for (const waiter of this.#waiters) {
        if (!waiter.wanted(this.#shown)) continue
        this.#waiters.delete(waiter)
        waiter.resolve()
      }
      if (!this.#stopped) this.#changed(this.#shown)
    }
    this.#reading = false
  }
}
