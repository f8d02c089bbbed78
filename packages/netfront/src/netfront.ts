import { XenbusRegistration } from '@netaccel/xen'
import type { Domain, XenbusDevice } from '@netaccel/xen'
import { Vif } from './vif.js'
import type { VifOptions } from './vif.js'

/** The frontend driver of a guest: one {@link Vif} for each device under `device/vif`, as they come and go. */
export class Netfront {
  readonly domain: Domain
  /** Called when a vif has been made, before it connects, and when one is about to go. */
  onVif: ((vif: Vif) => void) | null
  onGone: ((vif: Vif) => void | Promise<void>) | null
  private readonly optionsOf: (handle: number) => VifOptions
  private readonly registration: XenbusRegistration
  private readonly byDevice: Map<XenbusDevice, Vif>

  /** `options`: of every device, or asked for each by its number. */
  constructor(domain: Domain, options: VifOptions | ((handle: number) => VifOptions) = {}) {
    this.domain = domain
    this.onVif = null
    this.onGone = null
    this.optionsOf = typeof options === 'function' ? options : () => options
    this.byDevice = new Map()
    const driver = {
      probe: (device: XenbusDevice) => this.probe(device),
      remove: (device: XenbusDevice) => this.remove(device),
    }
    this.registration = new XenbusRegistration(domain, driver, { side: 'frontend', type: 'vif' })
  }

  /** Drive what is there, and what comes. */
  start(): Promise<void> {
    return this.registration.start()
  }

  /** Leave every backend and give everything back. */
  stop(): Promise<void> {
    return this.registration.stop()
  }

  get vifs(): readonly Vif[] {
    return [...this.byDevice.values()]
  }

  /** The device of that number. */
  vif(handle: number): Vif | undefined {
    return this.vifs.find((vif) => vif.handle === handle)
  }

  private async probe(device: XenbusDevice): Promise<void> {
    const handle = Number(device.nodename.slice(device.nodename.lastIndexOf('/') + 1))
    const vif = new Vif(this.domain, device, handle, this.optionsOf(handle))
    this.byDevice.set(device, vif)
    if (this.onVif !== null) this.onVif(vif)
    try {
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
