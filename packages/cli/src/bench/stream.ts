// Frames of one length from a guest to another, as fast as they are taken.
import type { GuestVif } from '@netaccel/host'
import {
  type Frame,
  FramePool,
  parseIp,
  parseMac,
  privateArena,
  udpHeaders,
  writeUdp,
} from '@netaccel/packet'
import type { Poller } from '@netaccel/xen'

const BURST = 32
/** So many frames are answered by one, as a receiver of TCP does: bridges and accelerators learn where it is. */
const ANSWERED = 32
const ANSWER_BYTES = 64

/** One frame between two guests' devices, as bytes. Its checksum is left to whoever offloads it. */
function template(from: GuestVif, to: GuestVif, length: number): Uint8Array {
  const pool = new FramePool(privateArena(2048), { frames: 1, bytesEach: 2048 })
  const [frame] = pool.frames
  const options = {
    sourceMac: parseMac(from.mac),
    destinationMac: parseMac(to.mac),
    source: parseIp('10.0.0.1'),
    destination: parseIp('10.0.0.2'),
    sourcePort: 40_000,
    destinationPort: 5001,
    payloadLength: 0,
  }
  options.payloadLength = length - udpHeaders(options)
  frame.reset(0)
  writeUdp(frame, options)
  return frame.bytes.slice(frame.offset, frame.offset + length)
}

/** Sends for as long as it is asked to; counts what arrives. */
export class Stream implements Poller {
  readonly name = 'stream'
  /** Frames that arrived. */
  arrived = 0
  private readonly from: GuestVif
  private readonly bytes: Uint8Array
  private readonly burst: Frame[] = []
  private readonly wake: () => void
  private held = 0
  private running = false

  constructor(from: GuestVif, to: GuestVif, length: number) {
    this.from = from
    this.bytes = template(from, to, length)
    const handle = from.engine.addPoller(this)
    this.wake = () => handle.schedule()
    from.stack = { receive: (frame) => frame.release(), wake: this.wake }
    to.stack = new Answerer(to, template(to, from, ANSWER_BYTES), this)
  }

  start(): void {
    this.running = true
    this.wake()
  }

  stop(): void {
    this.running = false
  }

  poll(): boolean {
    const { from, bytes, burst } = this
    while (this.running && this.held < BURST) {
      const frame = filled(from, bytes)
      if (frame === undefined) break
      burst[this.held++] = frame
    }
    const count = this.held
    const taken = count === 0 ? 0 : from.transmit(burst, count)
    for (let i = taken; i < count; i++) burst[i - taken] = burst[i]
    this.held = count - taken
    return this.running || this.held > 0
  }
}

/** The receiver's stack. */
class Answerer {
  private readonly vif: GuestVif
  private readonly bytes: Uint8Array
  private readonly stream: Stream
  private readonly burst: Frame[] = []
  private unanswered = 0

  constructor(vif: GuestVif, bytes: Uint8Array, stream: Stream) {
    this.vif = vif
    this.bytes = bytes
    this.stream = stream
  }

  receive(frame: Frame): void {
    this.stream.arrived += frame.segments
    frame.release()
    if (++this.unanswered < ANSWERED) return
    this.unanswered = 0
    const answer = filled(this.vif, this.bytes)
    if (answer === undefined) return
    this.burst[0] = answer
    if (this.vif.transmit(this.burst, 1) === 0) answer.release()
  }

  wake(): void {
    // Answers are not made up for.
  }
}

function filled(vif: GuestVif, bytes: Uint8Array): Frame | undefined {
  const frame = vif.take(bytes.length)
  if (frame === undefined) return undefined
  frame.bytes.set(bytes, frame.offset)
  frame.length = bytes.length
  return frame
}
