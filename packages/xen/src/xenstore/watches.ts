import { mayHear } from './operations.js'
import type { NodeChange } from './operations.js'
import { domainPath, selfAndAncestors } from './paths.js'
import type { OpenRequest, StoreSession } from './session.js'

interface Watch {
  readonly session: StoreSession
  /** Absolute, or special. */
  readonly path: string
  readonly token: string
  /** The watch was set by a relative path, so its events carry relative paths. */
  readonly relative: boolean
  readonly sequence: number
}

/** All watches, by the path they are on. */
export class WatchTable {
  readonly #byPath = new Map<string, Watch[]>()
  #sequence = 0

  has(session: StoreSession, path: string, token: string): boolean {
    return (
      this.#byPath.get(path)?.some((watch) => watch.session === session && watch.token === token) ?? false
    )
  }

  /** Adds a watch that the session does not have. */
  add(session: StoreSession, path: string, token: string, relative: boolean): void {
    const list = this.#byPath.get(path) ?? []
    list.push({ session, path, token, relative, sequence: this.#sequence++ })
    this.#byPath.set(path, list)
    session.watchCount++
  }

  /** False: there is no such watch. */
  remove(session: StoreSession, path: string, token: string): boolean {
    return this.#removeIf((watch) => watch.session === session && watch.token === token, [path]) > 0
  }

  removeAll(session: StoreSession): void {
    this.#removeIf((watch) => watch.session === session, [...this.#byPath.keys()])
  }

  /** Tells every watcher that may hear of the change, in the order in which the watches were set. */
  fire(change: NodeChange, cause: OpenRequest | undefined): void {
    const concerned: Watch[] = []
    for (const path of change.exact ? [change.path] : selfAndAncestors(change.path))
      for (const watch of this.#byPath.get(path) ?? [])
        if (mayHear(change, watch.session)) concerned.push(watch)
    concerned.sort((a, b) => a.sequence - b.sequence)
    for (const watch of concerned) this.#tell(watch, change.path, cause)
  }

  /** The event that every watch starts with, whoever may read the path. */
  fireFirst(session: StoreSession, path: string, token: string, relative: boolean): void {
    this.#tell({ session, path, token, relative, sequence: 0 }, path, undefined)
  }

  #tell(watch: Watch, path: string, cause: OpenRequest | undefined): void {
    const prefix = watch.relative ? domainPath(watch.session.domid).length + 1 : 0
    watch.session.event(path.slice(prefix), watch.token, cause)
  }

  #removeIf(matches: (watch: Watch) => boolean, paths: readonly string[]): number {
    let removed = 0
    for (const path of paths) {
      const list = this.#byPath.get(path)
      if (list === undefined) continue
      const kept = list.filter((watch) => !matches(watch))
      for (const watch of list) if (!kept.includes(watch)) watch.session.watchCount--
      removed += list.length - kept.length
      if (kept.length === 0) this.#byPath.delete(path)
      else this.#byPath.set(path, kept)
    }
    return removed
  }
}
