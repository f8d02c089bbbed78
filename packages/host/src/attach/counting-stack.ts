import type { Vif } from '@netaccel/netfront'
import type { Frame, Random } from '@netaccel/packet'

const HEADER = 14
/** Local experimental ethertypes: two flows, so that what the lane cannot take does not keep the rest on the ring. */
const ETHERTYPE_SHORT = 0x88b5
const ETHERTYPE_LONG = 0x88b6
const LONG = 2046

/** A guest's stack: numbers what it sends, notes what it receives. */
export class CountingStack {
  sent = 0
  readonly got = new Map<number, number>()
  readonly #vif: Vif
  readonly #to: string
  readonly #random: Random
  #held: Frame[] = []
  #running = false

  constructor(vif: Vif, to: string, random: Random) {
    this.#vif = vif
    this.#to = to
    this.#random = random
    vif.stack = { receive: (frame) => this.receive(frame), wake: () => this.push() }
  }

  /** A burst of up to `most` frames, about every `gap` ns. */
  start(most: number, gap: number): void {
    this.#running = true
    const engine = this.#vif.domain.engine
    const tick = () => {
      if (!this.#running) return
      if (this.#held.length === 0) this.make(1 + this.#random.below(most))
      engine.after(1 + this.#random.below(2 * gap), tick)
    }
    engine.after(0, tick)
  }

  stop(): void {
    this.#running = false
  }

  get idle(): boolean {
    return this.#held.length === 0
  }

  burst(count: number): void {
    this.make(count)
  }

  private make(count: number): void {
    for (let i = 0; i < count; i++) {
      // About one in five is longer than a slot of the lane, so it goes by the ring.
      const length = this.#random.below(5) === 0 ? LONG : 60 + this.#random.below(1400)
      const frame = this.#vif.txPool.take(length)
      if (frame === undefined) break
      frame.length = length
      writeMac(frame, 0, this.#to)
      writeMac(frame, 6, this.#vif.mac)
      frame.view.setUint16(frame.offset + 12, length === LONG ? ETHERTYPE_LONG : ETHERTYPE_SHORT)
      frame.view.setUint32(frame.offset + HEADER, this.sent++)
      for (let at = HEADER + 4; at < length; at++) frame.bytes[frame.offset + at] = (this.sent + at) & 255
      this.#held.push(frame)
    }
    this.push()
  }

  private push(): void {
    const taken = this.#vif.transmit(this.#held, this.#held.length)
    this.#held = this.#held.slice(taken)
  }

  private receive(frame: Frame): void {
    const type = frame.view.getUint16(frame.offset + 12)
    if (type === ETHERTYPE_SHORT || type === ETHERTYPE_LONG) {
      const number = frame.view.getUint32(frame.offset + HEADER)
      this.got.set(number, (this.got.get(number) ?? 0) + 1)
      for (let at = HEADER + 4; at < frame.length; at++) {
        if (frame.bytes[frame.offset + at] !== ((number + 1 + at) & 255))
          throw new Error(`frame ${number} came damaged`)
      }
    }
    frame.release()
  }
}

function writeMac(frame: Frame, at: number, mac: string): void {
  const bytes = mac.split(':')
  for (let i = 0; i < 6; i++) frame.bytes[frame.offset + at + i] = Number.parseInt(bytes[i] ?? '0', 16)
}
