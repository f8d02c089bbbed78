import { closeSync, openSync, writeSync } from 'node:fs'
import { PCAP_FILE_HEADER, PCAP_RECORD_HEADER } from '@netaccel/packet'
import {
  copyBytes,
  fillChecksum,
  FramePool,
  poolBytes,
  PcapWriter,
  privateArena,
  Segmenter,
} from '@netaccel/packet'
import type { Frame } from '@netaccel/packet'
import type { Engine } from '@netaccel/xen'
import { PortError } from './errors.js'
import type { GuestDevice, GuestStack } from './guest-device.js'
import { TAP_LONGEST_FRAME } from './tap-device.js'

const SCRATCH_BYTES = TAP_LONGEST_FRAME + 18

export interface PcapSinkOptions {
  /** The file to write, replaced if it is there. */
  readonly path: string
  /** Whose clock gives the times. */
  readonly engine: Engine
  /**
   * Write what a wire would carry: frames to be cut as their segments, unfinished checksums finished. Default true;
   * false writes the bytes as they lie there.
   */
  readonly asOnWire?: boolean
  /** Stop writing before the file is longer than this. Default: no bound. */
  readonly mostBytes?: number
}

/** Writes the frames it is shown to a capture file. They stay their owner's and are not changed. */
export class PcapSink {
  readonly path: string
  readonly #engine: Engine
  readonly #asOnWire: boolean
  readonly #writer: PcapWriter
  readonly #segmenter = new Segmenter()
  readonly #scratch: Frame
  readonly #piece: Frame
  readonly #mostBytes: number
  #fd: number | undefined
  #bytes = PCAP_FILE_HEADER
  #full = false

  /** Throws PortError 'BAD_FILE' when the file cannot be made. */
  constructor(options: PcapSinkOptions) {
    const { path, engine, asOnWire = true, mostBytes = Infinity } = options
    this.path = path
    this.#engine = engine
    this.#asOnWire = asOnWire
    this.#mostBytes = mostBytes
    const arena = privateArena(poolBytes(2, SCRATCH_BYTES))
    const pool = new FramePool(arena, { frames: 2, bytesEach: SCRATCH_BYTES })
    this.#scratch = pool.take()!
    this.#piece = pool.take()!
    const fd = openFile(path)
    this.#fd = fd
    this.#writer = new PcapWriter((block) => writeSync(fd, block))
  }

  /** Frames written. */
  get records(): number {
    return this.#writer.records
  }

  /** The bound is reached: nothing is written any more. */
  get full(): boolean {
    return this.#full
  }

  record(frame: Frame): void {
    const now = this.#engine.now()
    if (!this.#asOnWire || (frame.checksum !== 'blank' && frame.gsoSize === 0)) {
      this.#write(frame, now)
      return
    }
    if (frame.gsoSize !== 0 && this.#segmenter.begin(frame)) {
      for (let k = 0; k < this.#segmenter.count; k++) {
        this.#segmenter.write(k, this.#piece)
        this.#write(this.#piece, now)
      }
      this.#segmenter.end()
      return
    }
    const scratch = this.#scratch
    copyBytes(scratch.words, scratch.offset, frame.words, frame.offset, frame.length)
    scratch.length = frame.length
    scratch.describeAs(frame)
    fillChecksum(scratch)
    this.#write(scratch, now)
  }

  #write(frame: Frame, now: number): void {
    if (this.#fd === undefined || this.#full) return
    const bytes = PCAP_RECORD_HEADER + frame.length
    this.#full = this.#bytes + bytes > this.#mostBytes
    if (this.#full) return
    this.#bytes += bytes
    this.#writer.writeFrame(frame, now)
  }

  /** Write what is left and close the file. A second call does nothing. */
  close(): void {
    if (this.#fd === undefined) return
    this.#writer.flush()
    closeSync(this.#fd)
    this.#fd = undefined
  }
}

/**
 * A device that is also recorded: what its stack hands over, once it is taken, and what it receives. Give it to the
 * stack in place of the device.
 */
export class RecordedDevice implements GuestDevice, GuestStack {
  stack: GuestStack | null = null
  readonly #device: GuestDevice
  readonly #sink: PcapSink
  /** Frames at the head of the stack's burst that were recorded when they were offered before. */
  #recorded = 0

  constructor(device: GuestDevice, sink: PcapSink) {
    this.#device = device
    this.#sink = sink
    device.stack = this
  }

  take(length: number): Frame | undefined {
    return this.#device.take(length)
  }

  /** A frame's bytes are the device's once it is taken, so it is recorded when it is first offered. */
  transmit(frames: Frame[], count: number): number {
    for (let i = this.#recorded; i < count; i++) this.#sink.record(frames[i])
    const taken = this.#device.transmit(frames, count)
    this.#recorded = count - taken
    return taken
  }

  receive(frame: Frame): void {
    if (this.stack === null) {
      frame.release()
      return
    }
    this.#sink.record(frame)
    this.stack.receive(frame)
  }

  wake(): void {
    this.stack?.wake()
  }
}

function openFile(path: string): number {
  try {
    return openSync(path, 'w')
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new PortError('BAD_FILE', `the capture ${path} cannot be written: ${why}`, { cause: error })
  }
}
