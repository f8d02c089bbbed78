// Stage 1 of a frame's way out and in, with a kernel: a guest's stack that is Linux behind a TAP device.
import { copyBytes } from '@netaccel/packet'
import type { Frame } from '@netaccel/packet'
import type { Engine, PollHandle, Poller } from '@netaccel/xen'
import { flowCount, tapDrops } from './counters.js'
import type { FlowCount, TapDrops } from './counters.js'
import type { GuestDevice, GuestStack } from './guest-device.js'
import { TAP_LONGEST_FRAME } from './tap-device.js'
import type { TapDevice, TapOutcome } from './tap-device.js'
import type { TapSet, Watched } from './tap-set.js'
import { TcpMerger } from './tcp-merger.js'

/** Most frames in one burst. */
const BURST = 64
/** Frames up to this long are moved to a small buffer when one is free. */
const SMALL_FRAME = 2048
/** How often an empty pool is asked again at once, and how long to wait between later tries. */
const EAGER_TRIES = 64
const RETRY_NS = 50_000

export interface TapStackOptions {
  readonly device: GuestDevice
  readonly tap: TapDevice
  /** The guest's engine. */
  readonly engine: Engine
  readonly set: TapSet
  /** Largest packet without the Ethernet header, used when the TAP cuts its frames itself. Default 1500. */
  readonly mtu?: number
  /** Called once when the device was destroyed under us. */
  readonly onGone?: () => void
}

/**
 * A guest's stack that is the Linux kernel behind a TAP device.
 *
 * What the kernel sends is read straight into frames of the guest's device; what the device receives is written to the
 * kernel, the segments of a burst merged. While the device takes nothing the TAP is not read either, so that the kernel's own queue fills and its
 * senders slow down: nothing is dropped here for want of room.
 */
export class TapStack implements GuestStack, Poller, Watched {
  readonly name: string
  readonly fd: number
  /** Read from the kernel and taken by the device; and handed to the kernel, merged where that was possible. */
  readonly fromKernel: FlowCount = flowCount()
  readonly toKernel: FlowCount = flowCount()
  readonly dropped: TapDrops = tapDrops()
  readonly #device: GuestDevice
  readonly #tap: TapDevice
  readonly #engine: Engine
  readonly #set: TapSet
  readonly #longest: number
  readonly #onGone: (() => void) | undefined
  readonly #poller: PollHandle
  readonly #retry: () => void
  readonly #merger: TcpMerger
  readonly #burst: Frame[] = []
  /** Frames of the burst that the device has not taken: they go first. */
  #held = 0
  /** A large frame to read into, kept from one read to the next. */
  #hand: Frame | undefined
  #reading = true
  #ended = false
  #starved = 0
  #retrying = false

  /** Takes the place of the device's stack. */
  constructor(options: TapStackOptions) {
    const { device, tap, engine, set, mtu = 1500, onGone } = options
    this.name = `tap ${tap.name}`
    this.fd = tap.fd
    this.#device = device
    this.#tap = tap
    this.#engine = engine
    this.#set = set
    this.#longest = tap.gso ? TAP_LONGEST_FRAME : mtu + 18
    this.#onGone = onGone
    this.#merger = new TcpMerger((frame) => this.#write(frame))
    this.#poller = engine.addPoller(this)
    this.#retry = () => {
      this.#retrying = false
      this.#poller.schedule()
    }
    device.stack = this
    set.add(this)
  }

  /** Whether frames are read from the kernel. While false they stay in its queue. */
  get reading(): boolean {
    return this.#reading
  }

  set reading(on: boolean) {
    this.#reading = on
    if (on && !this.#ended) this.#poller.schedule()
  }

  /** Frames that were read and that the device has not taken yet. */
  get held(): number {
    return this.#held
  }

  /** The device was destroyed, or {@link close} was called. */
  get ended(): boolean {
    return this.#ended
  }

  get wantsInput(): boolean {
    return this.#reading && this.#held === 0 && !this.#retrying && !this.#poller.scheduled
  }

  ready(): void {
    this.#poller.schedule()
  }

  failed(): void {
    if (this.#ended) return
    this.close()
    this.#onGone?.()
  }

  wake(): void {
    if (!this.#ended) this.#poller.schedule()
  }

  receive(frame: Frame): void {
    this.#engine.charge('frame', 1)
    this.#engine.charge('byteCopied', frame.length)
    this.#merger.push(frame)
    frame.release()
    if (this.#merger.open > 0) this.#poller.schedule()
  }

  poll(budget: number): boolean {
    if (this.#ended) return false
    this.#merger.flush()
    if (this.#held > 0) {
      this.#send()
      if (this.#held > 0) return false
    }
    if (!this.#reading) return false
    const outcome = this.#read(budget < BURST ? budget : BURST)
    if (this.#held > 0) this.#send()
    if (outcome === 'gone') {
      this.failed()
      return false
    }
    if (outcome === 'full') return this.#waitForFrames()
    this.#starved = 0
    return outcome === 'done' && this.#held === 0
  }

  /** Stop for good and give back every frame that is ours. The TAP itself is its owner's to close. */
  close(): void {
    if (this.#ended) return
    this.#merger.flush()
    this.#ended = true
    this.#set.remove(this)
    this.#poller.remove()
    if (this.#device.stack === this) this.#device.stack = null
    for (let i = 0; i < this.#held; i++) this.#burst[i].release()
    this.#burst.length = 0
    this.#held = 0
    this.#hand?.release()
    this.#hand = undefined
  }

  /** Fill the burst. 'done': the budget is used up; 'full': no frame to read into. */
  #read(budget: number): TapOutcome {
    let bytes = 0
    let outcome: TapOutcome = 'done'
    while (this.#held < budget) {
      const hand = this.#hand ?? this.#device.take(this.#longest)
      this.#hand = hand
      outcome = hand === undefined ? 'full' : this.#tap.read(hand)
      if (outcome === 'bad-header') this.dropped.badHeader++
      else if (hand === undefined || outcome !== 'done') break
      else {
        bytes += hand.length
        this.#burst[this.#held++] = this.#settle(hand)
      }
    }
    this.#engine.charge('frame', this.#held)
    this.#engine.charge('byteCopied', bytes)
    return outcome
  }

  /** What has been read, in a buffer of its size: the large one is needed for the next read. */
  #settle(hand: Frame): Frame {
    const length = hand.length
    if (length <= SMALL_FRAME) {
      const small = this.#device.take(length)
      if (small !== undefined && small.capacity < hand.capacity) {
        copyBytes(small.words, small.offset, hand.words, hand.offset, length)
        small.length = length
        small.describeAs(hand)
        return small
      }
      small?.release()
    }
    this.#hand = undefined
    return hand
  }

  #send(): void {
    const burst = this.#burst
    const held = this.#held
    // A taken frame is the device's: what is counted is read before.
    let segments = 0
    let bytes = 0
    for (let i = 0; i < held; i++) {
      segments += burst[i].segments
      bytes += burst[i].length
    }
    const taken = this.#device.transmit(burst, held)
    for (let i = taken; i < held; i++) {
      const left = burst[i]
      segments -= left.segments
      bytes -= left.length
      burst[i - taken] = left
    }
    this.#held = held - taken
    this.fromKernel.frames += taken
    this.fromKernel.segments += segments
    this.fromKernel.bytes += bytes
  }

  /** No frame is free: they come back as the device sends, which nobody tells us. Ask at once, then now and then. */
  #waitForFrames(): boolean {
    if (this.#held > 0) return false
    if (++this.#starved <= EAGER_TRIES) return true
    if (!this.#retrying) {
      this.#retrying = true
      this.#engine.after(RETRY_NS, this.#retry)
    }
    return false
  }

  /** Hand one frame to the kernel; it stays whose it is. */
  #write(frame: Frame): void {
    const outcome = this.#ended ? 'gone' : this.#tap.write(frame)
    if (outcome === 'done') {
      this.toKernel.frames++
      this.toKernel.segments += frame.segments
      this.toKernel.bytes += frame.length
    } else this.#drop(outcome)
  }

  #drop(outcome: TapOutcome): void {
    if (outcome === 'gone') this.dropped.gone++
    else if (outcome === 'down') this.dropped.down++
    else if (outcome === 'refused') this.dropped.refused++
    else this.dropped.full++
  }
}
