// The hardware: what a NIC driver offers. The host puts its recording doors before it, so that hardware never meets a
// plugin half directly.
import type { Arena, Frame, FramePool, Page, View } from './memory.js'
import type { DomainId, Mac, Mapping, Scope } from './types.js'

/** What a port is, for those who only look. */
export interface PortFacts {
  readonly name: string
  readonly kind: string
  readonly mac: Mac
  readonly mtu: number
  readonly link: boolean
}

/** Sees each frame of a port. The frame is valid during the call only and may not be kept, written or vetoed (ER-03). */
export interface PortObserver {
  received?(frame: Frame): void
  transmitted?(frame: Frame): void
}

export type PortChange =
  | { readonly kind: 'link'; readonly up: boolean }
  | { readonly kind: 'mtu'; readonly mtu: number }
  | { readonly kind: 'reset' | 'reset-done' | 'gone' }

/** A NIC's port, offered by its driver; each optional part is a declared capability. */
export interface AcceleratedPort extends PortFacts {
  readonly vis?: ViProvider
  readonly filters?: FilterProvider
  observe?(observer: PortObserver): void
  onChange(changed: (change: PortChange) => void): void
  /** The slow way out. 'taken': the port's, which releases it when it has left, in order (FL-07). 'full': the caller's. */
  transmit(frame: Frame): 'taken' | 'full'
  /** Settles when every frame received before the call is with the bridge or in its VI; within 100 ms (FL-08). */
  handedOver(): Promise<void>
  /**
   * Hands to the bridge what stands with the driver now. Of hardware whose VIs reach this host by a switch: netback calls it
   * before it forwards what a guest has sent by its ring, which must not overtake what that guest sent by its VI before.
   */
  catchUp?(): void
}

export interface ViProvider {
  readonly capacity: number
  create(request: ViRequest): Vi | ViStatus
}

export type ViStatus = 'none-left' | 'quota' | 'unsupported' | 'closed'

/** Rings of 8-byte events, TX and RX descriptors, counted in entries, over pages of either domain. */
export interface ViRequest {
  readonly owner: DomainId
  readonly events: number
  readonly tx: number
  readonly rx: number
  readonly rings: Arena | Mapping
  /** Address of the vif that it is for; the host's door fills it in. Hardware switches and polices by it. */
  readonly mac?: Mac
}

/** A virtual interface: an event queue, a TX ring, an RX ring, a doorbell and entries of the buffer table. */
export interface Vi {
  readonly id: number
  /** Capacities, instance, revision: for the other half. */
  readonly facts: Readonly<Record<string, number>>
  /** What the guest must map. */
  readonly pages: readonly {
    readonly role: string
    readonly page: Page
    readonly access: 'ro' | 'rw' | 'io'
  }[]
  /** Buffer-table address of the first page; below 0: quota, full, or not the owner's page (MEM-06). */
  register(pages: readonly Page[]): number
  unregister(address: number, pages: number): void
  onWake(woken: () => void): void
  /** Afterwards it neither reads nor writes (MEM-07). */
  quiesce(signal: AbortSignal): Promise<void>
  close(): void
}

export interface FilterProvider {
  readonly capacity: number
  supports(key: FlowKey): boolean
  insert(key: FlowKey, vi: Vi): Filter | FilterStatus
}

/** Which received frames a filter takes; an absent field matches anything. */
export type FlowKey = {
  readonly protocol?: 6 | 17
  readonly etherType?: number
  readonly vlan?: number
  readonly mac?: Mac
  readonly source?: string
  readonly destination?: string
  readonly sourcePort?: number
  readonly destinationPort?: number
}

export interface Filter {
  readonly key: FlowKey
  readonly vi: Vi
  /** Frames matched since insertion, for idle ageing (FL-05). */
  hits(): number
  remove(): void
}

export type FilterStatus = 'duplicate' | 'full' | 'quota' | 'unsupported' | 'closed'

/** What the hardware half of a plugin gets: a wire, the slow way in, and DMA to registered pages. */
export interface HardwareContext extends Scope {
  readonly name: string
  readonly mac: Mac
  readonly options: Readonly<Record<string, unknown>>
  readonly wire: HardwareWire
  /** The slow way in: the frame is the host's from here. */
  received(frame: Frame): void
  pool(frames: number, bytesEach: number): FramePool
  /** DMA to one page of `owner`. Throws BAD_ARGUMENT for any other page (MEM-06). */
  memory(page: Page, owner: DomainId): View
  /** A doorbell page; `written` runs at each 32-bit write. */
  ioPage(written: (offset: number, value: number) => void): Page
}

/** The cable as the hardware half sees it. Nothing is lost on it for want of room: either end may hold the other up. */
export interface HardwareWire {
  /** There is a carrier. */
  readonly link: boolean
  onLink(changed: (up: boolean) => void): void
  /** 'taken': the wire's until `onSent`. 'full': the caller's, and an `onSent` will come. A frame above the MTU is dropped. */
  send(frame: Frame): 'taken' | 'full'
  /** The frame has left, or was dropped and counted: the hardware's again. In the order of `send`, never within it. */
  onSent(sent: (frame: Frame) => void): void
  /**
   * A frame has arrived, valid during the call only. 'full': there is no buffer for it; the wire pauses and offers it
   * again after `ready`, or when a frame of one of the hardware's pools has come back.
   */
  onFrame(arrived: (frame: Frame) => 'taken' | 'full'): void
  /** There are buffers again. */
  ready(): void
}
