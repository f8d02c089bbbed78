import type { PathObserver } from '@netaccel/netfront'
import type { Frame, Random } from '@netaccel/packet'
import type { GuestVif } from '../build/guest-vif.js'
import type { World } from '../build/world.js'

/**
 * Where the request to leave comes from: from outside, from inside a burst, from inside a poll, or while a frame is
 * parked, which at an instant drawn blindly is rare.
 */
export type Origin = 'outside' | 'burst' | 'poll' | 'parked'
export const ORIGINS: readonly Origin[] = ['outside', 'burst', 'poll', ...Array<Origin>(6).fill('parked')]

const PATIENCE_NS = 2_000_000

/** The guests of these hosts unload a plugin by themselves, each at an instant of the wanted kind. */
export async function leaveFrom(
  world: World,
  on: readonly string[],
  plugin: string,
  origin: Exclude<Origin, 'outside'>,
  random: Random,
): Promise<void> {
  const guests = on.flatMap((name) => [...world.host(name).guests.values()])
  const unloads: Promise<unknown>[] = []
  const waiting = guests.map((guest) => {
    const [vif] = guest.vifs.values()
    const leave = (): void => void unloads.push(guest.plugins.loader.unload(plugin, 'frontend'))
    if (origin === 'parked') return new ParkedWatch(vif, leave)
    return new Tripwire(vif, origin, 1 + random.below(40), leave)
  })
  await world.run({ for: PATIENCE_NS, until: () => waiting.every((each) => each.look()) })
  for (const each of waiting) each.remove()
  await world.drive(Promise.all(unloads))
}

/** Acts once, in the first step after which a frame of the vif stands parked. */
class ParkedWatch {
  readonly #vif: GuestVif
  readonly #act: () => void
  #acted = false

  constructor(vif: GuestVif, act: () => void) {
    this.#vif = vif
    this.#act = act
  }

  /** Called between steps; true once it has acted. */
  look(): boolean {
    if (!this.#acted && this.#vif.vif.queues.some((queue) => queue.fastPath?.hasParked === true)) {
      this.#acted = true
      this.#act()
    }
    return this.#acted
  }

  remove(): void {
    this.#acted = true
  }
}

/** Observes a queue's paths in the place of its observer, and acts once at the n-th frame of a burst or of a poll. */
class Tripwire implements PathObserver {
  readonly #inner: PathObserver | null
  readonly #vif: GuestVif
  readonly #origin: 'burst' | 'poll'
  readonly #act: () => void
  #left: number

  constructor(vif: GuestVif, origin: 'burst' | 'poll', after: number, act: () => void) {
    this.#vif = vif
    this.#origin = origin
    this.#left = after
    this.#act = act
    this.#inner = vif.vif.queues[0].observer
    vif.vif.queues[0].observer = this
  }

  sent(frame: Frame, path: 'slow' | 'fast'): void {
    this.#inner?.sent(frame, path)
    if (this.#origin === 'burst') this.#count()
  }

  received(frame: Frame, path: 'slow' | 'fast'): void {
    this.#inner?.received(frame, path)
    if (this.#origin === 'poll') this.#count()
  }

  /** True once it has acted. */
  look(): boolean {
    return this.#left <= 0
  }

  remove(): void {
    this.#vif.vif.queues[0].observer = this.#inner
  }

  #count(): void {
    this.#left -= 1
    if (this.#left === 0) this.#act()
  }
}
