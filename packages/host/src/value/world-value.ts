import type { Deadlines } from '@netaccel/core'
import type { LazyCopyMode } from '@netaccel/netback'
import type { CostTable } from '@netaccel/xen'

/**
 * A world is a value: plain data, safe to print, store, compare and change. Only `build()` acts on it.
 *
 * ```ts
 * const world: WorldValue = {
 *   hosts: {
 *     a: {
 *       nics: { eth0: { mac: '00:0f:53:00:00:0a' } },
 *       guests: { guest1: { vifs: { vif0: { mac: '00:16:3e:00:00:01', accel: 'eth0' } } } },
 *       links: ['guest1.vif0 -> bridge', 'eth0 -> bridge'],
 *     },
 *   },
 * }
 * ```
 */
export interface WorldValue {
  /** Seed of every chance in the run: traffic, wire loss, instants. Default 1. */
  readonly seed?: number
  /** `virtual`: exact, replayable time. `real`: the machine's clock. Default `virtual`. */
  readonly clock?: 'virtual' | 'real'
  /** Entries that differ from the default cost table, in ns for each unit of work (virtual clock only). */
  readonly costs?: Partial<CostTable>
  /** Deadlines of attaching, detaching and the order fence that differ from the defaults, in ms of engine time. */
  readonly deadlines?: Partial<Deadlines>
  /** Hosts by name. */
  readonly hosts: Readonly<Record<string, HostValue>>
  /** Cables between NICs of hosts: a sentence `'a.eth0 -> b.eth0'`, or one with the wire's properties. */
  readonly wires?: readonly (string | WireValue)[]
}

/** One machine: a driver domain with NICs and a bridge, and guests. */
export interface HostValue {
  /** Machine memory in MiB, shared by all its domains. Default 16 for each guest and 16 for the driver domain. */
  readonly memory?: number
  readonly driver?: DriverValue
  readonly nics?: Readonly<Record<string, NicValue>>
  readonly guests?: Readonly<Record<string, GuestValue>>
  /**
   * What is done with a guest that breaks the protocol of its accelerator, or keeps pages mapped that the accelerator has
   * given up: only `report` it (default), `detach` its vif from the accelerator until the plugin is loaded anew or the key
   * `accel` changes, or `crash` the guest, as the original did.
   */
  readonly misbehaviour?: 'report' | 'detach' | 'crash'
  /** Sentences `'guest1.vif0 -> bridge'`, `'eth0 -> bridge'`: what is plugged into the bridge. */
  readonly links?: readonly string[]
}

/** The driver domain. */
export interface DriverValue {
  /** Its memory in MiB. Default 16, and 1.25 for each further queue that the guests' devices may have. */
  readonly memory?: number
  /** Virtual CPUs, 1 to 32: queue i of every vif is served by number i modulo this. Default 1. */
  readonly vcpus?: number
  /** Most queues that a guest's device is offered, 1 to 64 (xen-netback max_queues). Default: `vcpus`, at most 8. */
  readonly queues?: number
  /**
   * What guests send is mapped instead of copied through the grants, and copied when it lingers (`delayed`), never
   * (`none`), or at once (`always`, `netloop`). Default: nothing is mapped.
   */
  readonly lazyCopy?: LazyCopyMode
}

export interface NicValue {
  /**
   * What hardware it is: `nic-sim` (default), or a plugin's own: the name of an installed package, or its folder, whose
   * manifest names a hardware half.
   */
  readonly kind?: string
  /** Told to a plugin's own hardware as `context.options`. */
  readonly options?: Readonly<Record<string, unknown>>
  readonly mac: string
  /** Largest packet without the Ethernet header, in bytes. Default 1500. */
  readonly mtu?: number
  /** What hardware does with a frame whose VI has no descriptor: pause the wire (default), or drop at once. */
  readonly overflow?: 'wait' | 'drop'
  /** What the NIC lets VIs send. Default: all, as the original hardware. */
  readonly police?: PoliceValue
}

/** See `PoliceOptions` of `@netaccel/nic-sim`. */
export interface PoliceValue {
  /** Drop and count what a VI sends under another address than that of its vif. */
  readonly sourceMac?: boolean
  /** Megabits per second of each VI, which waits when it would exceed them; 0: no limit. */
  readonly mbps?: number
  /** Bytes that a VI may send at once when it was silent. Default 65,536. */
  readonly burstBytes?: number
}

export interface GuestValue {
  /** Memory of the guest in MiB. Default 16, and 3 for each further queue of its devices. */
  readonly memory?: number
  /** Virtual CPUs, 1 to 32: queue i of a device is served by number i modulo this. Default 1. */
  readonly vcpus?: number
  readonly vifs: Readonly<Record<string, VifValue>>
}

export interface VifValue {
  readonly mac: string
  /** Default 1500. */
  readonly mtu?: number
  /** Name of the NIC (or of a port of kind `none`) whose accelerator this vif asks for; also settable at run time. */
  readonly accel?: string
  /** Most queues that the device asks for, 1 to 64 (xen-netfront max_queues). Default: the guest's `vcpus`, at most 8. */
  readonly queues?: number
  /** How the backend is to spread over the queues what it sends to this device; told by the control ring. */
  readonly hash?: HashValue
  /**
   * The buffers that the device sends from are granted to the backend for good, over the control ring: it may read them at any
   * time, and no packet needs a grant of its own. Default false.
   */
  readonly staticGrants?: boolean
  /** Multi-slot packets, segmentation offload, checksum offload as the frontend advertises them. Default all true. */
  readonly features?: { readonly sg?: boolean; readonly gso?: boolean; readonly checksum?: boolean }
}

/** A guest's Toeplitz hash. See `HashSetting` of `@netaccel/netfront`. */
export interface HashValue {
  /** Up to 40 bytes; what is missing is 0. */
  readonly key: readonly number[]
  /** Bits: 1 IPv4, 2 TCP over IPv4, 4 IPv6, 8 TCP over IPv6. Default all. */
  readonly types?: number
  /** Queue of each hash modulo the length of this, at most 128 of them. Default: the hash modulo the number of queues. */
  readonly mapping?: readonly number[]
}

export interface WireValue {
  /** `'a.eth0 -> b.eth0'` */
  readonly link: string
  /** Line rate; 0 (default) is unlimited. */
  readonly gbps?: number
  /** One way, in µs. Default 0. */
  readonly delayUs?: number
  /** Share of frames lost on purpose, 0 to 1, from the seed. Default 0. Such losses are named apart in every verdict. */
  readonly loss?: number
  /** Share of frames of which a bit is turned over on the way, so that a receiver drops them. Default 0. */
  readonly corrupt?: number
  /** Share of frames that arrive twice. Default 0. */
  readonly duplicate?: number
  /** Share of frames that one to three later ones overtake. Default 0. */
  readonly reorder?: number
  /** IEEE 802.3x pause. Default true. */
  readonly flowControl?: boolean
}
