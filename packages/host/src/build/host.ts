import { Bridge, type BridgePort, type PortOptions } from '@netaccel/bridge'
import { type BackendAccelerator, type Deadlines, type FrontendAccelerator, readPlugin } from '@netaccel/core'
import { type BackVif, Netback, type NetbackAccelerators } from '@netaccel/netback'
import { Netfront, type NetfrontAccelerators, type VifOptions } from '@netaccel/netfront'
import {
  CleanupStack,
  type CostTable,
  type Domain,
  Hypervisor,
  PAGE_SIZE,
  type Timeline,
} from '@netaccel/xen'
import type { EdgeOracle } from '../check/oracle.js'
import { parseSentence } from '../value/sentence.js'
import type { GuestValue, HostValue, VifValue } from '../value/world-value.js'
import { HardwareNic } from './hardware-nic.js'
import { Nic } from './nic.js'
import type { Shelf } from './catalogue.js'
import { GuestVif } from './guest-vif.js'
import { pluginFolder } from './plugin-folder.js'
import { type DomainPlugins, driverPlugins, type FaultsOf, guestPlugins } from './plugins.js'
import { createVif, removeVif } from './toolstack.js'

const MEBIBYTE = 1 << 20
/** The kind of NIC that comes with the host. */
const NIC_SIM = 'nic-sim'
const DEFAULT_MEBIBYTES = 16
/** The hypervisor's own tables. */
const HYPERVISOR_MEBIBYTES = 2

/** What all hosts of a world share. */
export interface HostParts {
  readonly timeline: Timeline
  readonly costs: CostTable
  readonly oracle: EdgeOracle | null
  readonly shelf: Shelf
  readonly faultsOf: FaultsOf
  readonly orderFence: boolean | 'out'
  readonly deadlines: Partial<Deadlines>
}

/** A guest: its domain, its frontend driver, its devices by name. */
export interface Guest {
  readonly name: string
  readonly domain: Domain
  readonly netfront: Netfront
  readonly plugins: DomainPlugins<FrontendAccelerator, NetfrontAccelerators>
  readonly vifs: ReadonlyMap<string, GuestVif>
}

/** A backend's vif, and what its port of the bridge has counted. */
export interface PluggedVif {
  readonly vif: BackVif
  readonly port: BridgePort['counters']
}

/** One machine: hypervisor, driver domain with bridge, netback and NICs, and guests. */
export class Host {
  readonly name: string
  readonly value: HostValue
  readonly hypervisor: Hypervisor
  readonly driver: Domain
  readonly bridge: Bridge
  readonly netback: Netback
  readonly plugins: DomainPlugins<BackendAccelerator, NetbackAccelerators>
  readonly nics = new Map<string, Nic>()
  /** NICs whose hardware plugins have brought. */
  readonly hardware = new Map<string, HardwareNic>()
  readonly guests = new Map<string, Guest>()
  /** Devices, backends and ports of the bridge that there are or have been: what they counted stays in the ledger. */
  readonly everyVif: GuestVif[] = []
  readonly everyBackVif: PluggedVif[] = []
  readonly everyPort: BridgePort[] = []
  readonly #parts: HostParts
  readonly #cleanup: CleanupStack

  private constructor(
    name: string,
    value: HostValue,
    parts: HostParts,
    hypervisor: Hypervisor,
    driver: Domain,
    cleanup: CleanupStack,
  ) {
    this.name = name
    this.value = value
    this.hypervisor = hypervisor
    this.driver = driver
    this.#parts = parts
    this.#cleanup = cleanup
    this.bridge = new Bridge(driver.engine)
    for (const [nicName, nic] of Object.entries(value.nics ?? {})) {
      const parted = [nicName, nic, hypervisor, driver, cleanup] as const
      if (nic.kind === undefined || nic.kind === NIC_SIM) this.nics.set(nicName, new Nic(...parted))
      else this.hardware.set(nicName, new HardwareNic(...parted))
    }
    this.plugins = driverPlugins(driver, parts, this.hardware)
    for (const nic of this.nics.values()) this.plugins.accelerators.addPort(nic.driver)
    this.netback = new Netback(driver, { bridge: { addPort: (options) => this.addPort(options) } })
    this.netback.onVif = (vif) => {
      const port = this.everyPort.findLast((each) => each.name === vif.name)
      if (port !== undefined) this.everyBackVif.push({ vif, port: port.counters })
      return this.plugins.accelerators.addVif(vif)
    }
    this.netback.onGone = (vif) => this.plugins.accelerators.removeVif(vif)
  }

  /** Build the machine and its driver domain. Guests come by {@link addGuest}. On failure all is undone. */
  static async build(name: string, value: HostValue, parts: HostParts): Promise<Host> {
    const { timeline, costs } = parts
    const cleanup = new CleanupStack()
    try {
      const hypervisor = new Hypervisor({ name, timeline, costs, machine: { bytes: machineBytes(value) } })
      const driver = await hypervisor.createDomain({ name: 'driver', pages: pagesOf(DEFAULT_MEBIBYTES) })
      cleanup.push('driver domain', async () => void (await hypervisor.destroyDomain(driver)))
      const host = new Host(name, value, parts, hypervisor, driver, cleanup)
      for (const nic of host.hardware.keys()) await host.#openHardware(nic)
      for (const text of value.links ?? []) {
        const from = parseSentence(text)?.from ?? ''
        ;(host.nics.get(from) ?? host.hardware.get(from))?.plug(host)
      }
      await host.plugins.requests.start()
      cleanup.push('load requests', () => host.plugins.requests.stop())
      await host.netback.start()
      cleanup.push('netback', () => host.netback.stop())
      for (const [guest, guestValue] of Object.entries(value.guests ?? {}))
        await host.addGuest(guest, guestValue)
      return host
    } catch (error) {
      await cleanup.run()
      throw error
    }
  }

  /** Load the hardware that the value names for a NIC; its port is then open to plugins. */
  async #openHardware(name: string): Promise<void> {
    const nic = this.hardware.get(name)
    const { kind = NIC_SIM, options = {} } = this.value.nics?.[name] ?? {}
    if (nic === undefined) return
    const { loader, accelerators } = this.plugins
    const { port } = await loader.loadHardware(readPlugin(pluginFolder(kind)), name, { options })
    this.#cleanup.push(`${name} hardware`, async () => void (await loader.unloadHardware(name)))
    const opened = nic.open(port)
    accelerators.addPort(opened)
    this.#cleanup.push(`${name} port`, () => accelerators.removePort(name))
  }

  /** Plug something into the bridge. */
  addPort(options: PortOptions): BridgePort {
    const port = this.bridge.addPort(options)
    this.everyPort.push(port)
    return port
  }

  /** Make a guest with its frontend driver and devices. They connect by themselves. */
  async addGuest(name: string, value: GuestValue): Promise<Guest> {
    const memory = value.memory ?? DEFAULT_MEBIBYTES
    const domain = await this.hypervisor.createDomain({ name, pages: pagesOf(memory) })
    this.#cleanup.push(`guest ${name}`, () => this.removeGuest(name))
    const names = Object.keys(value.vifs)
    const options = vifOptions(Object.values(value.vifs))
    const netfront = new Netfront(domain, options)
    const vifs = new Map<string, GuestVif>()
    const plugins = guestPlugins(domain, this.#parts)
    const guest: Guest = { name, domain, netfront, plugins, vifs }
    this.guests.set(name, guest)
    netfront.onVif = (vif) => {
      vif.companion = plugins.accelerators
      const vifName = names[vif.handle]
      if (vifName === undefined) return
      const path = `${this.name}.${name}.${vifName}`
      const { mac } = value.vifs[vifName]
      const made = new GuestVif(path, mac, vif, plugins.accelerators, this.#parts.oracle)
      vifs.set(vifName, made)
      this.everyVif.push(made)
    }
    for (const [handle, vif] of Object.values(value.vifs).entries()) {
      const request = { handle, mac: vif.mac, mtu: vif.mtu ?? 1500 }
      await createVif(
        this.driver,
        domain,
        vif.accel === undefined ? request : { ...request, accel: vif.accel },
      )
    }
    await plugins.requests.start()
    await netfront.start()
    return guest
  }

  /** Unplug a guest's devices in good order, then take the domain away. A guest that is gone is none to remove. */
  async removeGuest(name: string): Promise<void> {
    const guest = this.guests.get(name)
    if (guest === undefined) return
    this.guests.delete(name)
    for (const handle of guest.vifs.size === 0 ? [] : [...guest.vifs.values()].map(({ vif }) => vif.handle)) {
      await removeVif(this.driver, guest.domain, handle)
    }
    await guest.netfront.stop()
    for (const { path } of guest.vifs.values()) this.#parts.oracle?.removeEdge(path)
    await guest.plugins.requests.stop()
    await this.hypervisor.destroyDomain(guest.domain)
  }

  /** All guests' devices. */
  get vifs(): readonly GuestVif[] {
    return [...this.guests.values()].flatMap((guest) => [...guest.vifs.values()])
  }

  /** Every vif carries frames. */
  get connected(): boolean {
    return [...this.guests.values()].every(
      (guest) => guest.vifs.size > 0 && [...guest.vifs.values()].every(({ vif }) => vif.running),
    )
  }

  /** Take the machine down; what it took is given back. */
  close(): Promise<void> {
    return this.#cleanup.run().then(() => undefined)
  }
}

function pagesOf(mebibytes: number): number {
  return (mebibytes * MEBIBYTE) / PAGE_SIZE
}

function machineBytes(value: HostValue): number {
  const guests = Object.values(value.guests ?? {}).map((guest) => guest.memory ?? DEFAULT_MEBIBYTES)
  const needed = HYPERVISOR_MEBIBYTES + DEFAULT_MEBIBYTES + guests.reduce((sum, memory) => sum + memory, 0)
  return Math.max(value.memory ?? 0, needed) * MEBIBYTE
}

/** netfront takes the features per domain: a guest whose vifs differ gets what all of them have. */
function vifOptions(vifs: readonly VifValue[]): VifOptions {
  const all = (name: 'sg' | 'gso' | 'checksum'): boolean =>
    vifs.every((vif) => vif.features?.[name] !== false)
  return { sg: all('sg'), gso: all('gso'), checksum: all('checksum') }
}
