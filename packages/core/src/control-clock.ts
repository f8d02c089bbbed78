// Engine time for the control path. A domain's `Engine` is one of these.
import { AcceleratorError } from './errors.js'

/** What control code needs of an engine: its clock, its timers, and to be told while a promise chain is in flight. */
export interface ControlClock {
  /** Nanoseconds. */
  now(): number
  after(ns: number, work: () => void): { cancel(): void }
  asyncBegin(): void
  asyncEnd(): void
}

export const NS_PER_MS = 1_000_000

/**
 * Runs a promise chain while the engine knows of it. A virtual clock must not pass over work that waits in a microtask,
 * so whatever control code awaits is bracketed by this.
 */
export async function onClock<T>(clock: ControlClock, work: () => Promise<T> | T): Promise<T> {
  clock.asyncBegin()
  try {
    return await work()
  } finally {
    clock.asyncEnd()
  }
}

/**
 * Runs `work` and waits for it, at most `ms` milliseconds of engine time.
 *
 * At the deadline the signal given to `work` aborts and the result rejects with `DEADLINE`; what `work` still does is its
 * own affair and its late outcome is passed to `late`, so that a result that comes after all can be undone. When `outer`
 * aborts first the result rejects with `ABORTED`.
 */
export function withDeadline<T>(
  clock: ControlClock,
  ms: number,
  what: string,
  work: (signal: AbortSignal) => Promise<T> | T,
  options: { outer?: AbortSignal; late?: (result: T) => void } = {},
): Promise<T> {
  return onClock(clock, () => race(clock, ms, what, work, options))
}

function race<T>(
  clock: ControlClock,
  ms: number,
  what: string,
  work: (signal: AbortSignal) => Promise<T> | T,
  options: { outer?: AbortSignal; late?: (result: T) => void },
): Promise<T> {
  const { outer, late } = options
  const abort = new AbortController()
  return new Promise<T>((resolve, reject) => {
    let settled = false
    const settle = (): boolean => {
      if (settled) return false
      settled = true
      timer.cancel()
      outer?.removeEventListener('abort', onOuter)
      return true
    }
    const giveUp = (error: AcceleratorError): void => {
      if (!settle()) return
      abort.abort(error)
      reject(error)
    }
    const onOuter = (): void => giveUp(new AcceleratorError('ABORTED', what, { cause: outer?.reason }))
    const timer = clock.after(ms * NS_PER_MS, () =>
      giveUp(new AcceleratorError('DEADLINE', `${what} took longer than ${ms} ms`)),
    )
    if (outer?.aborted === true) {
      onOuter()
      return
    }
    outer?.addEventListener('abort', onOuter)
    // `work` may throw before its first await; the async wrapper makes both ways to fail one.
    void (async () => work(abort.signal))().then(
      (result) => {
        if (settle()) resolve(result)
        else late?.(result)
      },
      (error: unknown) => {
        if (settle()) reject(error)
      },
    )
  })
}
