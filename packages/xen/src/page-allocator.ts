/**
 * First fit over a range of page numbers, one byte of state a page. Control path: allocation walks the map from the
 * lowest page that may be free.
 */
export class PageAllocator {
  #taken: Uint8Array
  #low = 0
  #free: number

  constructor(pages: number) {
    this.#taken = new Uint8Array(pages)
    this.#free = pages
  }

  get free(): number {
    return this.#free
  }

  /** The first page of a free run of `count` pages, now taken; -1 if there is none. */
  take(count: number): number {
    const taken = this.#taken
    let run = 0
    for (let page = this.#low; page < taken.length; page++) {
      run = taken[page] === 0 ? run + 1 : 0
      if (run === count) return this.#mark(page - count + 1, count)
    }
    return -1
  }

  /** As `take`, from the top: for what lives as long as the machine, so that it does not split the low pages. */
  takeHigh(count: number): number {
    const taken = this.#taken
    let run = 0
    for (let page = taken.length - 1; page >= 0; page--) {
      run = taken[page] === 0 ? run + 1 : 0
      if (run === count) return this.#mark(page, count)
    }
    return -1
  }

  /** This run and no other. False, and nothing changed, unless every page of it is free. */
  takeAt(first: number, count: number): boolean {
    const taken = this.#taken
    if (first < 0 || count < 1 || first + count > taken.length) return false
    for (let page = first; page < first + count; page++) if (taken[page] === 1) return false
    this.#mark(first, count)
    return true
  }

  /** False, and nothing changed, unless every page of the run is taken. */
  give(first: number, count: number): boolean {
    const taken = this.#taken
    if (first < 0 || count < 1 || first + count > taken.length) return false
    for (let page = first; page < first + count; page++) if (taken[page] === 0) return false
    taken.fill(0, first, first + count)
    this.#free += count
    if (first < this.#low) this.#low = first
    return true
  }

  #mark(first: number, count: number): number {
    const taken = this.#taken
    taken.fill(1, first, first + count)
    this.#free -= count
    while (this.#low < taken.length && taken[this.#low] === 1) this.#low++
    return first
  }
}
