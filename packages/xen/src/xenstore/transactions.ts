import type { ChangedPart, NodeView } from './node-view.js'
import type { NodeChange } from './operations.js'
import type { StoreNode, StoreTree } from './tree.js'
import { ownerOf } from './tree.js'

interface Touched {
  /** As it was when first touched; undefined: there was none. */
  readonly before: StoreNode | undefined
  now: StoreNode | undefined
  /** It was read: at the end it must be what it was. */
  checked: boolean
  changed: boolean
  value: boolean
  perms: boolean
}

/**
 * A transaction: a picture of the nodes as they were when each was first touched, and what was changed in it.
 *
 * At the end it fails if a node that it *read* has changed. A node that it only wrote does not conflict: the write is
 * merged with what others did to the node's children and permissions. Creating and removing read the parent's child
 * list, so two transactions that create in one directory do conflict.
 */
export class StoreTransaction implements NodeView {
  readonly id: number
  /** Why it cannot be committed any more. */
  failed = false
  readonly #tree: StoreTree
  readonly #maxNodes: number
  readonly #touched = new Map<string, Touched>()
  readonly #changes = new Map<string, NodeChange>()

  constructor(id: number, tree: StoreTree, maxNodes: number) {
    this.id = id
    this.#tree = tree
    this.#maxNodes = maxNodes
  }

  get full(): boolean {
    if (this.#touched.size <= this.#maxNodes) return false
    this.failed = true
    return true
  }

  peek(path: string): StoreNode | undefined {
    return this.#touch(path).now
  }

  read(path: string): StoreNode | undefined {
    const touched = this.#touch(path)
    // What this transaction created or rewrote blindly is its own; only what others may have changed is checked.
    touched.checked = true
    return touched.now
  }

  put(path: string, node: StoreNode, part: ChangedPart): void {
    const touched = this.#touch(path)
    touched.now = node
    touched.changed = true
    if (part === 'all') touched.checked = true
    else touched[part] = true
  }

  delete(path: string): void {
    const touched = this.#touch(path)
    touched.now = undefined
    touched.changed = true
    touched.checked = true
  }

  owned(domid: number): number {
    let count = this.#tree.owned(domid)
    for (const { before, now, changed } of this.#touched.values()) {
      if (!changed) continue
      if (before !== undefined && ownerOf(before) === domid) count--
      if (now !== undefined && ownerOf(now) === domid) count++
    }
    return count
  }

  /** The transaction leaves the domain with more nodes than it found. */
  grows(domid: number): boolean {
    return this.owned(domid) > this.#tree.owned(domid)
  }

  /** Notes what watchers will be told at the end, once for each path. */
  note(changes: readonly NodeChange[]): void {
    for (const change of changes) {
      const noted = this.#changes.get(change.path)
      this.#changes.set(change.path, {
        ...change,
        exact: change.exact && (noted?.exact ?? true),
        oldPerms: noted?.oldPerms ?? change.oldPerms,
      })
    }
  }

  /** Puts everything in its place, or nothing. Returns what watchers are to be told, or false on a conflict. */
  commit(): readonly NodeChange[] | false {
    for (const [path, touched] of this.#touched) if (this.#conflicts(path, touched)) return false
    for (const [path, touched] of this.#touched) if (touched.changed) this.#apply(path, touched)
    // Created and removed again: nothing happened (XSA-421).
    return [...this.#changes.values()].filter(({ path }) => {
      const touched = this.#touched.get(path)
      return touched?.before !== undefined || touched?.now !== undefined
    })
  }

  #touch(path: string): Touched {
    let touched = this.#touched.get(path)
    if (touched === undefined) {
      const before = this.#tree.get(path)
      touched = { before, now: before, checked: false, changed: false, value: false, perms: false }
      this.#touched.set(path, touched)
    }
    return touched
  }

  #conflicts(path: string, touched: Touched): boolean {
    const current = this.#tree.get(path)
    if (touched.checked) return current?.generation !== touched.before?.generation
    // A blind write needs its node to be there still.
    return touched.changed && current === undefined
  }

  #apply(path: string, touched: Touched): void {
    const { now } = touched
    if (now === undefined) {
      this.#tree.delete(path)
      return
    }
    if (touched.checked) {
      this.#tree.put(path, now)
      return
    }
    const current = this.#tree.get(path)!
    this.#tree.put(path, {
      ...current,
      value: touched.value ? now.value : current.value,
      perms: touched.perms ? now.perms : current.perms,
    })
  }
}
