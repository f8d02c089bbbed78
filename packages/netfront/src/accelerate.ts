// What netfront does for accelerators. The rest of this package knows only the seams `FastPath` and `VifCompanion`.
import { FrontendControl, KeptPages, QueueHooks } from '@netaccel/core'
import type {
  AttachmentHost,
  Deadlines,
  DescribeHalf,
  DoorFaults,
  FrontendAccelerator,
  FrontendDevice,
  FrontendPaths,
  PathParts,
  Registry,
  VifChange,
  EventHub,
} from '@netaccel/core'
import type { Domain } from '@netaccel/xen'
import { FastCounters } from './accelerate/fast-counters.js'
import type { QueueKeep } from './accelerate/queue-path.js'
import { TxFence } from './accelerate/tx-fence.js'
import { VifPaths } from './accelerate/vif-paths.js'
import type { Vif, VifCompanion } from './vif.js'

export { FastCounters } from './accelerate/fast-counters.js'
export { LentTable } from './accelerate/lent-table.js'

export interface NetfrontAcceleratorsOptions {
  /** The frontend registry of the domain. */
  readonly registry: Registry<FrontendAccelerator>
  /** What the manifest of a loaded half declares: the loader's `describe`. */
  readonly describe: DescribeHalf
  readonly events?: EventHub
  /** The domain's pages that cannot be used again yet; default: kept here. Share it with the loader's scopes. */
  readonly kept?: KeptPages
  readonly deadlines?: Partial<Deadlines>
  /** Makes doors fail, for tests; asked once for each attachment. */
  readonly faults?: (vif: string) => DoorFaults | null
  /** False: flows that change paths may be overtaken by themselves. For tests of the fence; default true. */
  readonly orderFence?: boolean
}

/**
 * The accelerators of one guest's devices. Give it to `Netfront` as companion: each device that connects then watches
 * `accel-frontend`, attaches when a half of that name is loaded, and detaches before it disconnects.
 */
export class NetfrontAccelerators implements VifCompanion {
  readonly kept: KeptPages
  readonly events: EventHub
  readonly #options: NetfrontAcceleratorsOptions
  readonly #host: AttachmentHost
  readonly #devices = new Map<Vif, VifDevice>()
  readonly #controls = new Map<Vif, FrontendControl>()

  constructor(domain: Domain, options: NetfrontAcceleratorsOptions) {
    this.#options = options
    this.events = options.events ?? options.registry.events
    this.kept = options.kept ?? KeptPages.of(domain.engine, domain)
    this.#host = {
      kept: this.kept,
      log: (level, scope, text, cause) => {
        const [name = scope] = scope.split('/', 1)
        this.events.hear.plugin_log?.({ name, scope, level, text, cause })
      },
      faults: options.faults ?? (() => null),
    }
  }

  /** The device has a backend. The returned function must have settled before the rings are given back. */
  async connected(vif: Vif): Promise<() => Promise<void>> {
    const { registry, describe, deadlines } = this.#options
    const device = this.deviceOf(vif)
    const control = new FrontendControl(device, {
      registry,
      describe,
      host: this.#host,
      events: this.events,
      ...(deadlines && { deadlines }),
    })
    this.#controls.set(vif, control)
    await control.start()
    return async () => {
      await control.close()
      if (this.#controls.get(vif) === control) this.#controls.delete(vif)
    }
  }

  /** A device's control: its phase, its attachment, its last report. Undefined while it is not connected. */
  control(vif: Vif): FrontendControl | undefined {
    return this.#controls.get(vif)
  }

  /** What each queue of a device has carried by the fast path, over all its attachments. */
  fastCounters(vif: Vif): readonly FastCounters[] {
    return this.deviceOf(vif).keeps.map(({ counters }) => counters)
  }

  /** The device's MTU, MAC or carrier has changed. */
  changed(vif: Vif, change: VifChange): void {
    this.#devices.get(vif)?.changed(change)
  }

  /** The backend broke the protocol: the device leaves its accelerator, as it does before it disconnects. */
  broken(vif: Vif): void {
    void this.#controls.get(vif)?.close()
  }

  private deviceOf(vif: Vif): VifDevice {
    let device = this.#devices.get(vif)
    if (device === undefined) {
      device = new VifDevice(vif, this.#options.orderFence !== false)
      this.#devices.set(vif, device)
    }
    return device
  }
}

/** One device, as its attachments meet it. What it keeps, it keeps over connections. */
class VifDevice implements FrontendDevice {
  readonly name: string
  readonly domain: Domain
  readonly facts: FrontendDevice['facts']
  readonly #vif: Vif
  readonly #fenced: boolean
  readonly #keeps: QueueKeep[] = []
  #listeners: readonly ((change: VifChange) => void)[] = []

  constructor(vif: Vif, fenced: boolean) {
    this.#vif = vif
    this.#fenced = fenced
    this.name = vif.name
    this.domain = vif.domain
    this.facts = {
      handle: vif.handle,
      get queueCount() {
        return vif.queueCount
      },
      get mac() {
        return vif.mac
      },
      get mtu() {
        return vif.mtu
      },
      get features() {
        return vif.features
      },
      get txArenas() {
        return vif.txArenas
      },
      get peer() {
        return vif.device.otherendId
      },
      get directories() {
        return { own: vif.device.nodename, peer: vif.device.otherend }
      },
    }
  }

  get engine(): Domain['engine'] {
    return this.#vif.queues[0]?.engine ?? this.domain.engine
  }

  /** Of every queue that the device has had; a connection with more queues adds to them. */
  get keeps(): readonly QueueKeep[] {
    const { queues } = this.#vif
    for (let index = this.#keeps.length; index < queues.length; index++)
      this.#keeps.push({
        queue: queues[index],
        hooks: new QueueHooks(),
        counters: new FastCounters(),
        txFence: this.#fenced ? new TxFence() : null,
      })
    return this.#keeps
  }

  paths(parts: PathParts): FrontendPaths {
    return new VifPaths(this.keeps.slice(0, this.#vif.queueCount), parts)
  }

  onChange(changed: (change: VifChange) => void): () => void {
    this.#listeners = [...this.#listeners, changed]
    return () => {
      this.#listeners = this.#listeners.filter((other) => other !== changed)
    }
  }

  changed(change: VifChange): void {
    for (const listener of this.#listeners) listener(change)
  }
}
