// Hook points, on tapable.
//
// A hook point holds an immutable generation. Installing or removing builds the next one from the survivors and swaps the
// pointer: tapable has no untap, and splicing its taps would keep calling, and keep alive, what was removed. A caller
// reads `current` once, into a local; a call in progress keeps its generation. What is tapped are trampolines of the
// host's own, which become inert on removal, so that an old generation in a caller's local reaches nothing.
import { AsyncSeriesHook, SyncBailHook, SyncHook } from 'tapable'

/**
 * How a hook with several taps is called. `sync`: all of them. `bail`: in order, until one gives something other than
 * undefined. `series`: all of them, each awaited before the next; control path only.
 */
export type HookKind = 'sync' | 'bail' | 'series'

/** Functions of at most one argument; the data path needs no more. */
export type Taps<T> = { readonly [K in keyof T]: (argument: never) => unknown }

/** What one generation calls: the compiled hooks, as plain functions that a caller may keep in a local for a burst. */
export interface HookGeneration<T> {
  /** Counts the installs and removals of this hook point. */
  readonly number: number
  readonly names: readonly string[]
  readonly calls: T
}

/** One installation: how to take it out again. */
export interface Installation {
  readonly name: string
  /** Makes its trampolines inert and swaps in a generation without it. Removing twice changes nothing. */
  remove(): void
}

interface Tap<T> {
  readonly name: string
  readonly fns: Partial<T>
}

type Call = (argument: unknown) => unknown

/** A set of hooks of one owner: a queue, a port, a vif. */
export class HookPoint<T extends Taps<T>> {
  private readonly kinds: Readonly<Record<keyof T, HookKind>>
  private taps: readonly Tap<T>[] = []
  private now: HookGeneration<T> | null = null
  private count = 0

  constructor(kinds: Readonly<Record<keyof T, HookKind>>) {
    this.kinds = kinds
  }

  /** Null when nothing is installed: a data path that nobody taps costs this one read. */
  get current(): HookGeneration<T> | null {
    return this.now
  }

  /** Taps `fns`, which the caller makes inert itself when the installation is removed. A hook may be left out. */
  install(name: string, fns: Partial<T>): Installation {
    const tap = { name, fns }
    this.swap([...this.taps, tap])
    return {
      name,
      remove: () => {
        if (this.taps.includes(tap)) this.swap(this.taps.filter((other) => other !== tap))
      },
    }
  }

  private swap(taps: readonly Tap<T>[]): void {
    this.count++
    this.taps = taps
    this.now = taps.length === 0 ? null : this.build(taps)
  }

  private build(taps: readonly Tap<T>[]): HookGeneration<T> {
    const calls: Record<string, Call> = {}
    for (const name of Object.keys(this.kinds) as (keyof T & string)[]) {
      const fns = taps.flatMap((tap) => {
        const fn = tap.fns[name] as Call | undefined
        return fn === undefined ? [] : [{ name: tap.name, fn }]
      })
      calls[name] = compile(name, this.kinds[name], fns)
    }
    return Object.freeze({
      number: this.count,
      names: taps.map((tap) => tap.name),
      calls: Object.freeze(calls) as unknown as T,
    })
  }
}

function compile(name: string, kind: HookKind, taps: readonly { name: string; fn: Call }[]): Call {
  if (kind === 'series') {
    const hook = new AsyncSeriesHook<[unknown]>(['argument'], name)
    for (const tap of taps) hook.tapPromise(tap.name, async (argument) => void (await tap.fn(argument)))
    return (argument) => hook.promise(argument)
  }
  // All calls through tapable share one place in the code, which the compiler can see through to no hook; the one tap that a
  // queue's hooks have is called as it is, which a compiled call does too.
  if (taps.length === 1) return taps[0].fn
  const hook =
    kind === 'bail'
      ? new SyncBailHook<[unknown], unknown>(['argument'], name)
      : new SyncHook<[unknown], unknown>(['argument'], name)
  for (const tap of taps) hook.tap(tap.name, tap.fn)
  return (argument) => hook.call(argument)
}
