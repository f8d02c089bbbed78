import type { StoreNode, StoreTree } from './tree.js'

/** What a change touched: a blind change of one field merges with what others commit; 'all' does not. */
export type ChangedPart = 'value' | 'perms' | 'all'

/** The nodes as one request sees them: the tree itself, or a transaction's picture of it. */
export interface NodeView {
  /** The node, for a decision that does not depend on its contents. */
  peek(path: string): StoreNode | undefined
  /** The node, or the fact that there is none; a transaction fails when that changed by its end. */
  read(path: string): StoreNode | undefined
  put(path: string, node: StoreNode, part: ChangedPart): void
  delete(path: string): void
  /** Nodes that a domain owns, as this view sees it. */
  owned(domid: number): number
  /** True when the view took in more nodes than its quota, and the request must fail. */
  readonly full: boolean
}

/** A view without a transaction: each change takes place at once. */
export class DirectView implements NodeView {
  readonly full = false
  readonly #tree: StoreTree

  constructor(tree: StoreTree) {
    this.#tree = tree
  }

  peek(path: string): StoreNode | undefined {
    return this.#tree.get(path)
  }

  read(path: string): StoreNode | undefined {
    return this.#tree.get(path)
  }

  put(path: string, node: StoreNode): void {
    this.#tree.put(path, node)
  }

  delete(path: string): void {
    this.#tree.delete(path)
  }

  owned(domid: number): number {
    return this.#tree.owned(domid)
  }
}
