/** Places: what all pairs together can have outstanding, 32 of 512. */
const PLACES = 16_384

/**
 * The one queue in which the device tells the driver what has become of descriptors, of whichever guest. The driver reads
 * it and writes to each guest only what is that guest's: a queue that all could read would tell each of the others.
 */
export class SharedCompletions {
  private readonly pair = new Int16Array(PLACES)
  private readonly word0 = new Int32Array(PLACES)
  private readonly word1 = new Int32Array(PLACES)
  private head = 0
  private tail = 0

  get count(): number {
    return this.tail - this.head
  }

  push(pair: number, word0: number, word1: number): void {
    const at = this.tail++ & (PLACES - 1)
    this.pair[at] = pair
    this.word0[at] = word0
    this.word1[at] = word1
  }

  /** Take all of them out, oldest first. */
  drain(each: (pair: number, word0: number, word1: number) => void): void {
    while (this.head < this.tail) {
      const at = this.head++ & (PLACES - 1)
      each(this.pair[at], this.word0[at], this.word1[at])
    }
    this.head = 0
    this.tail = 0
  }
}
