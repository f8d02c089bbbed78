import { XenbusRegistration } from '@netaccel/xen'
import type { Domain, XenbusDevice } from '@netaccel/xen'
import { BackVif } from './back-vif.js'
import type { BackVifOptions } from './back-vif.js'

export type NetbackOptions = BackVifOptions

/**
 * The backend driver of a domain: one {@link BackVif} for each device under `backend/vif`, as they come and go.
 */
export class Netback {
  readonly domain: Domain
  /** Awaited when a vif has been made, before its guest can connect, and when one is about to go. */
  onVif: ((vif: BackVif) => void | Promise<void>) | null
  onGone: ((vif: BackVif) => void | Promise<void>) | null
  private readonly options: NetbackOptions
  private readonly registration: XenbusRegistration
  private readonly byDevice: Map<XenbusDevice, BackVif>

  constructor(domain: Domain, options: NetbackOptions) {
    this.domain = domain
    this.onVif = null
    this.onGone = null
    this.options = options
    this.byDevice = new Map()
    const driver = {
      probe: (device: XenbusDevice) => this.probe(device),
      remove: (device: XenbusDevice) => this.remove(device),
    }
    this.registration = new XenbusRegistration(domain, driver, { side: 'backend', type: 'vif' })
  }

  /** Serve what is there, and what comes. */
  start(): Promise<void> {
    return this.registration.start()
  }

  /** Leave every guest and give everything back. */
  stop(): Promise<void> {
    return this.registration.stop()
  }

  get vifs(): readonly BackVif[] {
    return [...this.byDevice.values()]
  }

  /** The vif of a guest, by the guest's domain id and the device's number. */
  vif(guest: number, handle: number): BackVif | undefined {
    return this.vifs.find((vif) => vif.guest === guest && vif.handle === handle)
  }

  private async probe(device: XenbusDevice): Promise<void> {
    const handle = Number(device.nodename.slice(device.nodename.lastIndexOf('/') + 1))
    const vif = new BackVif(this.domain, device, handle, this.options)
    this.byDevice.set(device, vif)
    try {
      await vif.identify()
      if (this.onVif !== null) await this.onVif(vif)
      await vif.start()
    } catch (error) {
      // A device whose probe failed is not removed later: what the vif took goes back here.
      await this.remove(device)
      throw error
    }
  }

  private async remove(device: XenbusDevice): Promise<void> {
    const vif = this.byDevice.get(device)
    if (vif === undefined) return
    if (this.onGone !== null) await this.onGone(vif)
    await vif.close()
    this.byDevice.delete(device)
  }
}
