import { joinPath, leafOf, parentOf } from './paths.js'
import type { Perm } from './permissions.js'

/** A node as it stands. Never changed: a change puts another node in its place. */
export interface StoreNode {
  /** Differs after every change of value, permissions or child list. */
  readonly generation: number
  readonly perms: readonly Perm[]
  readonly value: Uint8Array
  readonly children: readonly string[]
}

const NO_VALUE = new Uint8Array(0)

/** A node that was not put anywhere yet. */
export function freshNode(perms: readonly Perm[], value: Uint8Array = NO_VALUE): StoreNode {
  return { generation: 0, perms, value, children: [] }
}

export function ownerOf(node: StoreNode): number {
  return node.perms[0]?.domid ?? 0
}

/**
 * What a node counts against the record limit: the daemon's record header, 8 bytes for each permission, the value, and
 * the names of the children with their NUL.
 */
export function recordBytes(node: StoreNode): number {
  let bytes = 24 + node.perms.length * 8 + node.value.length
  for (const child of node.children) bytes += child.length + 1
  return bytes
}

/** All nodes by absolute path, and how many each domain owns. */
export class StoreTree {
  readonly #nodes = new Map<string, StoreNode>()
  readonly #owned = new Map<number, number>()
  #generation = 1

  constructor() {
    this.put('/', freshNode([{ domid: 0, letter: 'n' }]))
  }

  get size(): number {
    return this.#nodes.size
  }

  get(path: string): StoreNode | undefined {
    return this.#nodes.get(path)
  }

  /** Nodes owned by a domain. */
  owned(domid: number): number {
    return this.#owned.get(domid) ?? 0
  }

  /** Puts a node at a path, with a generation of its own. The parent's child list is the caller's affair. */
  put(path: string, node: StoreNode): void {
    const before = this.#nodes.get(path)
    if (before !== undefined) this.#account(ownerOf(before), -1)
    this.#account(ownerOf(node), 1)
    this.#nodes.set(path, { ...node, generation: this.#generation++ })
  }

  delete(path: string): void {
    const before = this.#nodes.get(path)
    if (before === undefined) return
    this.#account(ownerOf(before), -1)
    this.#nodes.delete(path)
  }

  /**
   * A domain is gone for good: entries that name it lose their meaning, and what it owned is domain 0's, so that a later
   * domain of the same number inherits nothing (XSA-322).
   */
  forgetDomain(domid: number): void {
    for (const [path, node] of this.#nodes) {
      if (!node.perms.some((perm) => perm.domid === domid)) continue
      const [first, ...rest] = node.perms
      const owner: Perm = first.domid === domid ? { domid: 0, letter: 'n' } : first
      this.put(path, { ...node, perms: [owner, ...rest.filter((perm) => perm.domid !== domid)] })
    }
  }

  /** Every child list and every parent fit each other: for tests and fuzzers. */
  isConsistent(): boolean {
    for (const [path, node] of this.#nodes) {
      if (new Set(node.children).size !== node.children.length) return false
      if (!node.children.every((child) => this.#nodes.has(joinPath(path, child)))) return false
      if (path !== '/' && !(this.#nodes.get(parentOf(path))?.children.includes(leafOf(path)) ?? false))
        return false
    }
    return true
  }

  #account(domid: number, change: number): void {
    const count = this.owned(domid) + change
    if (count === 0) this.#owned.delete(domid)
    else this.#owned.set(domid, count)
  }
}
