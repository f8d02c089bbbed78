import { Bridge, type BridgePort, type PortOptions } from '@netaccel/bridge'
import {
  type BackendAccelerator,
  type Deadlines,
  onClock,
  DEADLINES,
  type VersionRange,
} from '@netaccel/core'
import { type BackVif, Netback, type NetbackAccelerators } from '@netaccel/netback'
import { CleanupStack, type CostTable, type Domain, Hypervisor, localCpu, type Timeline } from '@netaccel/xen'
import type { EdgeOracle } from '../check/oracle.js'
import { HostError } from '../errors.js'
import { parseSentence } from '../value/sentence.js'
import type { GuestValue, HostValue } from '../value/world-value.js'
import type { Shelf } from './catalogue.js'
import { Guest, type GuestPlace } from './guest.js'
import { type GuestImage, writeImage } from './guest-image.js'
import type { GuestVif } from './guest-vif.js'
import { HardwareNic } from './hardware-nic.js'
import { driverMebibytes, machineBytes, pagesOf } from './memory.js'
import { Nic } from './nic.js'
import type { ReadPackage } from './plugin-folder.js'
import { type DomainPlugins, driverPlugins, type FaultsOf, type WrapOf } from './plugins.js'

/** The kind of NIC that comes with the host. */
const NIC_SIM = 'nic-sim'

/** What all hosts of a world share. */
export interface HostParts {
  readonly timeline: Timeline
  readonly costs: CostTable
  readonly oracle: EdgeOracle | null
  /** Guests' devices count frames by their path. */
  readonly meter: boolean
  readonly shelf: Shelf
  readonly faultsOf: FaultsOf
  readonly wrap: WrapOf | null
  readonly readPackage: ReadPackage
  readonly versions: VersionRange
  readonly orderFence: boolean | 'out'
  readonly deadlines: Partial<Deadlines>
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
    this.bridge = new Bridge(localCpu(driver))
    for (const [nicName, nic] of Object.entries(value.nics ?? {})) {
      const holdMs = parts.deadlines.hold ?? DEADLINES.hold
      const parted = [nicName, nic, hypervisor, driver, cleanup] as const
      if (nic.kind === undefined || nic.kind === NIC_SIM) this.nics.set(nicName, new Nic(...parted, holdMs))
      else this.hardware.set(nicName, new HardwareNic(...parted))
    }
    this.plugins = driverPlugins(driver, name, parts, this.hardware, {
      policy: value.misbehaviour ?? 'report',
      crash: (guest) => this.#crash(guest),
    })
    for (const nic of this.nics.values()) this.plugins.accelerators.addPort(nic.driver)
    const { lazyCopy, queues } = value.driver ?? {}
    this.netback = new Netback(driver, {
      bridge: { addPort: (options) => this.addPort(options) },
      ...(queues === undefined ? {} : { maxQueues: queues }),
      lazyCopy,
    })
    this.netback.onVif = (vif) => {
      const port = this.everyPort.findLast((each) => each.name === vif.name)
      if (port !== undefined) this.everyBackVif.push({ vif, port: port.counters })
      for (const nic of this.nics.values()) nic.station(vif.mac, true)
      return this.plugins.accelerators.addVif(vif)
    }
    this.netback.onGone = (vif) => {
      for (const nic of this.nics.values()) nic.station(vif.mac, false)
      return this.plugins.accelerators.removeVif(vif)
    }
  }

  /** Build the machine and its driver domain. Guests come by {@link addGuest}. On failure all is undone. */
  static async build(name: string, value: HostValue, parts: HostParts): Promise<Host> {
    const { timeline, costs } = parts
    const cleanup = new CleanupStack()
    try {
      const hypervisor = new Hypervisor({ name, timeline, costs, machine: { bytes: machineBytes(value) } })
      const pages = pagesOf(driverMebibytes(value))
      const driver = await hypervisor.createDomain({ name: 'driver', pages, vcpus: value.driver?.vcpus ?? 1 })
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
    const { port } = await loader.loadHardware(this.#parts.readPackage(kind), name, { options })
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
    return this.#admit(await Guest.make(name, value, this.#place(), null))
  }

  /** Unplug a guest's devices in good order, then take the domain away. A guest that is gone is none to remove. */
  async removeGuest(name: string): Promise<void> {
    const guest = this.guests.get(name)
    if (guest === undefined) return
    this.guests.delete(name)
    await guest.leave()
    guest.forgetEdges()
    await guest.destroy(false)
  }

  /**
   * `xl destroy`: the domain ends between two of its steps, whatever stands in it. What stood in its devices is lost,
   * and is called `guest_died` in the ledger.
   */
  async destroyGuest(name: string): Promise<void> {
    const guest = this.guests.get(name)
    if (guest === undefined) return
    this.guests.delete(name)
    guest.forgetEdges()
    for (const vif of guest.vifs.values()) vif.died = true
    await guest.destroy(false)
  }

  /**
   * A suspended guest goes on on `target`, which may be this host: its devices leave here in good order and connect to
   * backends there. Nothing has changed when `target` has not the memory for it (XenError).
   */
  async moveGuest(name: string, target: Host): Promise<Guest> {
    const old = this.guests.get(name)
    if (old === undefined) throw new HostError('NO_SUCH_PART', `${this.name} has no guest "${name}".`)
    const { value, programMemory } = old
    const made = await old.running(() => Guest.make(name, value, target.#place(), old, programMemory.runs))
    await old.leave()
    await made.succeed(old)
    this.guests.delete(name)
    await old.destroy(true)
    return target.#admit(made)
  }

  /** The bytes of a suspended guest, which ends here; see `World.save`. */
  async saveGuest(guest: Guest): Promise<Uint8Array> {
    await guest.leave()
    const bytes = writeImage(await guest.describe(), (run) => guest.programMemory.at(run))
    this.guests.delete(guest.name)
    guest.forgetEdges()
    for (const vif of guest.vifs.values()) vif.retire()
    await guest.destroy(false)
    return bytes
  }

  /** A guest from its bytes. Nothing has changed when this host has not the memory for it (XenError). */
  async restoreGuest(image: GuestImage): Promise<Guest> {
    const { name, value, arenas } = image
    const made = await Guest.make(name, value, this.#place(), null, arenas)
    try {
      await made.fill(image)
    } catch (error) {
      await made.destroy(false)
      throw error
    }
    return this.#admit(made)
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

  /** From inside a half's own call, so it begins only when that is over. */
  #crash(domid: number): void {
    const guest = [...this.guests.values()].find(({ domain }) => domain.id === domid)
    const { engine } = this.driver
    if (guest !== undefined) engine.defer(() => void onClock(engine, () => this.destroyGuest(guest.name)))
  }

  async #admit(guest: Guest): Promise<Guest> {
    this.#cleanup.push(`guest ${guest.name}`, () => this.removeGuest(guest.name))
    this.guests.set(guest.name, guest)
    await guest.start()
    return guest
  }

  #place(): GuestPlace {
    const { name: hostName, hypervisor, driver } = this
    return {
      hostName,
      hypervisor,
      driver,
      parts: this.#parts,
      onVif: (vif) => void this.everyVif.push(vif),
    }
  }

  /** Take the machine down; what it took is given back. */
  close(): Promise<void> {
    return this.#cleanup.run().then(() => undefined)
  }
}
