import type { Generation } from '../registry-types.js'

/** A loaded half that the registry offers to a vif. */
export interface Offer<H> {
  readonly half: H
  readonly generation: Generation<H>
  readonly answer: (outcome: 'attached' | 'declined') => void
}

/**
 * One vif's side of the registry: the offer that waits for the vif's control loop, and who waits for the vif to have
 * left. An offer is answered exactly once; a newer one, or a leave, declines the one that waits.
 */
export class RegistrySeat<H> {
  #offer: Offer<H> | undefined
  #gone: (() => void)[] = []

  /** Somebody waits for the vif to have left. */
  get awaited(): boolean {
    return this.#gone.length > 0
  }

  /** An offer waits to be taken. */
  get offered(): boolean {
    return this.#offer !== undefined
  }

  /** The registry offers a half. Settles with the vif's answer. */
  put(half: H, generation: Generation<H>): Promise<'attached' | 'declined'> {
    return new Promise((answer) => {
      this.decline()
      this.#offer = { half, generation, answer }
    })
  }

  /** The offer that waits, which the taker has to answer. */
  take(): Offer<H> | undefined {
    const offer = this.#offer
    this.#offer = undefined
    return offer
  }

  decline(): void {
    this.take()?.answer('declined')
  }

  /** Resolves at the next {@link tellGone}. */
  whenGone(): Promise<void> {
    return new Promise((resolve) => this.#gone.push(resolve))
  }

  /** The vif uses nothing of a half any more. */
  tellGone(): void {
    for (const resolve of this.#gone.splice(0)) resolve()
  }
}
