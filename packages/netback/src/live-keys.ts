// What may change of a vif while its guest is connected: Linux xen_register_watchers, read_xenbus_frontend_xdp.
import type { CleanupStack, Domain, Serial, XenbusDevice } from '@netaccel/xen'
import { KEY_RATE, KEY_REQUEST_MULTICAST_CONTROL, KEY_XDP_HEADROOM } from '@netaccel/xen/netif'
import type { MulticastList } from './multicast.js'
import type { VifQueues } from './queues.js'
import { parseRate } from './tx-credit.js'

/** XEN_NETIF_MAX_XDP_HEADROOM. */
const MOST_HEADROOM = 0x7fff

export interface LiveKeysParts {
  readonly domain: Domain
  readonly device: XenbusDevice
  readonly queues: VifQueues
  readonly multicast: MulticastList
  /** In which the keys are read again, so that what was written last counts. */
  readonly serial: Serial
}

/**
 * The rate limit and request-multicast-control are watched for as long as the guest is connected, xdp-headroom is read when
 * it connects and when it says Reconfiguring.
 */
export class LiveKeys {
  private readonly parts: LiveKeysParts
  private live: boolean

  constructor(parts: LiveKeysParts) {
    this.parts = parts
    this.live = false
  }

  /** A guest is about to be connected: watch, and read all; the end is pushed on `cleanup`. */
  async begin(cleanup: CleanupStack): Promise<void> {
    const { device, multicast } = this.parts
    this.live = true
    cleanup.push('live keys', () => {
      this.live = false
      multicast.clear()
    })
    await this.watch(cleanup, `${device.nodename}/${KEY_RATE}`, () => this.readRate())
    await this.watch(cleanup, `${device.otherend}/${KEY_REQUEST_MULTICAST_CONTROL}`, () =>
      this.readMulticastControl(),
    )
    await Promise.all([this.readRate(), this.readMulticastControl(), this.readHeadroom()])
  }

  /** What the guest wants free at the start of each page: a decimal u16, at most 0x7fff; anything else is nothing. */
  async readHeadroom(): Promise<void> {
    const { device, queues } = this.parts
    const text = (await device.readOtherend(KEY_XDP_HEADROOM)) ?? ''
    const bytes = /^\d{1,5}$/.test(text) && Number(text) <= 0xffff ? Number(text) : 0
    if (this.live) queues.setHeadroom(Math.min(bytes, MOST_HEADROOM))
  }

  /** However often the key is written, one reading waits at most (XSA-349). */
  private async watch(cleanup: CleanupStack, path: string, read: () => Promise<void>): Promise<void> {
    const { domain, serial } = this.parts
    let waits = false
    const readOnce = (): Promise<void> => {
      waits = false
      return read()
    }
    const watch = await domain.store.watch(path, () => {
      if (waits) return
      waits = true
      void serial.run(readOnce)
    })
    cleanup.push('watch', () => watch.unwatch())
  }

  /** Each queue has the whole rate, as in Linux. */
  private async readRate(): Promise<void> {
    const { device, queues } = this.parts
    const rate = parseRate(await device.read(KEY_RATE))
    if (this.live) queues.setRate(rate)
  }

  private async readMulticastControl(): Promise<void> {
    const { device, multicast } = this.parts
    const value = await device.readOtherend(KEY_REQUEST_MULTICAST_CONTROL)
    if (this.live) multicast.filtering = /^[1-9]\d*$/.test(value ?? '0')
  }
}
