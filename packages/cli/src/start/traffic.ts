/** What the probe showed, over the whole run and both ways. */
export interface ProbeResult {
  readonly sent: number
  readonly lost: number
  readonly doubled: number
  readonly reordered: number
}

/** What the ping showed. All 0 where there was none. */
export interface PingResult {
  readonly sent: number
  readonly lost: number
  readonly doubled: number
}

export interface TcpResult {
  /** Segments that the senders sent again, by iperf3's own count; null where something else sends. */
  readonly retransmits: number | null
}

export interface TrafficResult {
  readonly probe: ProbeResult
  readonly ping: PingResult
  readonly tcp: TcpResult
  /** Frames that the kernel dropped before they reached us. */
  readonly beforeUs: number
  /** Sentences about what was lost outside, or could not be measured: the run then shows nothing. */
  readonly doubts: readonly string[]
}

/** What runs through the two guests: kernel programs, or a capture. */
export interface Traffic {
  /** In a sentence for the user: `iperf3, both ways at once`. */
  readonly description: string
  /** What a reader of the report should know, and what does not touch the verdict. */
  readonly remarks: readonly string[]
  start(): Promise<void>
  /** No sender sends any more once it resolves; what is under way may still arrive. */
  stopSenders(): Promise<void>
  /** The world is at rest: nothing may enter any more. */
  rest(): void
  result(): Promise<TrafficResult>
  close(): Promise<void>
}
