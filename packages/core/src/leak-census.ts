// What a plugin can leave behind where the host has no door: counted before its code runs and again after its end.
import type { EventEmitter } from 'node:events'
import { createRequire } from 'node:module'

const nodeRequire = createRequire(import.meta.url)

type Keys = ReadonlySet<PropertyKey>

/** A count of what stands in the process. Holds names and numbers, and listeners weakly. */
export interface Census {
  /** What keeps Node's event loop alive, by kind: `Timeout`, `TCPSocketWrap`, … */
  readonly resources: ReadonlyMap<string, number>
  readonly globals: Keys
  /** Own keys of what the plugin may require. */
  readonly modules: ReadonlyMap<string, Keys>
  /** Listeners on `process`. */
  readonly listeners: WeakSet<object>
}

/** A listener on `process`, and its event. */
export interface Listener {
  readonly event: string
  readonly listener: object
}

let latest: Census | undefined

/** `uses`: the modules of Node that the plugin declares. */
export function takeCensus(uses: readonly string[]): Census {
  const found: Census = {
    resources: resourcesNow(),
    globals: new Set(Reflect.ownKeys(globalThis)),
    modules: new Map(uses.map((name) => [name, keysOf(name)])),
    listeners: new WeakSet(listenersNow().map(({ listener }) => listener)),
  }
  // Many generations in a row find the same names: they share them.
  const globals = latest !== undefined && same(latest.globals, found.globals) ? latest.globals : found.globals
  latest = { ...found, globals }
  return latest
}

/** Listeners on `process` that came since and whose code is part of `text`: an artefact's. */
export function listenersSince(before: Census, text: string): Listener[] {
  return listenersNow().filter(
    ({ listener }) =>
      !before.listeners.has(listener) && text.includes(Function.prototype.toString.call(listener)),
  )
}

/** What there is more than before, in words. Others than the plugin may have brought it: it is where to look. */
export function sinceCensus(before: Census): string[] {
  const found: string[] = []
  for (const [kind, count] of resourcesNow()) {
    const more = count - (before.resources.get(kind) ?? 0)
    if (more > 0)
      found.push(`${more} more ${kind} in Node's event loop than before its load${HINTS[kind] ?? ''}`)
  }
  for (const key of Reflect.ownKeys(globalThis))
    if (!before.globals.has(key)) found.push(`globalThis.${String(key)}, which was not there before its load`)
  for (const [name, keys] of before.modules)
    for (const key of keysOf(name))
      if (!keys.has(key)) found.push(`require('${name}').${String(key)}, which was not there before its load`)
  return found
}

const HINTS: Readonly<Record<string, string>> = {
  Timeout: ': a setTimeout or setInterval that was not cleared; use after() of the context',
  Immediate: ': a setImmediate; use task() of the context',
}

function resourcesNow(): Map<string, number> {
  const counts = new Map<string, number>()
  for (const kind of process.getActiveResourcesInfo()) counts.set(kind, (counts.get(kind) ?? 0) + 1)
  return counts
}

function listenersNow(): Listener[] {
  // `process` is typed for the events that Node itself knows.
  const emitter: EventEmitter = process
  return emitter
    .eventNames()
    .flatMap((event) => emitter.listeners(event).map((listener) => ({ event: String(event), listener })))
}

function keysOf(module: string): Keys {
  const exports: unknown = nodeRequire(module)
  const isObject = (typeof exports === 'object' && exports !== null) || typeof exports === 'function'
  return new Set(isObject ? Reflect.ownKeys(exports) : [])
}

function same(a: Keys, b: Keys): boolean {
  return a.size === b.size && [...a].every((key) => b.has(key))
}
