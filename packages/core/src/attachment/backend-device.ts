import type { Engine } from '@netaccel/xen'
import type { BackendAccelerator, FlowKey, GuestObserver } from '../contract/index.js'
import type { VifFence } from '../scope/filters.js'
import type { PortDoors } from '../scope/port-doors.js'
import type { PortHub } from '../scope/port-hub.js'
import type { VifFacts } from '../scope/vif-doors.js'
import type { DoorDomain } from '../scope/door-domain.js'

/** One vif of netback, as its attachments meet it. */
export interface BackendDevice {
  /** For reports and events: `vif1.0`. */
  readonly name: string
  readonly domain: DoorDomain
  /** The vif's home engine: queue 0's. */
  readonly engine: Engine
  readonly facts: Omit<VifFacts, 'requestDetach'>
  /**
   * True: from now on the guest's TX requests are answered when their frames have left. Resolves when all that was
   * taken from the guest before the call has left. `catchUp` is called before each burst of the guest's frames is
   * forwarded: the port's.
   */
  answerOnDeparture(on: boolean, catchUp?: (() => void) | null): Promise<void>
  /** Look at the guest's frames on every queue; the returned function ends it. */
  tap(observer: GuestObserver): () => void
  /** The queue on which netback sends a flow's frames to the guest. */
  queueFor(key: FlowKey): number
  /** What the host's setting says for a guest that broke the protocol: crash, detach or report. */
  punish(evidence: string): void
  /**
   * Where filters are inserted in order; made once an attachment. `handedOver`: settles when every frame that the port
   * had received is with the bridge or in its VI.
   */
  fence(handedOver: () => Promise<void>): VifFence
}

/** A port that a half has opened: vifs whose key `accel` names it are the half's. */
export interface OpenedPort {
  /** Name of the accelerator. */
  readonly accelerator: string
  readonly half: BackendAccelerator
  readonly hub: PortHub
  readonly doors: PortDoors
}

/** Finds who has opened the port that a vif's key `accel` names. */
export interface PortDirectory {
  find(port: string): OpenedPort | undefined
}
