import { libc } from './libc.js'
import type { Libc } from './libc.js'

/** Linux uapi: asm-generic/poll.h. */
const POLLIN = 0x01
const POLLERR = 0x08
const POLLHUP = 0x10
const POLLNVAL = 0x20
/** `struct pollfd` as two words: the descriptor; events in the lower half, what happened in the upper. */
const POLLFD_WORDS = 2
const SECOND = 1_000_000_000

/** Something with a descriptor that can be waited for. */
export interface Watched {
  readonly fd: number
  /** It wants to know of input. A destroyed device is told in any case. */
  readonly wantsInput: boolean
  /** There is input. */
  ready(): void
  /** The device behind the descriptor is gone. */
  failed(): void
}

/**
 * The descriptors of all TAPs of a thread, waited for in one ppoll(2). Give {@link idle} to the real clock: it then
 * sleeps here, and the stack whose device has frames schedules its poller.
 */
export class TapSet {
  readonly #libc: Libc
  readonly #timeout = new Int32Array(4)
  #members: readonly Watched[] = []
  #fds = new Int32Array(0)

  private constructor(lib: Libc) {
    this.#libc = lib
  }

  /** Rejects with PortError 'NOT_SUPPORTED' where there are no TAP devices. */
  static async open(): Promise<TapSet> {
    return new TapSet(await libc())
  }

  get size(): number {
    return this.#members.length
  }

  add(member: Watched): void {
    this.#become([...this.#members, member])
  }

  /** Nothing when it is not a member. Call it before the descriptor is closed. */
  remove(member: Watched): void {
    this.#become(this.#members.filter((other) => other !== member))
  }

  /** Wait at most `maxNs` nanoseconds until one of the descriptors has something, and tell its owner. */
  readonly idle = (maxNs: number): void => {
    const members = this.#members
    const fds = this.#fds
    for (let i = 0; i < members.length; i++) fds[i * POLLFD_WORDS + 1] = members[i].wantsInput ? POLLIN : 0
    const ns = maxNs > 0 ? maxNs : 0
    this.#timeout[0] = ns / SECOND
    this.#timeout[2] = ns % SECOND
    if (this.#libc.ppoll(fds, members.length, this.#timeout) > 0) this.#tell(members, fds)
  }

  #tell(members: readonly Watched[], fds: Int32Array): void {
    for (let i = 0; i < members.length; i++) {
      const happened = fds[i * POLLFD_WORDS + 1] >>> 16
      if ((happened & (POLLERR | POLLHUP | POLLNVAL)) !== 0) members[i].failed()
      else if ((happened & POLLIN) !== 0) members[i].ready()
    }
  }

  #become(members: readonly Watched[]): void {
    this.#members = members
    this.#fds = new Int32Array(members.length * POLLFD_WORDS)
    for (let i = 0; i < members.length; i++) this.#fds[i * POLLFD_WORDS] = members[i].fd
  }
}
