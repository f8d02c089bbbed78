import { NONE } from './pending-slots.js'

/** Packets whose pages are mapped, by age: a list through the indices of their frames. */
export class AgeList {
  private readonly since: Float64Array
  private readonly previous: Int32Array
  private readonly following: Int32Array
  private readonly listed: Uint8Array
  private first: number
  private last: number

  constructor(frames: number) {
    this.since = new Float64Array(frames)
    this.previous = new Int32Array(frames)
    this.following = new Int32Array(frames)
    this.listed = new Uint8Array(frames)
    this.first = NONE
    this.last = NONE
  }

  /** The oldest; NONE: none is listed. */
  get oldest(): number {
    return this.first
  }

  /** The next younger one. */
  after(frame: number): number {
    return this.following[frame]
  }

  /** When it came, ns. */
  sinceOf(frame: number): number {
    return this.since[frame]
  }

  /** It came `age` ns before `now[0]`, or earlier. Times are not plain arguments, which would be boxed. */
  isOld(frame: number, now: Float64Array, age: number): boolean {
    return this.since[frame] <= now[0] - age
  }

  /** As the youngest, which came at `now[0]`. */
  add(frame: number, now: Float64Array): void {
    this.since[frame] = now[0]
    this.previous[frame] = this.last
    this.following[frame] = NONE
    if (this.last === NONE) this.first = frame
    else this.following[this.last] = frame
    this.last = frame
    this.listed[frame] = 1
  }

  /** Nothing if it is not listed. */
  remove(frame: number): void {
    if (this.listed[frame] === 0) return
    this.listed[frame] = 0
    const before = this.previous[frame]
    const behind = this.following[frame]
    if (before === NONE) this.first = behind
    else this.following[before] = behind
    if (behind === NONE) this.last = before
    else this.previous[behind] = before
  }
}
