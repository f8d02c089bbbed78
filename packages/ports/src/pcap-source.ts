// Stage 1 of a frame's way out and in, from a file: a guest's stack that plays a capture.
import type { Frame } from '@netaccel/packet'
import type { Engine, Timer } from '@netaccel/xen'
import type { Capture } from './capture.js'
import { flowCount } from './counters.js'
import type { FlowCount } from './counters.js'
import { PortError } from './errors.js'
import type { GuestDevice, GuestStack } from './guest-device.js'

const BURST = 64
const RETRY_NS = 50_000
/** A frame is due this early: a shorter wait could be lost in the rounding of the clock, and never pass. */
const SLACK_NS = 1

export interface PcapSourceOptions {
  readonly capture: Capture
  readonly device: GuestDevice
  readonly engine: Engine
  /** 1 (default): at the recorded pace; 2: twice as fast; 0: as fast as the device takes it. */
  readonly speed?: number
  /** Nanoseconds from the start of one round to the next; without it the capture is played once. */
  readonly repeatNs?: number
  /** Called with each frame before it is handed over: to make the numbers in it new in each round. */
  readonly prepare?: (frame: Frame, record: number, round: number) => void
  /** Takes what the device receives; without it that is released. */
  readonly receiver?: (frame: Frame) => void
  /** Called once when the last frame of the last round was handed over. */
  readonly onEnd?: () => void
}

/**
 * A guest's stack that plays a capture into the device, by the engine's clock, so in virtual time as well as in real
 * time. A device that takes nothing delays it; nothing is left out.
 */
export class PcapSource implements GuestStack {
  readonly sent: FlowCount = flowCount()
  readonly received: FlowCount = flowCount()
  readonly #options: PcapSourceOptions
  readonly #speed: number
  readonly #burst: Frame[] = []
  readonly #tick: () => void
  #held = 0
  #record = 0
  #round = 0
  #start = 0
  #running = false
  #ended = false
  #timer: Timer | undefined

  /** Takes the place of the device's stack. Throws PortError 'BAD_OPTION' for a pace that cannot be. */
  constructor(options: PcapSourceOptions) {
    const { speed = 1, repeatNs, device } = options
    if (!(speed >= 0 && speed < Infinity)) {
      throw new PortError('BAD_OPTION', `a capture cannot be played at speed ${speed}: give 0 or more`)
    }
    if (repeatNs !== undefined && !(repeatNs > 0 && speed > 0)) {
      throw new PortError(
        'BAD_OPTION',
        'a capture that repeats needs a speed and a time between rounds above 0',
      )
    }
    this.#options = options
    this.#speed = speed
    this.#tick = () => this.#play()
    device.stack = this
  }

  /** Begin, or go on where {@link stop} stopped. */
  start(): void {
    if (this.#running || this.#ended) return
    const { engine } = this.#options
    this.#running = true
    this.#start = engine.now() - this.#due()
    this.#timer = engine.after(0, this.#tick)
  }

  /** Nothing more is read from the capture; what the device has not taken yet is still handed over. */
  stop(): void {
    this.#running = false
    this.#timer?.cancel()
  }

  /** Frames that the device has not taken yet. */
  get held(): number {
    return this.#held
  }

  /** Every frame of the last round was handed over. */
  get ended(): boolean {
    return this.#ended
  }

  wake(): void {
    if (this.#held > 0) this.#send()
    if (this.#running && this.#held === 0) this.#again(0)
  }

  receive(frame: Frame): void {
    this.received.frames++
    this.received.segments += frame.segments
    this.received.bytes += frame.length
    const { receiver } = this.#options
    if (receiver === undefined) frame.release()
    else receiver(frame)
  }

  /** When the next record is due, in nanoseconds after the start. */
  #due(): number {
    const { capture, repeatNs = 0 } = this.#options
    const record = capture.records[this.#record]
    if (this.#speed === 0 || record === undefined) return 0
    return this.#round * repeatNs + record.at / this.#speed
  }

  #play(): void {
    const { engine } = this.#options
    while (this.#running && this.#held === 0) {
      const starved = this.#fill(engine.now() - this.#start)
      if (this.#held > 0) this.#send()
      if (starved) return this.#again(RETRY_NS)
      if (this.#options.capture.records[this.#record] === undefined) return this.#finish()
      const wait = this.#due() - (engine.now() - this.#start)
      if (wait > SLACK_NS) return this.#again(wait)
    }
  }

  /** Take what is due into the burst. True if the device had no frame for it. */
  #fill(elapsed: number): boolean {
    const { capture, device, prepare, engine, repeatNs } = this.#options
    while (this.#held < BURST) {
      const record = capture.records[this.#record]
      if (record === undefined || this.#due() > elapsed + SLACK_NS) return false
      const frame = device.take(record.bytes.length)
      if (frame === undefined) return true
      frame.bytes.set(record.bytes, frame.offset)
      frame.length = record.bytes.length
      prepare?.(frame, this.#record, this.#round)
      engine.charge('frame', 1)
      engine.charge('byteCopied', frame.length)
      this.#burst[this.#held++] = frame
      this.#record++
      if (this.#record === capture.records.length && repeatNs !== undefined) {
        this.#record = 0
        this.#round++
      }
    }
    return false
  }

  #send(): void {
    const burst = this.#burst
    const held = this.#held
    // A taken frame is the device's: its length is read before.
    let bytes = 0
    for (let i = 0; i < held; i++) bytes += burst[i].length
    const taken = this.#options.device.transmit(burst, held)
    for (let i = taken; i < held; i++) {
      bytes -= burst[i].length
      burst[i - taken] = burst[i]
    }
    this.#held = held - taken
    this.sent.frames += taken
    this.sent.segments += taken
    this.sent.bytes += bytes
  }

  #again(ns: number): void {
    this.#timer?.cancel()
    this.#timer = this.#options.engine.after(ns, this.#tick)
  }

  #finish(): void {
    if (this.#held > 0 || this.#ended) return
    this.#ended = true
    this.#running = false
    this.#options.onEnd?.()
  }
}
