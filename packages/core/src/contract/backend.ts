// The backend half: what runs in the driver domain, beside netback and the NIC driver.
import type {
  Filter,
  FilterStatus,
  FlowKey,
  PortChange,
  PortFacts,
  PortObserver,
  Vi,
  ViRequest,
  ViStatus,
} from './hardware.js'
import type { Frame } from './memory.js'
import type { Closable, HalfContext, RemoveReason, Scope, VifScope } from './types.js'

export type BackendContext = HalfContext

/** What the backend artefact's set-up returns: one per generation (`netback_connect_accelerator` of the original). */
export interface BackendAccelerator {
  /**
   * Called for each port, now and later, and for one of kind `none` named as the plugin. True: vifs whose key `accel`
   * equals `port.name` are probed.
   */
  openPort(port: BackendPort): boolean
  /**
   * A vif names a port of ours. Settles within 2 s (LC-01) with 'declined' or the vif's backend half; then the host
   * writes `accel-frontend`. Must not wait for the guest.
   */
  probe(vif: BackendVif): Promise<ProbedVif | 'declined'>
}

/** The backend half of one vif. */
export interface ProbedVif {
  /** The frontend listens: from this call on `insertFilter` works. 1 s (LC-14). */
  start?(signal: AbortSignal): Promise<void> | void
  /** Either end leaves. Once settled only filters, which the host then removes, still feed the VI. 1 s (LC-14). */
  stop?(signal: AbortSignal): Promise<void> | void
  /** Link, MTU or reset of the port (LC-12). */
  change?(change: PortChange): void
  stats?(): void
  /** The last call, exactly once; doors are still open. 2 s (LC-05). */
  remove(reason: RemoveReason, signal: AbortSignal): Promise<void> | void
}

/** A port of the driver domain, through the host's recording door. */
export interface BackendPort extends PortFacts, Scope {
  can(part: 'vis' | 'filters' | 'observe'): boolean
  /** Undone with the scope. */
  observe(observer: PortObserver): void
}

/** Sees each frame of one guest, on netback's side; under the same terms as a port observer. */
export interface GuestObserver {
  fromGuest?(frame: Frame): void
  toGuest?(frame: Frame): void
}

/** One vif of a guest, as the backend half meets it. */
export interface BackendVif extends VifScope {
  readonly port: BackendPort
  /** The keys `limits/max-filters`, `limits/max-buf-pages`, `limits/max-mcasts`; these doors enforce them (CT-07). */
  readonly limits: { readonly filters: number; readonly bufferPages: number; readonly multicasts: number }
  /** Recorded: quiesced and closed with the scope that it was made in (MEM-03). */
  createVi(request: ViRequest): Vi | ViStatus
  /** Fenced by the host, so that no frame overtakes another; 'closed' outside `start` .. `stop` (FL-01..FL-06). */
  insertFilter(key: FlowKey, vi: Vi): Promise<Filter | FilterStatus>
  /** Whose VI a flow belongs to; netback keeps its slow frames on that queue. */
  queueFor(key: FlowKey): number
  observe(observer: GuestObserver): void
  child(name: string): BackendVif & Closable
  /** The guest broke the protocol; the host's setting says crash, detach or report (CT-07). */
  punish(evidence: string): void
}
