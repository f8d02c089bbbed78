import {
  type Frame,
  FramePool,
  parseIp,
  parseMac,
  poolBytes,
  tcpHeaders,
  type TcpOptions,
  udpHeaders,
  type UdpOptions,
  writeTcp,
  writeUdp,
} from '@netaccel/packet'
import { copyEngine, type CopyEngine, type Domain, PAGE_SIZE, type Poller } from '@netaccel/xen'

/** Frames that a source writes in one go, and so the batch of every stage that follows. */
export const BATCH = 32
/** So many frames are answered by one small one, as a receiver of TCP does. */
const ANSWERED = 32
const ANSWER_BYTES = 64
const JUMBO_PAGES = 17
/** Payload of a segment that fills an Ethernet frame. */
const MSS = 1460
const LARGEST_FRAME = 1514

/** One end of the traffic: an address, and the domain whose memory its frames lie in. */
export interface End {
  readonly mac: string
  readonly ip: string
  readonly port: number
  readonly domain: Domain
}

/** Where frames are sent: a guest's device, or the driver domain's own port of the bridge. */
export interface Device {
  take(length: number): Frame | undefined
  /** The first n are taken; n is returned. */
  transmit(frames: Frame[], count: number): number
}

/** A frame that is written once, and from then on copied whole: what each frame of a flow is made from. */
class Template {
  readonly frame: Frame
  private readonly engine: CopyEngine
  private readonly base: number

  constructor(from: End, to: End, length: number) {
    const { extent, grants } = from.domain
    const pages = Math.ceil(poolBytes(1, JUMBO_PAGES * PAGE_SIZE) / PAGE_SIZE)
    const pool = new FramePool(extent.allocPages(pages), { frames: 1, bytesEach: JUMBO_PAGES * PAGE_SIZE })
    this.frame = pool.frames[0]
    this.frame.reset(0)
    this.engine = copyEngine(grants.machine)
    this.base = extent.base
    for (let at = 0; at < length; at++) extent.bytes[this.frame.offset + at] = at * 7
    write(this.frame, from, to, length)
  }

  /** As a stack that copies from its user: every byte of the frame is written. */
  copyTo(frame: Frame): void {
    const { length } = this.frame
    frame.length = length
    frame.describeAs(this.frame)
    this.engine.copy(this.base + frame.offset, this.base + this.frame.offset, length)
  }
}

/** UDP up to what Ethernet carries, above that TCP to be segmented. Checksums are left blank, as for any offload. */
function write(frame: Frame, from: End, to: End, length: number): void {
  const options: UdpOptions & TcpOptions = {
    sourceMac: parseMac(from.mac),
    destinationMac: parseMac(to.mac),
    source: parseIp(from.ip),
    destination: parseIp(to.ip),
    sourcePort: from.port,
    destinationPort: to.port,
    sequence: 1,
    blank: true,
  }
  if (length <= LARGEST_FRAME) {
    options.payloadLength = length - udpHeaders(options)
    writeUdp(frame, options)
  } else {
    options.payloadLength = length - tcpHeaders(options)
    options.gsoSize = MSS
    writeTcp(frame, options)
  }
}

/** Sends as many frames of one length as the device takes, in bursts of 32, for as long as it is asked to. */
export class Source implements Poller {
  readonly name = 'source'
  private readonly device: Device
  private readonly template: Template
  private readonly burst: Frame[] = []
  private held = 0
  private running = false
  private readonly wake: () => void

  constructor(device: Device, from: End, to: End, length: number) {
    this.device = device
    this.template = new Template(from, to, length)
    const handle = from.domain.engine.addPoller(this)
    this.wake = () => handle.schedule()
  }

  start(): void {
    this.running = true
    this.wake()
  }

  stop(): void {
    this.running = false
  }

  poll(): boolean {
    const { device, burst, template } = this
    const { length } = template.frame
    while (this.running && this.held < BATCH) {
      const frame = device.take(length)
      if (frame === undefined) break
      template.copyTo(frame)
      burst[this.held++] = frame
    }
    const count = this.held
    const taken = count === 0 ? 0 : device.transmit(burst, count)
    for (let i = taken; i < count; i++) burst[i - taken] = burst[i]
    this.held = count - taken
    return this.running || this.held > 0
  }
}

/** Counts what arrives and gives it back; answers once in a while. */
export class Sink {
  /** Frames that arrived, in wire segments. */
  segments = 0
  private readonly device: Device
  private readonly answer: Template
  private readonly burst: Frame[] = []
  private unanswered = 0

  constructor(device: Device, from: End, to: End) {
    this.device = device
    this.answer = new Template(from, to, ANSWER_BYTES)
  }

  receive(frame: Frame): void {
    this.segments += frame.segments
    frame.release()
    if (++this.unanswered >= ANSWERED) this.reply()
  }

  wake(): void {
    // Answers are not made up for.
  }

  private reply(): void {
    this.unanswered = 0
    const frame = this.device.take(ANSWER_BYTES)
    if (frame === undefined) return
    this.answer.copyTo(frame)
    this.burst[0] = frame
    if (this.device.transmit(this.burst, 1) === 0) frame.release()
  }
}

/** Segments on the wire of a frame that a source sends. */
export function segmentsOf(length: number): number {
  return length <= LARGEST_FRAME ? 1 : Math.ceil((length - 54) / MSS)
}
