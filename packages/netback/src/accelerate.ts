// What netback does for accelerators. The rest of this package knows only the seam `BackQueueSide`.
import { BackendAttachments, DEADLINES, KeptPages, unfenced } from '@netaccel/core'
import type {
  AcceleratedPort,
  AttachmentHost,
  BackendAccelerator,
  BackendControl,
  BackendDevice,
  Deadlines,
  DescribeHalf,
  DoorFaults,
  EventHub,
  FlowKey,
  GuestObserver,
  KeptPage,
  Registry,
  RemoveReason,
  VifFence,
} from '@netaccel/core'
import type { Domain } from '@netaccel/xen'
import { GuestTaps } from './accelerate/guest-taps.js'
import { RxFence } from './accelerate/rx-fence.js'
import type { BackVif } from './back-vif.js'

const NS_PER_MS = 1_000_000

/** A guest that broke the protocol of its accelerator, as the backend half tells it. */
export interface Punishment {
  readonly vif: BackVif
  readonly evidence: string
}

/** What is done with such a guest: nothing but to tell, take the accelerator from the vif, or end the guest. */
export type MisbehaviourPolicy = 'report' | 'detach' | 'crash'

export interface NetbackAcceleratorsOptions {
  /** The backend registry of the domain. */
  readonly registry: Registry<BackendAccelerator>
  /** What the manifest of a loaded half declares: the loader's `describe`. */
  readonly describe: DescribeHalf
  readonly events?: EventHub
  /** The domain's pages that cannot be used again yet; default: kept here. Share it with the loader's scopes. */
  readonly kept?: KeptPages
  readonly deadlines?: Partial<Deadlines>
  /** What is done with a guest that broke the protocol; default: it is only reported. */
  readonly onPunish?: (punishment: Punishment) => MisbehaviourPolicy
  /** Ends a guest, for `crash`. */
  readonly crash?: (guest: number) => void
  /** Makes doors fail, for tests; asked once for each attachment. */
  readonly faults?: (vif: string) => DoorFaults | null
  /** False: filters are inserted at once, and frames on the slow way are overtaken. For tests; default true. */
  readonly orderFence?: boolean
}

/**
 * The accelerators of one driver domain: its ports, and its vifs. Vifs whose key `accel` names a port that a loaded half
 * has opened are probed, offered to their guests, and steered while the guest listens.
 */
export class NetbackAccelerators {
  readonly kept: KeptPages
  readonly events: EventHub
  readonly #options: NetbackAcceleratorsOptions
  readonly #attachments: BackendAttachments
  readonly #devices = new Map<BackVif, BackVifDevice>()
  readonly #controls = new Map<BackVif, BackendControl>()

  constructor(domain: Domain, options: NetbackAcceleratorsOptions) {
    const { registry, describe, deadlines } = options
    this.#options = options
    this.events = options.events ?? registry.events
    this.kept = options.kept ?? KeptPages.of(domain.engine, domain)
    this.kept.onHeld = (pages) => this.stillMapped(pages)
    const host: AttachmentHost = {
      kept: this.kept,
      log: (level, scope, text, cause) => {
        const [name = scope] = scope.split('/', 1)
        this.events.hear.plugin_log?.({ name, scope, level, text, cause })
      },
      faults: options.faults ?? (() => null),
    }
    const { engine } = domain
    const { events } = this
    this.#attachments = new BackendAttachments({
      domain,
      engine,
      registry,
      describe,
      host,
      events,
      ...(deadlines && { deadlines }),
    })
  }

  /** A port of the driver domain; loaded halves may open it. */
  addPort(port: AcceleratedPort): void {
    this.#attachments.addPort(port)
  }

  /** The port is gone: its vifs leave it first. */
  removePort(name: string): Promise<void> {
    return this.#attachments.removePort(name)
  }

  /** For `Netback.onVif`: settles when the vif is offered, or is known not to be, so before the guest can connect. */
  async addVif(vif: BackVif): Promise<void> {
    const device = new BackVifDevice(vif, this.#options, (evidence) => this.punish(vif, evidence))
    this.#devices.set(vif, device)
    this.#controls.set(vif, await this.#attachments.addVif(device))
  }

  /** For `Netback.onGone`: the accelerator leaves before the vif does. */
  async removeVif(vif: BackVif, reason: RemoveReason = 'disconnected'): Promise<void> {
    const device = this.#devices.get(vif)
    if (device !== undefined) await this.#attachments.removeVif(device, reason)
    this.#devices.delete(vif)
    this.#controls.delete(vif)
  }

  /** A vif's control: its phase, its attachment, its last report. */
  control(vif: BackVif): BackendControl | undefined {
    return this.#controls.get(vif)
  }

  /** What the original crashed a guest for at once: it keeps pages mapped that its accelerator has given up. */
  private stillMapped(pages: readonly KeptPage[]): void {
    for (const vif of this.#devices.keys()) {
      const own = pages.filter(({ by, scope }) => by === vif.guest && scope.split('/')[1] === vif.name)
      if (own.length > 0) this.punish(vif, `it still maps ${own.length} pages of its accelerator's`)
    }
  }

  private punish(vif: BackVif, evidence: string): void {
    const verdict = this.#options.onPunish?.({ vif, evidence }) ?? 'report'
    const control = this.#controls.get(vif)
    this.events.hear.punished?.({ vif: vif.name, name: control?.accelerator ?? '', evidence })
    if (verdict === 'detach') void control?.detach('failed')
    else if (verdict === 'crash') this.#options.crash?.(vif.guest)
  }
}

/** One vif, as its attachments meet it. */
class BackVifDevice implements BackendDevice {
  readonly name: string
  readonly domain: Domain
  readonly facts: BackendDevice['facts']
  readonly #vif: BackVif
  readonly #taps: GuestTaps
  readonly #fenced: boolean
  readonly #deadlines: Deadlines
  readonly #punish: (evidence: string) => void

  constructor(
    vif: BackVif,
    { orderFence, deadlines }: NetbackAcceleratorsOptions,
    punish: (evidence: string) => void,
  ) {
    this.#vif = vif
    this.#fenced = orderFence !== false
    this.#deadlines = { ...DEADLINES, ...deadlines }
    this.#punish = punish
    this.#taps = new GuestTaps(vif.queues)
    this.name = vif.name
    this.domain = vif.domain
    this.facts = {
      handle: vif.handle,
      get queueCount() {
        return vif.queueCount
      },
      peer: vif.guest,
      get mac() {
        return vif.mac
      },
      directories: { own: vif.device.nodename, peer: vif.device.otherend },
    }
  }

  get engine(): Domain['engine'] {
    return this.domain.engine
  }

  async answerOnDeparture(on: boolean, catchUp: (() => void) | null = null): Promise<void> {
    const { queues } = this.#vif
    for (const queue of queues) {
      queue.departureNs = this.#deadlines.departure * NS_PER_MS
      queue.answerOnDeparture = on
      queue.beforeForward = this.#fenced ? catchUp : null
    }
    if (on)
      await Promise.all(queues.map((queue) => new Promise<void>((resolve) => queue.whenDeparted(resolve))))
  }

  tap(observer: GuestObserver): () => void {
    return this.#taps.add(observer)
  }

  /** The first: while an accelerator keeps the order of flows, all that is for the guest goes by it. */
  queueFor(_key: FlowKey): number {
    return 0
  }

  punish(evidence: string): void {
    this.#punish(evidence)
  }

  fence(handedOver: () => Promise<void>): VifFence {
    const [queue] = this.#vif.queues
    if (!this.#fenced || queue === undefined) return unfenced
    return new RxFence({
      engine: this.engine,
      handedOver,
      queue,
      gather: this.#vif.queueCount === 1 ? null : () => this.#vif.gather(),
      drainMs: this.#deadlines.drain,
      holdMs: this.#deadlines.hold,
      departureNs: this.#deadlines.departure * NS_PER_MS,
    })
  }
}
