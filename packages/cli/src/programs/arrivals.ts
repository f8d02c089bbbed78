/** No run sends so many: a larger number was made up by someone, and is not noted. */
const MOST = 1 << 28

/** Counts numbers 0, 1, 2, ... as they arrive: which came, which came again, which came after a larger one. */
export class ArrivalCount {
  #seen = new Uint8Array(1 << 16)
  #received = 0
  #doubled = 0
  #reordered = 0
  #highest = -1

  note(number: number): void {
    if (number >= MOST) return
    this.#reach(number)
    if (this.#seen[number] === 1) {
      this.#doubled++
      return
    }
    this.#seen[number] = 1
    this.#received++
    if (number < this.#highest) this.#reordered++
    else this.#highest = number
  }

  report(): { received: number; doubled: number; reordered: number } {
    return { received: this.#received, doubled: this.#doubled, reordered: this.#reordered }
  }

  #reach(number: number): void {
    if (number < this.#seen.length) return
    let length = this.#seen.length
    while (length <= number) length *= 2
    const wider = new Uint8Array(length)
    wider.set(this.#seen)
    this.#seen = wider
  }
}
