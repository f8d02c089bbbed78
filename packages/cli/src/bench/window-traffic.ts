// TCP's load without TCP: each flow keeps a window of segmentation-offload frames on their way, and every frame that
// arrives is acknowledged by a small one. For a virtual clock; nothing is lost on the ways that it is used on.
import type { GuestVif } from '@netaccel/host'
import { type Frame, FramePool, parseIp, parseMac, poolBytes, writeTcp } from '@netaccel/packet'

const MSS = 1448
/** One frame's payload. */
const FRAME_PAYLOAD = 11 * MSS
/** What a flow has on its way, in frames: 256 KiB, as published (`iperf -w 256k`). */
const MOST_WINDOW = 16
/** What all flows of one queue have: as much as the queue to a guest holds, which is what TCP's windows settle at. */
const QUEUE_WINDOW = 28
const HEADERS = 54
const BUFFER_BYTES = 20_480
const BUFFERS = 160
/** A flow's number is its port, minus this. */
const FIRST_PORT = 10_000
const SINK_PORT = 5001
const SOURCE_PORT = 34
const DESTINATION_PORT = 36

interface End {
  readonly vif: GuestVif
  readonly mac: Uint8Array
  readonly ip: Uint8Array
  /** Buffers of the guest's own, so that no number of queues has more of them than another. */
  readonly pool: FramePool
  /** By queue: frames that it has not taken. */
  readonly waiting: Frame[][]
}

/** Flows from one guest to another. */
export class WindowTraffic {
  /** Payload that has arrived. */
  bytes = 0
  readonly #from: End
  readonly #to: End
  readonly #flows: number
  /** Flows that found no frame to send. */
  #starved: number[] = []
  /** By flow: bytes that no frame has acknowledged, since a wire brings what was sent in segments. */
  readonly #pending: number[] = []
  #running = false

  constructor(from: GuestVif, to: GuestVif, flows: number) {
    this.#flows = flows
    this.#from = endOf(from, '10.0.0.1')
    this.#to = endOf(to, '10.0.0.2')
    from.stack = { receive: (frame) => this.#acknowledged(frame), wake: () => retry(this.#from) }
    to.stack = { receive: (frame) => this.#arrived(frame), wake: () => retry(this.#to) }
  }

  /** Every flow's window leaves at once, from the virtual CPUs of the sender in turn. */
  start(): void {
    this.#running = true
    const { vif } = this.#from.vif
    const { cpus } = vif.domain
    const queues = Array.from({ length: this.#flows }, (_, flow) => this.#queueOf(flow))
    for (let flow = 0; flow < this.#flows; flow++)
      cpus[flow % cpus.length].defer(() => {
        const beside = queues.filter((queue) => queue === queues[flow]).length
        const window = Math.min(MOST_WINDOW, Math.floor(QUEUE_WINDOW / beside))
        for (let i = 0; i < window; i++) this.#send(flow)
      })
  }

  stop(): void {
    this.#running = false
  }

  /** By which queue the flow's frames go, at either end: both choose alike here. */
  #queueOf(flow: number): number {
    const frame = this.#written(this.#from, this.#to, flow, 0, FIRST_PORT + flow, SINK_PORT)
    if (frame === undefined) return 0
    const queue = this.#from.vif.vif.queueOf(frame)
    frame.release()
    return queue
  }

  #send(flow: number): void {
    this.#write(this.#from, this.#to, flow, FRAME_PAYLOAD)
  }

  #arrived(frame: Frame): void {
    const payload = frame.length - HEADERS
    const flow = frame.view.getUint16(frame.offset + SOURCE_PORT) - FIRST_PORT
    // What a program's read copies.
    chargeBytes(this.#to, flow, payload)
    this.bytes += payload
    frame.release()
    this.#pending[flow] = (this.#pending[flow] ?? 0) + payload
    if ((this.#pending[flow] ?? 0) < FRAME_PAYLOAD) return
    this.#pending[flow] = 0
    this.#write(this.#to, this.#from, flow, 0)
  }

  #acknowledged(frame: Frame): void {
    const flow = frame.view.getUint16(frame.offset + DESTINATION_PORT) - FIRST_PORT
    frame.release()
    if (!this.#running) return
    const starved = this.#starved
    this.#starved = []
    for (const each of starved) this.#send(each)
    this.#send(flow)
  }

  #write(from: End, to: End, flow: number, length: number): void {
    const data = length > 0
    const [source, sink] = data ? [FIRST_PORT + flow, SINK_PORT] : [SINK_PORT, FIRST_PORT + flow]
    const frame = this.#written(from, to, flow, length, source, sink)
    // The next acknowledgement comes behind the return of a frame.
    if (frame === undefined) return void this.#starved.push(flow)
    // What a program's write copies.
    if (data) chargeBytes(from, flow, length)
    const { vif } = from.vif
    const queue = vif.queueOf(frame)
    const waiting = (from.waiting[queue] ??= [])
    if (waiting.length > 0 || vif.transmitOn(queue, [frame], 1) === 0) waiting.push(frame)
  }

  #written(
    from: End,
    to: End,
    flow: number,
    payloadLength: number,
    sourcePort: number,
    destinationPort: number,
  ): Frame | undefined {
    const frame = payloadLength > 0 ? from.pool.take() : from.vif.take(HEADERS)
    if (frame === undefined) return undefined
    writeTcp(frame, {
      sourceMac: from.mac,
      destinationMac: to.mac,
      source: from.ip,
      destination: to.ip,
      sourcePort,
      destinationPort,
      sequence: flow,
      payloadLength,
      blank: true,
      gsoSize: payloadLength > MSS ? MSS : 0,
    })
    return frame
  }
}

function endOf(vif: GuestVif, ip: string): End {
  const arena = vif.vif.domain.extent.allocPages(poolBytes(BUFFERS, BUFFER_BYTES) / 4096)
  const pool = new FramePool(arena, { frames: BUFFERS, bytesEach: BUFFER_BYTES })
  return { vif, mac: parseMac(vif.mac), ip: parseIp(ip), pool, waiting: [] }
}

/** A flow's program runs on one virtual CPU. */
function chargeBytes({ vif }: End, flow: number, bytes: number): void {
  const engine = vif.vif.domain.cpuOf(flow)
  engine.charge('frame', 1)
  engine.charge('byteCopied', bytes)
}

function retry({ vif, waiting }: End): void {
  for (const [queue, frames] of waiting.entries()) {
    if (frames === undefined || frames.length === 0) continue
    frames.splice(0, vif.vif.transmitOn(queue, frames, frames.length))
  }
}
