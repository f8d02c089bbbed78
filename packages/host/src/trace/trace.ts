import { type Frame, PacketInfo } from '@netaccel/packet'
import { HostError } from '../errors.js'
import { Digest } from './digest.js'
import { groupPackets, type TracedPacket } from './packets.js'
import type { StepCount, TraceRecord } from './record.js'
import { type Path, type Step, STEP_NAMES, STEPS } from './steps.js'
import { lineOf, packetText } from './text.js'

export interface TraceOptions {
  /** Records that are kept, the newest; older ones are forgotten. Default 65,536. */
  readonly capacity?: number
  /** Record only frames whose flow contains this text, such as `10.0.0.1:10000`. Default: all. */
  readonly flow?: string
  /** Sees each frame that is recorded, where it is recorded; it may read it before it returns. */
  readonly capture?: (host: string, step: Step, frame: Frame, at: number) => void
}

/** See {@link Trace.since}. */
export interface TraceSpan {
  readonly records: readonly TraceRecord[]
  /** What to give to the next call. */
  readonly next: number
  /** Records that were forgotten before anybody asked for them. */
  readonly missed: number
}

/** One place of the trace's ring: filled again and again. */
class Slot {
  at = 0
  host = ''
  step: Step = 'fork'
  place = ''
  path: Path = ''
  length = 0
  segments = 0
  readonly digest = new Digest()
}

const DEFAULT_CAPACITY = 65_536

/**
 * What happened to each frame, stage by stage. Made by `world.trace()`, which sets its watchers; ended by {@link stop}.
 * Recording reads a frame's headers and keeps nothing of it; with no trace on, a stage pays one field read a frame.
 */
export class Trace {
  /** Takes the watchers away; set by whoever set them. */
  undo: (() => void) | null = null
  readonly #now: () => number
  readonly #capacity: number
  readonly #only: string | null
  readonly #capture: TraceOptions['capture']
  readonly #slots: Slot[] = []
  readonly #info = new PacketInfo()
  readonly #frames = new Map<Step, number>()
  readonly #segments = new Map<Step, number>()
  #spare = new Slot()
  #written = 0

  constructor(now: () => number, options: TraceOptions = {}) {
    const { capacity = DEFAULT_CAPACITY, flow = null } = options
    if (!(Number.isInteger(capacity) && capacity > 0))
      throw new HostError(
        'BAD_VALUE',
        `A trace cannot keep ${capacity} records: give a whole number above 0.`,
      )
    this.#now = now
    this.#capacity = capacity
    this.#only = flow
    this.#capture = options.capture
  }

  /** Records that are kept now. */
  get size(): number {
    return this.#slots.length
  }

  /** Records that were made, and forgotten for want of room. */
  get forgotten(): number {
    return this.#written - this.#slots.length
  }

  /** For the watchers: one frame at one place. The frame stays whose it is. */
  record(host: string, step: Step, place: string, path: Path, frame: Frame): void {
    const slot = this.#spare
    slot.digest.take(frame, this.#info)
    if (this.#only !== null && !slot.digest.flow.includes(this.#only)) return
    slot.at = this.#now()
    this.#capture?.(host, step, frame, slot.at)
    slot.host = host
    slot.step = step
    slot.place = place
    slot.path = path
    slot.length = frame.length
    slot.segments = frame.segments
    const at = this.#written % this.#capacity
    this.#spare = this.#slots[at] ?? new Slot()
    this.#slots[at] = slot
    this.#written++
    this.#frames.set(step, (this.#frames.get(step) ?? 0) + 1)
    this.#segments.set(step, (this.#segments.get(step) ?? 0) + frame.segments)
  }

  /** End it: nobody is watched any more, what was recorded stays readable. A second call does nothing. */
  stop(): void {
    this.undo?.()
    this.undo = null
  }

  /** What is kept, oldest first: in the order in which it happened. */
  records(): TraceRecord[] {
    const start = this.#written > this.#capacity ? this.#written % this.#capacity : 0
    return [...this.#slots.slice(start), ...this.#slots.slice(0, start)].map(recordOf)
  }

  /** What was recorded after a former call, whose `next` is given; 0: from the beginning. For who reads it as it goes on. */
  since(from: number): TraceSpan {
    const first = Math.max(from, this.#written - this.#capacity)
    const records: TraceRecord[] = []
    for (let at = first; at < this.#written; at++) records.push(recordOf(this.#slots[at % this.#capacity]))
    return { records, next: this.#written, missed: first - from }
  }

  /** One line a record. */
  lines(): string[] {
    return this.records().map(lineOf)
  }

  /** The records put together by packet, whatever became of its copies and segments; in the order of their beginnings. */
  packets(): TracedPacket[] {
    return groupPackets(this.records())
  }

  /** The packets of the flows whose text contains `flow`. */
  of(flow: string): TracedPacket[] {
    return groupPackets(this.records().filter((record) => record.flow.includes(flow)))
  }

  /** Every packet with its way, to be read by a person. */
  text(): string {
    return this.packets().map(packetText).join('\n\n')
  }

  /** What passed each place since the trace began, also of what was forgotten; places that saw nothing are left out. */
  steps(): StepCount[] {
    return STEP_NAMES.flatMap((step) => {
      const frames = this.#frames.get(step)
      if (frames === undefined) return []
      return [{ step, stage: STEPS[step].stage, frames, segments: this.#segments.get(step) ?? 0 }]
    })
  }
}

function recordOf({ at, host, step, place, path, length, segments, digest }: Slot): TraceRecord {
  const { stage } = STEPS[step]
  const { flow, number, name, payload } = digest
  return { at, host, step, stage, place, path, flow, number, name, payload, length, segments }
}
