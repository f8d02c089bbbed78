// The accelstate machine: how the two halves of a plugin agree that both are there, over one store key of each end.
//
// After drivers/xen/sfc_netfront and drivers/xen/sfc_netback of linux-2.6.18-xen (accel_xenbus.c). The values are XenbusState
// numbers, independent of the vif's own `state`. What is ours: every wait has a deadline; a backend that is set up takes a
// frontend that is Initialising again for a new one; each start writes a number beside its state, so that a peer that went
// away and came back between two looks is noticed.
import { parseXenbusState, XenbusState } from '@netaccel/xen'
import { withDeadline } from './control-clock.js'
import type { XenbusStateNumber } from '@netaccel/xen'
import type { VifScope } from './contract/index.js'
import type { ControlClock } from './control-clock.js'

const { Unknown, Initialising, Connected, Closing, Closed } = XenbusState

/** The key of either end, in its own vif directory. */
export const ACCELSTATE_KEY = 'accelstate'
/** Written with the state: another number is another start. A peer that does not write it is judged by its state alone. */
export const ACCELSTATE_START_KEY = 'accelstate-start'

/** What a half does at the turns of the conversation. None of it runs twice at once. */
export interface AccelStateWork {
  /**
   * Take what the conversation needs: a frontend when the backend is Initialising, a backend when the frontend is Connected
   * (its keys are then written). False, a rejection or the deadline: Closing, and `release` is called for what it had taken.
   * When `signal` aborts nothing more may be taken.
   */
  setUp(signal: AbortSignal): Promise<boolean> | boolean
  /** Both ends are Connected; a frontend's first message may stand in its pages. */
  connected?(): void
  /** The peer leaves: stop using its parts. What `setUp` took stays until `release`, before which it is called again. */
  stop?(): Promise<void> | void
  /** Give back all that `setUp` took. Called exactly once for each `setUp`. */
  release(): Promise<void> | void
}

export interface AccelStateOptions {
  readonly side: 'frontend' | 'backend'
  readonly scope: VifScope
  readonly work: AccelStateWork
  /** Milliseconds for one `setUp`; default 1000. */
  readonly setUpMs?: number
}

/** See the head of this file. */
export class AccelState {
  readonly #side: 'frontend' | 'backend'
  readonly #scope: VifScope
  readonly #work: AccelStateWork
  readonly #setUpMs: number
  readonly #clock: ControlClock
  #own: XenbusStateNumber = Closed
  #peer: XenbusStateNumber = Unknown
  #start = ''
  #peerStart: string | undefined
  /** `setUp` was called and `release` not yet. */
  #held = false
  #noticed = false
  #giving: Promise<void> | null = null
  #abort: AbortController | null = null
  #removing = false
  #ended = false
  #looking = false
  #again = false
  #closing: Promise<'closed' | 'forced'> | null = null
  #waiters: (() => void)[] = []

  constructor(options: AccelStateOptions) {
    const { scope } = options
    this.#side = options.side
    this.#scope = scope
    this.#work = options.work
    this.#setUpMs = options.setUpMs ?? 1000
    this.#clock = {
      now: () => scope.now(),
      after: (ns, work) => scope.after(ns / 1_000_000, work),
      // All that waits here runs inside a task of the scope or an awaited hook, of which the engine knows.
      asyncBegin() {},
      asyncEnd() {},
    }
  }

  get own(): XenbusStateNumber {
    return this.#own
  }

  /** The peer's state when it was last looked at. */
  get peer(): XenbusStateNumber {
    return this.#peer
  }

  /** Both ends are Connected and nobody leaves. */
  get established(): boolean {
    return this.#own === Connected && this.#peer === Connected && !this.#removing
  }

  /** Shows this end as Initialising and begins to watch the other. False: the directory is gone. */
  async start(): Promise<boolean> {
    const { keys } = this.#scope
    const before = Number(await keys.read(ACCELSTATE_START_KEY))
    this.#start = String(Math.max(this.#scope.now(), Number.isSafeInteger(before) ? before + 1 : 0))
    if (!(await this.#write(Initialising))) return false
    keys.watchPeer(ACCELSTATE_KEY, () => this.#look())
    return true
  }

  /**
   * Leaves: says so, waits at most `ms` milliseconds for the peer to follow, gives back what is held and removes the keys.
   * 'forced': the peer did not follow in time. Closing twice joins the first.
   */
  close(ms = 1000): Promise<'closed' | 'forced'> {
    this.#closing ??= this.#close(ms)
    return this.#closing
  }

  async #close(ms: number): Promise<'closed' | 'forced'> {
    this.#removing = true
    this.#abort?.abort()
    const orderly = await this.#farewell(ms)
    this.#ended = true
    await this.#giveBack()
    await this.#scope.keys.write({ [ACCELSTATE_KEY]: undefined, [ACCELSTATE_START_KEY]: undefined })
    this.#own = Unknown
    return orderly ? 'closed' : 'forced'
  }

  /** True: the peer has followed, or there is none to follow. */
  async #farewell(ms: number): Promise<boolean> {
    const frontend = this.#side === 'frontend'
    if (frontend ? this.#own === Connected : this.#own !== Closed && this.#own !== Closing) {
      if (!(await this.#write(Closing))) return false
    }
    const left = (): boolean => isGone(this.#peer) || (frontend ? !this.#held : this.#own === Closed)
    if (left()) return true
    try {
      await withDeadline(this.#clock, ms, 'farewell', async () => {
        while (!left()) await new Promise<void>((resolve) => this.#waiters.push(resolve))
      })
      return true
    } catch {
      this.#scope.log('warn', `the other half is in state ${this.#peer} and did not close within ${ms} ms`)
      return false
    }
  }

  /** Something changed: look, once at a time; what changes meanwhile is looked at again. */
  #look(): void {
    this.#again = true
    if (this.#looking || this.#ended) return
    this.#looking = true
    this.#scope.task('accelstate', async () => {
      try {
        while (this.#again && !this.#ended) {
          this.#again = false
          await this.#follow()
          this.#wake()
        }
      } finally {
        this.#looking = false
      }
    })
  }

  async #follow(): Promise<void> {
    const { keys } = this.#scope
    const start = await keys.readPeer(ACCELSTATE_START_KEY)
    const peer = parseXenbusState(await keys.readPeer(ACCELSTATE_KEY))
    const restarted = start !== undefined && this.#peerStart !== undefined && start !== this.#peerStart
    if (start !== undefined) this.#peerStart = start
    if (peer === this.#peer && !restarted) return
    this.#peer = peer
    if (restarted && this.#held) {
      await this.#giveBack()
      if (this.#side === 'frontend' && !this.#removing) await this.#write(Initialising)
    }
    await (this.#side === 'frontend' ? this.#followBackend(peer) : this.#followFrontend(peer))
  }

  async #followBackend(peer: XenbusStateNumber): Promise<void> {
    if (peer === Connected) {
      this.#notice()
    } else if (peer === Initialising) {
      await this.#giveBack()
      if (this.#own !== Initialising && !this.#removing) {
        await this.#write(Initialising)
        const now = parseXenbusState(await this.#scope.keys.readPeer(ACCELSTATE_KEY))
        if (now !== peer) return
      }
      await this.#setUp()
    } else if (isGone(peer)) {
      await this.#giveBack()
    } else {
      await this.#stop()
      await this.#write(Closed)
    }
  }

  async #followFrontend(peer: XenbusStateNumber): Promise<void> {
    if (peer === Connected) {
      if (this.#own === Initialising) await this.#setUp()
    } else if (peer === Initialising) {
      await this.#giveBack()
      if (this.#own !== Initialising && !this.#removing) await this.#write(Initialising)
    } else if (isGone(peer)) {
      await this.#giveBack()
      if (this.#own === Closing || this.#own === Connected) await this.#write(Closed)
    } else {
      await this.#stop()
      if (this.#own !== Closed) await this.#write(Closing)
    }
  }

  async #setUp(): Promise<void> {
    if (this.#removing || this.#held) return
    this.#held = true
    this.#noticed = false
    const abort = new AbortController()
    this.#abort = abort
    let done = false
    try {
      const work = (signal: AbortSignal): Promise<boolean> | boolean => this.#work.setUp(signal)
      done = await withDeadline(this.#clock, this.#setUpMs, 'set-up', work, { outer: abort.signal })
    } catch (cause) {
      this.#scope.log('warn', 'the conversation could not be set up', cause)
    }
    this.#abort = null
    if (!done) await this.#giveBack()
    await this.#write(done ? Connected : Closing)
    if (done) this.#notice()
  }

  /** Both ends are Connected: said once per conversation. */
  #notice(): void {
    if (!this.#held || this.#noticed || !this.established) return
    this.#noticed = true
    this.#work.connected?.()
  }

  async #stop(): Promise<void> {
    if (!this.#held) return
    try {
      await this.#work.stop?.()
    } catch (cause) {
      this.#scope.log('error', 'stopping the conversation failed', cause)
    }
  }

  #giveBack(): Promise<void> {
    if (!this.#held) return Promise.resolve()
    this.#giving ??= this.#release()
    return this.#giving
  }

  async #release(): Promise<void> {
    await this.#stop()
    try {
      await this.#work.release()
    } catch (cause) {
      this.#scope.log('error', 'giving the conversation up failed', cause)
    }
    this.#held = false
    this.#giving = null
    this.#wake()
  }

  async #write(state: XenbusStateNumber): Promise<boolean> {
    if (this.#ended) return false
    this.#own = state
    return this.#scope.keys.write({ [ACCELSTATE_KEY]: String(state), [ACCELSTATE_START_KEY]: this.#start })
  }

  #wake(): void {
    for (const waiter of this.#waiters.splice(0)) waiter()
  }
}

function isGone(state: XenbusStateNumber): boolean {
  return state === Closed || state === Unknown
}
