// A host in memory for tests and benches of the slow path: a driver domain with a bridge, and guests with a vif each, on
// one timeline. Everything is the real thing; the toolstack's part (the device directories) is played here.
import { Bridge } from '@netaccel/bridge'
import { Netback } from '@netaccel/netback'
import type { BackVif, NetbackOptions } from '@netaccel/netback'
import { Netfront } from '@netaccel/netfront'
import type { Vif, VifOptions } from '@netaccel/netfront'
import { Hypervisor, settle, XenbusState } from '@netaccel/xen'
import type { Domain, DomainResources, Timeline } from '@netaccel/xen'

export interface WorldOptions {
  readonly timeline: Timeline
  /** Machine memory, and pages of the driver domain and of each guest. */
  readonly bytes?: number
  readonly driverPages?: number
  readonly guestPages?: number
  readonly netback?: Omit<NetbackOptions, 'bridge'>
}

/** One guest with its frontend driver. */
export interface Guest {
  readonly domain: Domain
  readonly netfront: Netfront
  readonly mac: string
  /** The device, once the driver has probed it. */
  readonly vif: Vif
}

export class World {
  readonly timeline: Timeline
  readonly hypervisor: Hypervisor
  readonly driver: Domain
  readonly bridge: Bridge
  netback: Netback
  private readonly options: WorldOptions

  private constructor(options: WorldOptions, hypervisor: Hypervisor, driver: Domain) {
    this.options = options
    this.timeline = options.timeline
    this.hypervisor = hypervisor
    this.driver = driver
    this.bridge = new Bridge(driver.engine)
    this.netback = this.makeNetback()
  }

  static async create(options: WorldOptions): Promise<World> {
    const { timeline, bytes = 32 << 20, driverPages = 3000 } = options
    const hypervisor = new Hypervisor({ timeline, machine: { bytes } })
    const driver = await settle(timeline, hypervisor.createDomain({ name: 'driver', pages: driverPages }))
    const world = new World(options, hypervisor, driver)
    await settle(timeline, world.netback.start())
    return world
  }

  /** A guest whose frontend driver runs; its device comes with {@link plug}. */
  async guest(name: string, mac: string, vifOptions: VifOptions = {}): Promise<Guest> {
    const { guestPages = 1400 } = this.options
    const domain = await this.wait(this.hypervisor.createDomain({ name, pages: guestPages }))
    const netfront = new Netfront(domain, vifOptions)
    await this.wait(netfront.start())
    return {
      domain,
      netfront,
      mac,
      get vif(): Vif {
        const vif = netfront.vif(0)
        if (vif === undefined) throw new Error(`${name} has no vif`)
        return vif
      },
    }
  }

  /** What a toolstack writes for a new vif; both drivers find it and connect. */
  async plug(guest: Guest): Promise<void> {
    const { front, back } = this.paths(guest)
    const state = String(XenbusState.Initialising)
    const id = guest.domain.id
    const frontKeys = { backend: back, 'backend-id': '0', handle: '0', mac: guest.mac, mtu: '1500', state }
    const backKeys = {
      frontend: front,
      'frontend-id': String(id),
      online: '1',
      handle: '0',
      mac: guest.mac,
      state,
    }
    await this.wait(
      this.driver.store.transaction(async (tx) => {
        await tx.mkdir(front)
        await tx.setPerms(front, [
          { domid: id, letter: 'n' },
          { domid: 0, letter: 'r' },
        ])
        await tx.mkdir(back)
        await tx.setPerms(back, [
          { domid: 0, letter: 'n' },
          { domid: id, letter: 'r' },
        ])
        await tx.writeAll(Object.entries(backKeys).map(([key, value]) => [`${back}/${key}`, value] as const))
        await tx.writeAll(
          Object.entries(frontKeys).map(([key, value]) => [`${front}/${key}`, value] as const),
        )
      }),
    )
  }

  /** Plug, and run until the device is connected. */
  async connect(guest: Guest): Promise<void> {
    await this.plug(guest)
    await this.until(() => guest.netfront.vif(0)?.running === true)
  }

  /** What a toolstack does to take a vif away: both directories go, both drivers let go of everything. */
  async unplug(guest: Guest): Promise<void> {
    const { front, back } = this.paths(guest)
    await this.wait(this.driver.store.write(`${back}/online`, '0'))
    await this.wait(this.driver.store.rm(front))
    await this.until(() => guest.netfront.vifs.length === 0)
    await this.wait(this.driver.store.rm(back))
    await this.until(() => this.backVif(guest) === undefined)
  }

  backVif(guest: Guest): BackVif | undefined {
    return this.netback.vif(guest.domain.id, 0)
  }

  /** The backend driver goes and comes again, as at a module reload. */
  async restartBackend(): Promise<void> {
    await this.wait(this.netback.stop())
    this.netback = this.makeNetback()
    await this.wait(this.netback.start())
  }

  /** Run the timeline until `done` says so; an error if nothing is due any more before. */
  async until(done: () => boolean, what = 'what was waited for'): Promise<void> {
    await this.timeline.run({ until: done })
    if (!done()) throw new Error(`nothing is due any more, and ${what} has not happened`)
  }

  /** Run the timeline until a promise of the control path has settled. */
  wait<T>(promise: Promise<T>): Promise<T> {
    return settle(this.timeline, promise)
  }

  /** Run until nothing is due. */
  idle(): Promise<void> {
    return this.timeline.run()
  }

  resources(guest: Guest): { readonly guest: DomainResources; readonly driver: DomainResources } {
    return { guest: guest.domain.resources(), driver: this.driver.resources() }
  }

  paths(guest: Guest): { readonly front: string; readonly back: string } {
    const id = guest.domain.id
    return { front: `/local/domain/${id}/device/vif/0`, back: `/local/domain/0/backend/vif/${id}/0` }
  }

  private makeNetback(): Netback {
    return new Netback(this.driver, { ...this.options.netback, bridge: this.bridge })
  }
}
