import { XenError } from './errors.js'

interface Undo {
  readonly name: string
  readonly undo: () => void | Promise<void>
}

/**
 * What has been taken and must be given back, newest first.
 *
 * Each release is pushed at the place where the thing is taken; failure, suspend and removal all run the stack. An
 * undo that throws does not stop the others.
 */
export class CleanupStack {
  #undos: Undo[] = []

  /** How many undos are waiting. */
  get size(): number {
    return this.#undos.length
  }

  /** `name` says in an error what was being given back. */
  push(name: string, undo: () => void | Promise<void>): void {
    this.#undos.push({ name, undo })
  }

  /** Forgets every undo: what was taken has a new owner. */
  disarm(): void {
    this.#undos = []
  }

  /**
   * Runs every undo once, newest first, also those pushed meanwhile. A second call runs what is left, which is nothing
   * unless something was pushed since.
   * Rejects with XenError 'CLEANUP' once all have run if any of them threw; `cause` is the first error.
   */
  async run(): Promise<void> {
    const failures: { name: string; error: unknown }[] = []
    for (let next = this.#undos.pop(); next !== undefined; next = this.#undos.pop()) {
      try {
        await next.undo()
      } catch (error) {
        failures.push({ name: next.name, error })
      }
    }
    const first = failures[0]
    if (first === undefined) return
    const names = failures.map(({ name }) => `'${name}'`).join(', ')
    throw new XenError('CLEANUP', `giving back ${names} failed; the other releases have run`, {
      cause: first.error,
    })
  }
}
