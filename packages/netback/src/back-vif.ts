import type { Frame } from '@netaccel/packet'
import { CleanupStack, Serial, XenbusState } from '@netaccel/xen'
import {
  KEY_FEATURE_CTRL_RING,
  KEY_FEATURE_DYNAMIC_MULTICAST_CONTROL,
  KEY_FEATURE_GSO_TCPV4,
  KEY_FEATURE_GSO_TCPV6,
  KEY_FEATURE_IPV6_CSUM_OFFLOAD,
  KEY_FEATURE_MULTICAST_CONTROL,
  KEY_FEATURE_RX_COPY,
  KEY_FEATURE_RX_FLIP,
  KEY_FEATURE_SG,
  KEY_FEATURE_SPLIT_EVENT_CHANNELS,
  KEY_FEATURE_XDP_HEADROOM,
  KEY_MAC,
  KEY_MULTI_QUEUE_MAX_QUEUES,
} from '@netaccel/xen/netif'
import type { Domain, XenbusDevice, XenbusStateNumber } from '@netaccel/xen'
import type { BackQueue, QueueOwner } from './back-queue.js'
import { readFrontend } from './connect.js'
import { linearOnly, possibleMode } from './lazy/modes.js'
import { connectControl, readControl } from './hash/connect-control.js'
import type { VifHash } from './hash/vif-hash.js'
import { LiveKeys } from './live-keys.js'
import { MulticastList } from './multicast.js'
import { VifQueues } from './queues.js'
import type { QueuesOptions } from './queues.js'
import { RxStalls } from './rx-stall.js'

/** What is offered by a backend that copies each packet whole (Linux 2.6.18-xen netback, copy_skb without the operation). */
const OFFERED_LINEAR: Readonly<Record<string, string>> = {
  [KEY_FEATURE_SG]: '0',
  [KEY_FEATURE_GSO_TCPV4]: '0',
  [KEY_FEATURE_GSO_TCPV6]: '0',
}

/** What a bridge is to a vif: a place to plug a port in. */
export interface BridgeLike {
  addPort(options: {
    readonly name: string
    /** The port takes frames with fragments. */
    readonly scatter: boolean
    send(frame: Frame): void
    sendBurst(frames: readonly Frame[], from: number, to: number): void
  }): PortLike
}

/** A port of the bridge: the first `count` frames go in by {@link receiveBurst}, which owns them, not the array. */
export interface PortLike {
  receiveBurst(frames: readonly Frame[], count: number): void
  close(): void
}

export interface BackVifOptions extends QueuesOptions {
  readonly bridge: BridgeLike
}

/** What the backend offers in one transaction (Linux netback_probe), and what it offers outside of it. */
const OFFERED: Readonly<Record<string, string>> = {
  [KEY_FEATURE_SG]: '1',
  [KEY_FEATURE_GSO_TCPV4]: '1',
  [KEY_FEATURE_GSO_TCPV6]: '1',
  [KEY_FEATURE_IPV6_CSUM_OFFLOAD]: '1',
  [KEY_FEATURE_RX_COPY]: '1',
  [KEY_FEATURE_XDP_HEADROOM]: '1',
  [KEY_FEATURE_RX_FLIP]: '0',
  [KEY_FEATURE_MULTICAST_CONTROL]: '1',
  [KEY_FEATURE_DYNAMIC_MULTICAST_CONTROL]: '1',
}
const EINVAL = 22
const KEY_STATE = 'state'

/** Written by the hot-plug script of a toolstack once the interface is in its bridge; here the vif plugs itself in. */
const KEY_HOTPLUG_STATUS = 'hotplug-status'

/** The backend of one vif: offers it to the guest, follows the guest's states, serves its queues, is a port of the bridge. */
export class BackVif implements QueueOwner {
  readonly guest: number
  readonly handle: number
  readonly name: string
  readonly domain: Domain
  readonly device: XenbusDevice
  readonly multicast: MulticastList
  readonly stalls: RxStalls
  readonly port: PortLike
  mac: string
  /** The guest broke the protocol; what it did. Null: it has not since it connected. */
  disabled: string | null
  /** How often that has happened. */
  fatals: number
  private readonly made: VifQueues
  private readonly serial: Serial
  private readonly live: LiveKeys
  private readonly linear: boolean
  private connection: CleanupStack | null
  /** The guest was closed when this backend came, and has not been heard of since. */
  private foundClosed: boolean
  private closed: boolean

  /**
   * Takes pages and a port of the bridge; throws what they throw and keeps nothing then. Call {@link start} next.
   */
  constructor(domain: Domain, device: XenbusDevice, handle: number, options: BackVifOptions) {
    this.domain = domain
    this.device = device
    this.guest = device.otherendId
    this.handle = handle
    this.name = `vif${this.guest}.${handle}`
    this.multicast = new MulticastList()
    this.stalls = new RxStalls()
    this.linear =
      options.lazyCopy !== undefined && linearOnly(possibleMode(options.lazyCopy, domain.grantOps))
    this.mac = '00:00:00:00:00:00'
    this.disabled = null
    this.fatals = 0
    this.connection = null
    this.foundClosed = false
    this.closed = false
    this.serial = new Serial(domain.engine, (error) => this.report(error))
    const made = new VifQueues(this, domain, options)
    this.made = made
    this.live = new LiveKeys({
      domain,
      device,
      queues: made,
      multicast: this.multicast,
      serial: this.serial,
    })
    try {
      this.port = options.bridge.addPort({
        name: this.name,
        scatter: true,
        send: (frame) => made.send(frame),
        sendBurst: (frames, from, to) => made.sendBurst(frames, from, to),
      })
    } catch (error) {
      made.close()
      throw error
    }
  }

  /** Every queue that was ever made, the first at once; a connection uses the first {@link queueCount} of them. */
  get queues(): readonly BackQueue[] {
    return this.made.all
  }

  /** Queues of the connection in place; 1 before there was one. */
  get queueCount(): number {
    return this.made.active
  }

  /** What the guest says by its control ring of how it is sent to. */
  get hash(): VifHash {
    return this.made.hash
  }

  /** All that goes to the guest goes by its first queue until it is released; see `Steering.gather`. */
  gather(): { settled(): Promise<void>; release(): void } {
    const { steering } = this.made
    return { release: steering.gather(), settled: () => steering.settled() }
  }

  /** Changes of the hash or its table that were over before the guest had taken all of before. */
  get steeringOverruns(): number {
    return this.made.steering.overruns
  }

  /** The guest is connected, obeys, and takes what is there for it: frames pass. */
  get carrier(): boolean {
    return this.connection !== null && this.disabled === null && this.stalls.count === 0
  }

  /** Offer the vif to the guest and follow its states from now on. */
  async start(): Promise<void> {
    await this.serial.run(async () => {
      this.foundClosed = (await this.device.readOtherend(KEY_STATE)) === String(XenbusState.Closed)
      await this.offer()
    })
    await this.device.onOtherendChanged((state) => this.serial.run(() => this.follow(state)))
  }

  forward(frames: readonly Frame[], count: number): void {
    this.port.receiveBurst(frames, count)
  }

  fatal(cause: string): void {
    this.disabled = cause
    this.fatals++
    this.made.disconnect()
  }

  /** Leave the guest and give everything back; frames on their way take their pages along until they have left. */
  async close(): Promise<void> {
    await this.serial.run(async () => {
      if (this.closed) return
      this.closed = true
      await this.disconnect()
      this.port.close()
      this.made.close()
      await this.device.switchState(XenbusState.Closing)
      await this.device.switchState(XenbusState.Closed)
    })
  }

  /** Read what the toolstack says of the vif. To be awaited before anyone is told of it. */
  async identify(): Promise<void> {
    this.mac = (await this.device.read(KEY_MAC)) ?? this.mac
  }

  /** Write what is offered, and wait for the guest's keys. */
  private async offer(): Promise<void> {
    const { device, domain } = this
    const paths = (keys: Readonly<Record<string, string>>): [string, string][] =>
      Object.entries(keys).map(([key, value]) => [`${device.nodename}/${key}`, value])
    await domain.store.writeAll(paths(this.linear ? { ...OFFERED, ...OFFERED_LINEAR } : OFFERED))
    for (const [path, value] of paths(this.offeredApart())) await domain.store.write(path, value)
    await domain.store.write(`${device.nodename}/${KEY_HOTPLUG_STATUS}`, 'connected')
    await device.switchState(XenbusState.InitWait)
  }

  private offeredApart(): Readonly<Record<string, string>> {
    return {
      [KEY_FEATURE_SPLIT_EVENT_CHANNELS]: '1',
      [KEY_MULTI_QUEUE_MAX_QUEUES]: String(this.made.most),
      [KEY_FEATURE_CTRL_RING]: '1',
    }
  }

  private async follow(state: XenbusStateNumber): Promise<void> {
    if (this.closed) return
    const { device } = this
    // Closed since a backend before this one: the offer stands. To follow it to Closed would leave both ends waiting.
    if (state === XenbusState.Closed && this.foundClosed) return
    this.foundClosed = false
    switch (state) {
      case XenbusState.Initialising:
        if (this.connection !== null) await this.disconnect()
        if (device.state === XenbusState.Connected) await device.switchState(XenbusState.Closing)
        if (device.state === XenbusState.Closing) await device.switchState(XenbusState.Closed)
        if (device.state !== XenbusState.InitWait) await this.offer()
        return
      case XenbusState.Connected:
        if (this.connection === null) await this.connect()
        // Back from Reconfiguring.
        else if (device.state === XenbusState.Reconfigured) await device.switchState(XenbusState.Connected)
        return
      case XenbusState.Closing:
        await this.disconnect()
        await device.switchState(XenbusState.Closing)
        return
      case XenbusState.Closed:
      case XenbusState.Unknown:
        await this.disconnect()
        if (device.state === XenbusState.Connected) await device.switchState(XenbusState.Closing)
        await device.switchState(XenbusState.Closed)
        return
      case XenbusState.Reconfiguring:
        await this.live.readHeadroom()
        await device.switchState(XenbusState.Reconfigured)
        return
      case XenbusState.InitWait:
      case XenbusState.Initialised:
      case XenbusState.Reconfigured:
    }
  }

  private async connect(): Promise<void> {
    const { device, domain } = this
    const cleanup = new CleanupStack()
    try {
      const [keys, control] = await Promise.all([readFrontend(device, this.made.most), readControl(device)])
      await this.live.begin(cleanup)
      this.disabled = null
      if (control !== null) connectControl(domain, this, this.made, control, cleanup)
      this.made.connect(keys, cleanup)
    } catch (error) {
      await cleanup.run()
      throw error
    }
    this.connection = cleanup
    await device.switchState(XenbusState.Connected)
  }

  private async disconnect(): Promise<void> {
    const cleanup = this.connection
    this.connection = null
    if (cleanup !== null) await cleanup.run()
  }

  /** Told in the store, as xenbus_dev_fatal does; the state goes to Closing and stays there until the guest begins anew. */
  private report(error: unknown): void {
    if (this.closed) return
    const text = error instanceof Error ? error.message : String(error)
    void this.serial.run(() => this.device.fatal(EINVAL, text))
  }
}
