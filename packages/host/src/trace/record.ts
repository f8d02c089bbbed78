import type { Path, Step } from './steps.js'

/** One frame at one place. Plain data. */
export interface TraceRecord {
  /** World time in ns. */
  readonly at: number
  readonly host: string
  readonly step: Step
  /** The number in docs/packet-way.md: 1, 2, 3s, 3f, ... */
  readonly stage: string
  /** Where: a vif by its path, a NIC, a port, a wire. */
  readonly place: string
  readonly path: Path
  /** `TCP 10.0.0.1:10000 > 10.0.0.2:5001`. */
  readonly flow: string
  /** The packet within its flow: see {@link Digest.number}. */
  readonly number: number
  readonly name: string
  /** Bytes behind the headers of layer 4. */
  readonly payload: number
  /** Bytes of the frame, and the wire segments that it stands for. */
  readonly length: number
  readonly segments: number
}

/** Frames and wire segments that were seen at one place since the trace began. */
export interface StepCount {
  readonly step: Step
  readonly stage: string
  readonly frames: number
  readonly segments: number
}
