/** What a heap orders: by `at`, then by `sequence`. `heapIndex` is the heap's own: -1 while the item is in none. */
export interface HeapItem {
  at: number
  sequence: number
  heapIndex: number
}

const before = (a: HeapItem, b: HeapItem): boolean =>
  a.at < b.at || (a.at === b.at && a.sequence < b.sequence)

/**
 * A binary heap whose items know their own place, so that one can be moved or taken out without a search.
 * Adding and removing make no garbage: the array grows to the largest number of items ever held and stays.
 */
export class Heap<Item extends HeapItem> {
  private readonly items: (Item | undefined)[] = []
  private count = 0

  get size(): number {
    return this.count
  }

  /** The first item, which stays in the heap. */
  peek(): Item | undefined {
    return this.count === 0 ? undefined : this.items[0]
  }

  /** Adds an item that is in no heap. */
  push(item: Item): void {
    const index = this.count++
    this.items[index] = item
    item.heapIndex = index
    this.up(item)
  }

  /** Takes an item out; does nothing if it is not in. */
  remove(item: Item): void {
    const index = item.heapIndex
    if (index < 0) return
    item.heapIndex = -1
    const last = this.items[--this.count] as Item
    this.items[this.count] = undefined
    if (last === item) return
    this.items[index] = last
    last.heapIndex = index
    this.up(last)
    this.down(last)
  }

  private up(item: Item): void {
    const items = this.items
    let index = item.heapIndex
    while (index > 0) {
      const above = (index - 1) >> 1
      const parent = items[above] as Item
      if (!before(item, parent)) break
      items[index] = parent
      parent.heapIndex = index
      index = above
    }
    items[index] = item
    item.heapIndex = index
  }

  private down(item: Item): void {
    const items = this.items
    const size = this.count
    let index = item.heapIndex
    for (;;) {
      let below = index * 2 + 1
      if (below >= size) break
      if (below + 1 < size && before(items[below + 1] as Item, items[below] as Item)) below++
      const child = items[below] as Item
      if (!before(child, item)) break
      items[index] = child
      child.heapIndex = index
      index = below
    }
    items[index] = item
    item.heapIndex = index
  }
}
