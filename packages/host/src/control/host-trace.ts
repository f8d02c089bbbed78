// `trace` on the socket: each frame on its whole way, as soon as it has ended it.
import { closeSync, existsSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { type Frame, PcapngWriter } from '@netaccel/packet'
import { HostError } from '../errors.js'
import { type FrameWay, wayOf } from '../trace/frame-line.js'
import { groupPackets, type TracedPacket } from '../trace/packets.js'
import type { TraceRecord } from '../trace/record.js'
import { type Step, STEPS } from '../trace/steps.js'
import { type Controlled, worldPause } from './controlled.js'
import type { Stream } from './host-connection.js'

/** How often frames are told. */
const TELL_NS = 20_000_000
/** A frame that was not received by then is told as it stands: it was dropped, or flooded, or is held somewhere. */
const PATIENCE_NS = 200_000_000
/** Records of frames under way that are remembered; beyond it all are told as they stand. */
const MOST_OPEN = 50_000
/** A capture is ended at this size, in bytes. */
const MOST_CAPTURE = 1 << 28

export interface TraceRequest {
  /** Only frames whose flow contains this text. */
  readonly flow?: string | undefined
  /** Frames after which it ends; default: when the client has enough. */
  readonly count?: number | undefined
  /** A folder in which a pcapng file is written, one interface a stage. */
  readonly pcap?: string | undefined
}

export interface TraceResult {
  readonly frames: number
  /** Frames that the client was too slow for, and records that were forgotten before they were told. */
  readonly missed: number
  /** The capture; `cut`: it was ended before the trace, at its greatest size or because the disk was full. */
  readonly pcap: { readonly file: string; readonly records: number; readonly cut: boolean } | null
}

/** Tell each frame until the client has enough, or `count` were told. @throws HostError BAD_VALUE */
export async function traceFrames(
  host: Controlled,
  { flow, count = Infinity, pcap }: TraceRequest,
  stream: Stream,
): Promise<TraceResult> {
  const capture = pcap === undefined ? null : new StageCapture(pcap, host.name)
  const trace = host.world.trace({
    ...(flow === undefined ? {} : { flow }),
    ...(capture === null ? {} : { capture: capture.take }),
  })
  const telling = new Telling(stream, count)
  let next = 0
  try {
    while (!stream.signal.aborted && !telling.over) {
      await worldPause(host, TELL_NS, stream.signal)
      const span = trace.since(next)
      next = span.next
      telling.missed += span.missed
      telling.tell(span.records, host.world.timeline.now())
    }
  } finally {
    trace.stop()
    capture?.close()
  }
  const { frames, missed } = telling
  return { frames, missed, pcap: capture?.summary ?? null }
}

/** Puts records together to frames and tells those that have ended. */
class Telling {
  frames = 0
  missed = 0
  readonly #stream: Stream
  readonly #count: number
  #open: TraceRecord[] = []

  constructor(stream: Stream, count: number) {
    this.#stream = stream
    this.#count = count
  }

  get over(): boolean {
    return this.frames >= this.#count
  }

  tell(records: readonly TraceRecord[], now: number): void {
    const packets = groupPackets([...this.#open, ...records])
    const patience = this.#open.length + records.length > MOST_OPEN ? 0 : PATIENCE_NS
    this.#open = []
    for (const packet of packets) {
      // Its beginning was before the trace's, or it is an echo of what was told already.
      if (packet.records[0].step !== 'stack sends') continue
      const way = wayOf(packet)
      if (way.arrived || now - way.at > patience) this.#send(way)
      else this.#keep(packet)
    }
  }

  #send(way: FrameWay): void {
    if (this.over) return
    this.frames += 1
    if (!this.#stream.send(way)) this.missed += 1
  }

  #keep({ records }: TracedPacket): void {
    this.#open.push(...records)
  }
}

/** A capture with one interface for each stage of each host, in the order in which frames come to them. */
class StageCapture {
  readonly file: string
  readonly #descriptor: number
  readonly #writer: PcapngWriter
  readonly #interfaces = new Map<string, number>()
  #written = 0
  #full = false

  constructor(folder: string, name: string) {
    try {
      mkdirSync(folder, { recursive: true })
      this.file = freeName(folder, name)
      this.#descriptor = openSync(this.file, 'wx')
    } catch (cause) {
      const why = (cause as Error).message
      throw new HostError('BAD_VALUE', `No capture can be written in ${folder}: ${why}.`, [], cause)
    }
    this.#writer = new PcapngWriter((block) => this.#write(block), { application: '@netaccel/host' })
  }

  get summary(): NonNullable<TraceResult['pcap']> {
    return { file: this.file, records: this.#writer.records, cut: this.#full }
  }

  readonly take = (host: string, step: Step, frame: Frame, at: number): void => {
    if (this.#full) return
    const key = `${host} ${step}`
    let where = this.#interfaces.get(key)
    if (where === undefined) {
      const { stage, says } = STEPS[step]
      where = this.#writer.addInterface(`${host} ${stage} ${step}`, says)
      this.#interfaces.set(key, where)
    }
    this.#writer.writeFrame(where, frame, at)
  }

  close(): void {
    this.#writer.flush()
    closeSync(this.#descriptor)
  }

  /** Called from within a frame's way, which a full disk must not end. */
  #write(block: Uint8Array): void {
    try {
      this.#written += writeSync(this.#descriptor, block)
      this.#full = this.#written > MOST_CAPTURE
    } catch {
      this.#full = true
    }
  }
}

function freeName(folder: string, name: string): string {
  for (let number = 1; ; number += 1) {
    const file = join(folder, `${name}-${number}.pcapng`)
    if (!existsSync(file)) return file
  }
}
