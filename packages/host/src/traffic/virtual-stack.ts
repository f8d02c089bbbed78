// Stage 1 of a frame's way out and in, without a kernel: a guest's stack that generates traffic.
import type { Frame, Random } from '@netaccel/packet'
import type { GuestStack } from '@netaccel/netfront'
import type { Engine } from '@netaccel/xen'
import type { Flow } from './flows.js'

/** What a guest's device tells its stack. */
export interface DeviceStack extends GuestStack {
  /**
   * Another device has taken the place of this one, in other memory: frames that were taken and not sent are to be
   * released.
   */
  moved?(): void
}

/** What a generated stack needs of a guest's device; netfront's vif is one. */
export interface StackDevice {
  take(length: number): Frame | undefined
  transmit(frames: Frame[], count: number): number
  stack: DeviceStack | null
}

/** How a generated stack sends: bursts of 1 to `burst` frames, `gapNs` apart on average, until told to stop. */
export interface Pace {
  readonly burst: number
  readonly gapNs: number
}

/** A guest's stack without a kernel: generates traffic and consumes what arrives. */
export class VirtualStack {
  /** Wire segments handed to the device, and received from it. */
  sent = 0
  received = 0
  readonly #device: StackDevice
  readonly #engine: Engine
  readonly #random: Random
  readonly #burst: Frame[] = []
  #flows: readonly Flow[] = []
  #pace: Pace = { burst: 16, gapNs: 20_000 }
  #running = false
  /** Frames of a burst that the device did not take yet: they go first when it wakes us. */
  #held = 0

  constructor(device: StackDevice, engine: Engine, random: Random) {
    this.#device = device
    this.#engine = engine
    this.#random = random
    device.stack = {
      receive: (frame) => this.#receive(frame),
      wake: () => this.#wake(),
      moved: () => this.#moved(),
    }
  }

  start(flows: readonly Flow[], pace: Pace): void {
    this.#flows = flows
    this.#pace = pace
    if (this.#running) return
    this.#running = true
    this.#engine.defer(() => this.#tick())
  }

  /** No new frames from here; what the device has not taken yet is still sent. */
  stop(): void {
    this.#running = false
  }

  /** Nothing waits for the device. */
  get idle(): boolean {
    return this.#held === 0
  }

  #tick(): void {
    if (!this.#running) return
    if (this.#held === 0) this.#generate()
    this.#engine.after(1 + this.#random.below(2 * this.#pace.gapNs), () => this.#tick())
  }

  #generate(): void {
    const burst = this.#burst
    const count = 1 + this.#random.below(this.#pace.burst)
    let made = 0
    for (let tries = count; tries > 0; tries -= 1) {
      const flow = this.#flows[this.#random.below(this.#flows.length)]
      const frame = this.#device.take(flow.need)
      // No room for a frame of this size: others may have room for theirs.
      if (frame === undefined) continue
      flow.write(frame)
      burst[made] = frame
      made += 1
    }
    this.#held = made
    this.#send()
  }

  #send(): void {
    const burst = this.#burst
    const count = this.#held
    if (count === 0) return
    const taken = this.#device.transmit(burst, count)
    if (taken > 0) this.#engine.charge('frame', taken)
    for (let i = 0; i < taken; i += 1) this.sent += burst[i].segments
    for (let i = taken; i < count; i += 1) burst[i - taken] = burst[i]
    this.#held = count - taken
  }

  #receive(frame: Frame): void {
    this.received += frame.segments
    this.#engine.charge('frame', 1)
    frame.release()
  }

  #wake(): void {
    this.#send()
  }

  #moved(): void {
    for (let i = 0; i < this.#held; i += 1) this.#burst[i].release()
    this.#held = 0
  }
}
