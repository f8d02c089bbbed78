import type { Engine } from '@netaccel/xen'
import { onClock } from '../control-clock.js'
import type { LogSink } from '../scope/parts.js'

/**
 * Takes the steps of one state machine, one at a time. Whatever happens only kicks it; the steps run from the engine's
 * own queue, never inside the caller, which may be a hook, a watch or a burst.
 */
export class ControlLoop {
  readonly #engine: Engine
  readonly #step: () => Promise<boolean>
  readonly #log: LogSink
  readonly #name: string
  #running = false
  #kicked = false
  #waiting: (() => void)[] = []

  /** `step`: one step; true: there may be another. */
  constructor(engine: Engine, step: () => Promise<boolean>, log: LogSink, name: string) {
    this.#engine = engine
    this.#step = step
    this.#log = log
    this.#name = name
  }

  kick(): void {
    this.#kicked = true
    if (this.#running) return
    this.#running = true
    this.#engine.defer(() => void onClock(this.#engine, () => this.run()))
  }

  /** Resolves when no step is left to take. */
  settled(): Promise<void> {
    if (!this.#running) return Promise.resolve()
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** Resolves in the engine's next step, when every promise chain has gone as far as it can. */
  nextStep(): Promise<void> {
    return new Promise((resolve) => this.#engine.defer(resolve))
  }

  private async run(): Promise<void> {
    while (this.#kicked) {
      this.#kicked = false
      try {
        while (await this.#step());
      } catch (cause) {
        this.#log('error', this.#name, 'a step of the control loop failed', cause)
      }
    }
    this.#running = false
    for (const resolve of this.#waiting.splice(0)) resolve()
  }
}
