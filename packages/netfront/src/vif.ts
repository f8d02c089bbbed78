import type { VifChange } from '@netaccel/core'
import type { Frame } from '@netaccel/packet'
import { formatMac, parseMac } from '@netaccel/packet'
import { CleanupStack, Serial, XenbusState } from '@netaccel/xen'
import { KEY_MAC, KEY_MTU, KEY_TRUSTED, KEY_XDP_HEADROOM, XEN_NETIF_MAX_TX_SIZE } from '@netaccel/xen/netif'
import type { Arena, Domain, XenbusDevice, XenbusStateNumber } from '@netaccel/xen'
import { VifControl } from './control/vif-control.js'
import { NetfrontError } from './errors.js'
import { QueueSpread } from './queue-spread.js'
import type { GuestStack, QueueHost, QueueLink, TxRxQueue } from './queue.js'
import { VifQueues } from './queues.js'
import type { QueuesOptions } from './queues.js'
import type { RxFault } from './rx-ring.js'
import { interfaceStatistics } from './statistics.js'
import type { InterfaceStatistics } from './statistics.js'
import { transmit } from './transmit.js'
import type { TxFault } from './tx-answers.js'
import { TxPool } from './tx-pool.js'
import type { TxPoolOptions } from './tx-pool.js'
import { NO_FEATURES, readBackend, writeKeys } from './vif-keys.js'
import type { BackendOffer, VifFeatures, VifWishes } from './vif-keys.js'

export interface VifOptions extends TxPoolOptions, VifWishes, QueuesOptions {}

/**
 * 'waiting': for a backend to come. 'connecting': keys are written, the backend is not connected. 'connected'. 'broken':
 * the backend broke the protocol, nothing is carried until another takes its place. 'closed': removed.
 */
export type VifState = 'waiting' | 'connecting' | 'connected' | 'broken' | 'closed'

const EINVAL = 22
const ETH_HEADER = 14
/** Least MTU of IPv4 (RFC 791); the most without and with scatter-gather as in Linux xennet_change_mtu. */
const LEAST_MTU = 68
const MOST_MTU = 1500
/** Half a page: what is left of one still holds a whole frame of an ordinary MTU. */
const MOST_HEADROOM = 2048
const MOST_MTU_SG = XEN_NETIF_MAX_TX_SIZE - ETH_HEADER

/**
 * What lives beside the rings of a connection and goes before them. `connected` is called once a connection; the function
 * that it gives is awaited before the rings are given back. `changed` is told at once, connected or not. `broken`: the connection will
 * carry nothing any more; may be called inside a poll, so it only begins to leave.
 */
export interface VifCompanion {
  connected(vif: Vif): Promise<() => Promise<void>>
  changed(vif: Vif, change: VifChange): void
  broken(vif: Vif): void
}

/** One network device of the guest: it follows its backend through the xenbus states, and reconnects by itself. */
export class Vif implements QueueHost {
  readonly handle: number
  readonly name: string
  readonly domain: Domain
  readonly device: XenbusDevice
  readonly txPool: TxPool
  mac: string
  mtu: number
  stack: GuestStack | null
  /** Set before {@link start}; null: none. */
  companion: VifCompanion | null
  /** Called after each change of {@link state}. */
  onState: ((state: VifState) => void) | null
  /** Why the device is broken. */
  brokenReason: string | null
  private readonly options: VifOptions
  private readonly made: VifQueues
  private controlled: VifControl | null
  private readonly spread: QueueSpread
  private readonly serial: Serial
  private offered: VifFeatures
  private current: VifState
  private connection: CleanupStack | null
  /** Since the last state of the other end was acted on: it has carried frames; connecting has failed here. */
  private wasConnected: boolean
  /** We wrote Initialising by ourselves, and the backend has not offered anything since. */
  private begunAnew: boolean
  private failed: boolean
  private headroom: number
  /** The backend can leave headroom; who waits for it to do so. */
  private offersHeadroom: boolean
  private reconfigured: (() => void)[]

  /** Throws what the extent throws when the guest has not the pages. Call {@link start} next. */
  constructor(domain: Domain, device: XenbusDevice, handle: number, options: VifOptions = {}) {
    this.domain = domain
    this.device = device
    this.handle = handle
    this.name = `vif${domain.id}.${handle}`
    this.options = options
    this.mac = '00:00:00:00:00:00'
    this.mtu = 1500
    this.stack = null
    this.companion = null
    this.onState = null
    this.brokenReason = null
    this.offered = NO_FEATURES
    this.current = 'waiting'
    this.connection = null
    this.controlled = null
    this.wasConnected = false
    this.begunAnew = false
    this.failed = false
    this.headroom = options.headroom ?? 0
    this.offersHeadroom = false
    this.reconfigured = []
    this.serial = new Serial(domain.engine, (error) => this.report(error))
    this.made = new VifQueues(this, domain, options)
    this.spread = new QueueSpread(this.made.all)
    try {
      this.txPool = new TxPool(domain, options)
    } catch (error) {
      this.made.close()
      throw error
    }
  }

  /** Every queue that was ever made, the first at once; a connection uses the first {@link queueCount} of them. */
  get queues(): readonly TxRxQueue[] {
    return this.made.all
  }

  /** Queues of the connection in place; 1 before there was one. */
  get queueCount(): number {
    return this.made.active
  }

  get state(): VifState {
    return this.current
  }

  get running(): boolean {
    return this.current === 'connected'
  }

  get features(): VifFeatures {
    return this.offered
  }

  /** The control ring of the connection in place; null: one end has none. */
  get control(): VifControl | null {
    return this.controlled
  }

  /** Arenas in which every frame of {@link txPool} lies. */
  get txArenas(): readonly Arena[] {
    return this.txPool.arenas
  }

  /** Read what the toolstack says of the device, and follow the backend from now on. */
  async start(): Promise<void> {
    const { device } = this
    const [mac, mtu] = await Promise.all([device.read(KEY_MAC), device.read(KEY_MTU)])
    if (mac !== undefined) this.mac = mac
    const most = this.options.sg === false ? MOST_MTU : MOST_MTU_SG
    if (mtu !== undefined && /^\d{2,5}$/.test(mtu) && Number(mtu) >= LEAST_MTU && Number(mtu) <= most)
      this.mtu = Number(mtu)
    if (this.options.eager === true) await this.serial.run(() => this.connect())
    await device.onOtherendChanged((state) => this.serial.run(() => this.follow(state)))
  }

  /**
   * Change the largest packet that the stack hands out, without the Ethernet header, in bytes. The rings carry any legal
   * size; it is the accelerator that must know. Throws NetfrontError BAD_ARGUMENT outside 68 to 1500, or 65521 with
   * scatter-gather.
   */
  setMtu(mtu: number): void {
    const sg = this.connection === null ? this.options.sg !== false : this.offered.sg
    const most = sg ? MOST_MTU_SG : MOST_MTU
    if (!Number.isInteger(mtu) || mtu < LEAST_MTU || mtu > most) {
      throw new NetfrontError(
        'BAD_ARGUMENT',
        `${this.name} cannot have the MTU ${mtu}: give ${LEAST_MTU} to ${most}`,
      )
    }
    if (this.mtu === mtu) return
    this.mtu = mtu
    this.changed({ kind: 'mtu', mtu })
  }

  /**
   * Change the address that the stack sends from and takes frames for. The store is the toolstack's and keeps the old one.
   * Throws PacketError BAD_ADDRESS for what is no MAC.
   */
  setMac(text: string): void {
    const mac = formatMac(parseMac(text))
    if (this.mac === mac) return
    this.mac = mac
    this.changed({ kind: 'mac', mac })
  }

  /**
   * Have the backend leave `bytes` free at the start of each page that it fills (xdp-headroom), for a stack that puts headers
   * in front of what it received. Settles when the backend has followed (state Reconfigured) or is gone; without a connection
   * at once, and the next backend is told. Rejects with NetfrontError BAD_ARGUMENT outside 0 to 2048, BAD_BACKEND for one
   * that cannot.
   */
  async setHeadroom(bytes: number): Promise<void> {
    if (!Number.isInteger(bytes) || bytes < 0 || bytes > MOST_HEADROOM)
      throw new NetfrontError(
        'BAD_ARGUMENT',
        `${this.name} cannot have ${bytes} bytes of headroom: give 0 to ${MOST_HEADROOM}`,
      )
    if (this.running && !this.offersHeadroom)
      throw new NetfrontError('BAD_BACKEND', `the backend of ${this.name} leaves no headroom`)
    this.headroom = bytes
    const { device, domain } = this
    let followed: Promise<void> | undefined
    await this.serial.run(async () => {
      if (!this.running) return
      followed = new Promise((resolve) => this.reconfigured.push(resolve))
      await domain.store.write(`${device.nodename}/${KEY_XDP_HEADROOM}`, String(bytes))
      await device.switchState(XenbusState.Reconfiguring)
    })
    await followed
  }

  /**
   * Hand a burst to the device: the first n frames are taken and released when they have left, n is returned. The others
   * stay the caller's; {@link GuestStack.wake} says when to come again.
   */
  transmit(frames: readonly Frame[], count: number): number {
    const { active, all } = this.made
    return active === 1 ? transmit(all[0], frames, count) : this.spread.transmit(active, frames, count)
  }

  /**
   * The queue that a frame of the guest's goes by, 0 to {@link queueCount} - 1: by its flow, so that a flow keeps its
   * order. For a stack with a sender for each queue, which then calls {@link transmitOn}.
   */
  queueOf(frame: Frame): number {
    return this.made.active === 1 ? 0 : this.spread.queueOf(this.made.active, frame)
  }

  /** As {@link transmit}, of frames that all belong to that queue: one that is stopped holds up no other. */
  transmitOn(index: number, frames: readonly Frame[], count: number): number {
    return index < this.made.active ? transmit(this.made.all[index], frames, count) : 0
  }

  statistics(): InterfaceStatistics {
    return interfaceStatistics(this.queues)
  }

  /** Leave the backend and give everything back. Frames still with the stack take their pages along until released. */
  async close(): Promise<void> {
    await this.serial.run(async () => {
      if (this.current === 'closed') return
      await this.disconnect()
      this.become('closed')
      this.made.close()
      this.txPool.close(this.domain)
    })
  }

  broken(reason: TxFault | RxFault): void {
    if (this.current === 'broken' || this.current === 'closed') return
    this.brokenReason = reason
    for (const queue of this.queues) queue.stop()
    this.become('broken')
    if (this.companion !== null) this.companion.broken(this)
  }

  private async follow(state: XenbusStateNumber): Promise<void> {
    const { device } = this
    if (this.current === 'closed') return
    switch (state) {
      case XenbusState.InitWait:
        if (this.current === 'connected' || this.current === 'broken') {
          // A backend that begins anew has lost our rings; when it has followed us to Closed, we both begin anew.
          await this.disconnect()
          await device.switchState(XenbusState.Closed)
        } else if (this.current === 'waiting') {
          this.failed = false
          await device.switchState(XenbusState.Initialising)
          await this.connect()
        }
        return
      case XenbusState.Connected:
        if (this.current === 'connecting') this.carrierOn()
        return
      case XenbusState.Closing:
        // It leaves what was before: it took our old state for the new one, and offers anew once it sees that we began.
        if (this.begunAnew && device.state === XenbusState.Initialising && (await this.isOnline())) return
        await this.disconnect()
        if (!this.failed) await device.switchState(XenbusState.Closed)
        return
      case XenbusState.Closed:
      case XenbusState.Unknown:
        if (this.current === 'connecting' && this.options.eager === true) return
        await this.disconnect()
        // Only who has been connected begins anew by itself: two ends that cannot agree would try for ever.
        this.begunAnew = this.wasConnected && (await this.isOnline())
        if (this.begunAnew) await device.switchState(XenbusState.Initialising)
        this.wasConnected = false
        return
      case XenbusState.Reconfigured:
        if (device.state === XenbusState.Reconfiguring) await device.switchState(XenbusState.Connected)
        this.tellReconfigured()
        return
      case XenbusState.Initialising:
      case XenbusState.Initialised:
      case XenbusState.Reconfiguring:
    }
  }

  /** The toolstack unplugs a device whose backend says `online` 0 (xenbus_dev_is_online): it will not come back. */
  private async isOnline(): Promise<boolean> {
    return (await this.device.readOtherend('online')) !== '0'
  }

  private async connect(): Promise<void> {
    const cleanup = new CleanupStack()
    this.connection = cleanup
    this.begunAnew = false
    try {
      const backend = await readBackend(this.device, this.options)
      const links = await this.connectQueues(backend, cleanup)
      this.offered = backend.features
      for (const [index, link] of links.entries()) {
        const queue = this.made.all[index]
        cleanup.push('queue', () => queue.disconnect())
        queue.connect(link)
        link.notifyTx()
        if (link.notifyRx !== link.notifyTx) link.notifyRx()
      }
      if (this.companion !== null) cleanup.push('companion', await this.companion.connected(this))
      this.become('connecting')
      await this.device.switchState(XenbusState.Connected)
      if (this.device.otherendState === XenbusState.Connected) this.carrierOn()
    } catch (error) {
      this.connection = null
      await cleanup.run()
      throw error
    }
  }

  /** As many queues as both ends allow and as there is room for, made and told to the backend. */
  private async connectQueues(backend: BackendOffer, cleanup: CleanupStack): Promise<readonly QueueLink[]> {
    const { domain, device, made, options, txPool } = this
    const { features, maxQueues, splitEvents } = backend
    this.offersHeadroom = backend.headroom
    const terms = {
      backend: device.otherendId,
      pool: txPool,
      sg: features.sg,
      splitEvents: splitEvents && options.splitEvents !== false,
      bounce: options.trusted === false || (await device.read(KEY_TRUSTED)) === '0',
    }
    const count = options.eager === true ? 1 : Math.min(made.most, maxQueues ?? 1)
    const queues = await made.connect(terms, count, cleanup)
    const keys = queues.map((queue) => queue.keys)
    const wishes = { ...options, headroom: backend.headroom ? this.headroom : 0 }
    const wanted = backend.controlRing && wantsControl(options)
    const control = wanted ? new VifControl(domain, device.otherendId, cleanup) : null
    cleanup.push('control', () => void (this.controlled = null))
    if (options.staticGrants === true && !terms.bounce) control?.share(txPool.small.arena, cleanup)
    this.controlled = control
    await writeKeys(
      domain,
      device,
      wishes,
      keys,
      maxQueues !== undefined,
      control?.ring.keys ?? null,
      cleanup,
    )
    return queues.map(({ link }) => link)
  }

  private carrierOn(): void {
    this.wasConnected = true
    this.become('connected')
    const rings = this.queues.flatMap((queue) => queue.connection?.tx ?? [])
    this.controlled?.begin(this.options.hash, rings)
    for (const queue of this.queues) queue.wakeIfReady()
    this.stack?.notifyPeers?.()
  }

  private tellReconfigured(): void {
    for (const tell of this.reconfigured.splice(0)) tell()
  }

  /** Give back all that the connection took. Does nothing without one. */
  private async disconnect(): Promise<void> {
    const cleanup = this.connection
    this.connection = null
    this.offered = NO_FEATURES
    this.tellReconfigured()
    if (this.current !== 'closed') this.become('waiting')
    if (cleanup !== null) await cleanup.run()
  }

  private become(state: VifState): void {
    if (this.current === state) return
    const wasRunning = this.running
    this.current = state
    if (wasRunning !== this.running) this.changed({ kind: 'carrier', up: this.running })
    if (this.onState !== null) this.onState(state)
  }

  private changed(change: VifChange): void {
    if (this.companion !== null) this.companion.changed(this, change)
  }

  private report(error: unknown): void {
    const text = error instanceof Error ? error.message : String(error)
    if (this.current === 'closed') return
    this.failed = true
    void this.serial.run(() => this.device.fatal(EINVAL, text))
  }
}

function wantsControl({ controlRing, hash, staticGrants }: VifWishes): boolean {
  return hash !== undefined || controlRing === true || staticGrants === true
}
