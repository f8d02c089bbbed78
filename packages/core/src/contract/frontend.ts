// The frontend half: what runs in the guest, beside netfront.
import type { Arena, Frame, FramePool } from './memory.js'
import type { HalfContext, Mac, RemoveReason, VifScope } from './types.js'

export type FrontendContext = HalfContext

/** What a queue says about one frame. Declining is normal, so it is not an error. */
export type Verdict = 'accepted' | 'declined' | 'busy'

/** What the frontend artefact's set-up returns: one per generation (`netfront_accelerator_loaded` of the original). */
export interface FrontendAccelerator {
  /**
   * A vif wants this accelerator (`new_device`). Settles within 5 s (LC-01) with 'declined', or with a vif whose VI is
   * mapped and whose RX buffers are posted. Called once an attachment, never twice at once for a vif (LC-02, LC-06). No
   * hook is installed yet, so it must not wait for traffic.
   */
  newDevice(vif: FrontendVif): Promise<AcceleratedVif | 'declined'>
}

/** Control of one vif: runs on the vif's home engine, under a deadline. */
export interface AcceleratedVif {
  /** Once per queue, on the queue's engine, after `newDevice`. Does not wait; may allocate; delivers nothing (LC-03). */
  openQueue(queue: FrontendQueue): AcceleratedQueue
  /** The vif's MTU, MAC or carrier changed (TX-12). */
  change?(change: VifChange): void
  /** Adds to the declared counters what hardware counted since the last call (ST-01, ST-02). */
  stats?(): void
  /** The last call, exactly once: hooks are cleared, nothing is lent any more, doors are still open. 2 s (LC-05). */
  remove(reason: RemoveReason, signal: AbortSignal): Promise<void> | void
}

/**
 * The data path of one queue: runs on the queue's engine; synchronous, allocates nothing (PF-01), never throws (TX-01,
 * ER-03). From `openQueue` on every hook may be called in any order and number, hardware ready or not (LC-03).
 */
export interface AcceleratedQueue {
  /** Most frames that are ever lent at once. */
  readonly txDepth: number
  /** Most received frames that can stand unread in hardware. */
  readonly rxDepth: number
  /** True: `startXmit` would not decline this frame. Changes nothing and does not look at room (TX-06). */
  accepts(frame: Frame): boolean
  /**
   * Offers one frame for transmission (`start_xmit`).
   *
   * 'accepted': lent to the plugin until `completeTx` or `failTx`, exactly once (TX-02).
   * 'declined': no trace is left; the host sends it by the ring (TX-03).
   * 'busy': no trace is left; the host parks the frame and offers it again (TX-07).
   */
  startXmit(frame: Frame): Verdict
  /** End of a burst in which something was accepted: all lent frames now leave by themselves (TX-10, PF-02). */
  flush(): void
  /** True: no legal frame would be told busy now (`check_ready`). Pure (IR-04). */
  hasRoom(): boolean
  /** Delivers at most `budget` frames and completes what has left (`netdev_poll`, RX-01, RX-02). */
  poll(budget: number): 'idle' | 'more'
  /** 'armed': the poll may sleep. 'waiting': an event stands unread, poll again (`start_napi_irq`, IR-01, IR-02). */
  startInterrupts(): 'armed' | 'waiting'
  /** No event schedules until armed again (`stop_napi_irq`, IR-03). */
  stopInterrupts(): void
}

export type VifChange =
  | { readonly kind: 'mtu'; readonly mtu: number }
  | { readonly kind: 'mac'; readonly mac: Mac }
  | { readonly kind: 'carrier'; readonly up: boolean }

/** One network device of the guest, as the frontend half meets it. */
export interface FrontendVif extends VifScope {
  readonly mtu: number
  /** What the stack may hand out. */
  readonly features: { readonly sg: boolean; readonly gso: boolean; readonly checksum: boolean }
  /** Where every offered frame lies: register them with the hardware to send without a copy. */
  readonly txArenas: readonly Arena[]
  /** A pool for received frames; its pages outlive the plugin until the last frame is back (MEM-05). */
  pool(frames: number, bytesEach: number): FramePool
}

/** Why a lent frame will never leave. */
export type TxFailure = 'refused' | 'link-down' | 'reset'

/** Why a frame that hardware received is not delivered. */
export type RxDrop =
  | 'truncated'
  | 'bad-crc'
  | 'bad-checksum'
  | 'no-descriptor'
  | 'rights'
  | 'malformed'
  | 'no-memory'

/** The host's end of one queue. The host counts at these doors; a plugin never reports a count of frames. */
export interface FrontendQueue {
  readonly index: number
  /** In `poll` only. The frame is the host's from here; it may wait behind an RX fence (RX-03, RX-05). */
  deliver(frame: Frame): void
  /** In `poll` only: this lent frame has left (TX-04). It is the host's again. */
  completeTx(frame: Frame): void
  /** In `poll` only: this lent frame never will leave; the host counts the drop and owns the frame again. */
  failTx(frame: Frame, reason: TxFailure): void
  /** Counts frames that hardware received and the plugin could not deliver (RX-03). */
  dropRx(reason: RxDrop, segments: number, bytes: number): void
  /** Poll me soon. */
  schedule(): void
  /** Room has appeared without a completion (`netfront_check_queue_ready`, then wake; IR-05). */
  wake(): void
  /** Charges the plugin's own loops to the engine's cost table (PF-03). */
  charge(cost: 'descriptor' | 'byte' | 'event', count: number): void
}
