// A guest of a host: its domain, its frontend driver, its devices, and what becomes of them when it moves.
import type { FrontendAccelerator, FrontendControl } from '@netaccel/core'
import { Netfront, type NetfrontAccelerators, type Vif, type VifOptions } from '@netaccel/netfront'
import type { Domain, Engine, Hypervisor } from '@netaccel/xen'
import { HostError } from '../errors.js'
import type { GuestValue, VifValue } from '../value/world-value.js'
import { GuestVif } from './guest-vif.js'
import type { GuestDescription, GuestImage } from './guest-image.js'
import { GuestMemory, type Run } from './guest-memory.js'
import { dataOf, writeData } from './guest-data.js'
import type { HostParts } from './host.js'
import { guestMebibytes, pagesOf, queuesOf, sendBuffers } from './memory.js'
import { type DomainPlugins, guestPlugins } from './plugins.js'
import { createVif, removeVif, writeAccel } from './toolstack.js'

/** Where a guest lives. */
export interface GuestPlace {
  readonly hostName: string
  readonly hypervisor: Hypervisor
  readonly driver: Domain
  readonly parts: HostParts
  /** A device is there; it stays in the host's accounts after it is gone. */
  onVif(vif: GuestVif): void
}

/** Of a guest's virtual CPUs. */
type Engines = readonly [Engine, ...Engine[]]

interface Device {
  readonly name: string
  readonly value: VifValue
}

/** Made by `Host.addGuest`. */
export class Guest {
  readonly name: string
  readonly memory: number
  readonly domain: Domain
  /** What its own program takes of its memory: it goes along when the guest moves or is saved. */
  readonly programMemory: GuestMemory
  /** Of its virtual CPUs; they go along when it moves. */
  readonly engines: Engines
  readonly netfront: Netfront
  readonly plugins: DomainPlugins<FrontendAccelerator, NetfrontAccelerators>
  readonly vifs = new Map<string, GuestVif>()
  readonly #place: GuestPlace
  /** What {@link start} plugs in. */
  readonly #planned: GuestValue['vifs']
  readonly #devices = new Map<number, Device>()
  #handles = 0
  #stands = false
  /** Devices of the guest before it moved, by name: who held one of them is served by its successor. */
  readonly #predecessors: ReadonlyMap<string, GuestVif>

  private constructor(
    name: string,
    value: GuestValue,
    domain: Domain,
    engines: Engines,
    place: GuestPlace,
    predecessors: ReadonlyMap<string, GuestVif>,
  ) {
    this.name = name
    this.memory = guestMebibytes(value)
    this.engines = engines
    this.#planned = value.vifs
    this.domain = domain
    this.programMemory = new GuestMemory(domain.extent)
    this.#place = place
    this.#predecessors = predecessors
    this.netfront = new Netfront(domain, (handle) =>
      vifOptions(this.#devices.get(handle)?.value, value.vcpus),
    )
    this.plugins = guestPlugins(domain, place.hostName, place.parts)
    this.netfront.onVif = (vif) => this.#found(vif)
  }

  /**
   * Make the domain. With `from` it goes on with that guest's virtual CPUs, and its devices take the places of that
   * guest's. `runs`: pages that its program has from the beginning. Nothing of it runs before {@link start}.
   */
  static async make(
    name: string,
    value: GuestValue,
    place: GuestPlace,
    from: Guest | null,
    runs: readonly Run[] = [],
  ): Promise<Guest> {
    const { timeline, costs } = place.parts
    const make = (label: string): Engine => timeline.engine(`${place.hostName}.${label}`, costs)
    const engines = from?.engines ?? enginesOf(name, value.vcpus ?? 1, make)
    const pages = pagesOf(guestMebibytes(value))
    try {
      const domain = await place.hypervisor.createDomain({ name, pages, engines })
      const guest = new Guest(name, value, domain, engines, place, from?.vifs ?? new Map())
      try {
        guest.programMemory.claim(runs)
        return guest
      } catch (error) {
        await place.hypervisor.destroyDomain(domain)
        throw error
      }
    } catch (error) {
      if (from === null) for (const engine of engines) timeline.removeEngine(engine)
      throw error
    }
  }

  /** The guest as it is now. */
  get value(): GuestValue {
    const vifs = Object.fromEntries([...this.#devices.values()].map(({ name, value }) => [name, value]))
    return { memory: this.memory, vcpus: this.engines.length, vifs }
  }

  get engine(): Engine {
    return this.domain.engine
  }

  /** Its virtual CPUs stand. */
  get suspended(): boolean {
    return this.#stands
  }

  /** Plug the devices in and start the drivers; the devices connect by themselves. */
  async start(): Promise<void> {
    for (const [name, value] of Object.entries(this.#planned)) await this.plug(name, value)
    await this.plugins.requests.start()
    await this.netfront.start()
  }

  /** `xl network-attach`. @throws HostError NAME_TAKEN */
  async plug(name: string, value: VifValue): Promise<void> {
    const { driver } = this.#place
    if ([...this.#devices.values()].some((device) => device.name === name))
      throw new HostError('NAME_TAKEN', `${this.name} has a vif "${name}" already; choose another name.`)
    // A number is never given twice: a device of before is still in the accounts by its number.
    const handle = this.#handles
    this.#handles += 1
    this.#devices.set(handle, { name, value })
    const { mac, mtu = 1500, accel } = value
    await createVif(driver, this.domain, { handle, mac, mtu, ...(accel === undefined ? {} : { accel }) })
  }

  /** `xl network-detach`: settles when neither end is there any more. */
  async unplug(name: string): Promise<void> {
    const handle = this.#handleOf(name)
    await this.#remove(handle)
    this.#devices.delete(handle)
    const gone = this.vifs.get(name)
    this.vifs.delete(name)
    if (gone !== undefined) this.#place.parts.oracle?.removeEdge(gone.path)
  }

  /** Write or remove the key `accel` of a device. */
  async setAccel(name: string, nic: string | undefined): Promise<void> {
    const handle = this.#handleOf(name)
    const { accel: _, ...value } = this.#devices.get(handle)?.value ?? { mac: '' }
    this.#devices.set(handle, { name, value: nic === undefined ? value : { ...value, accel: nic } })
    await writeAccel(this.#place.driver, this.domain, handle, nic)
  }

  /** Every device's accelerator leaves with the reason 'suspended', wished for still; then the guest stands. */
  async suspend(): Promise<void> {
    await Promise.all(this.#controls().map((control) => control.suspend()))
    this.#stands = true
    for (const engine of this.engines) engine.pause()
  }

  /** The guest goes on where it is. */
  cancelSuspend(): void {
    this.#run()
    for (const control of this.#controls()) control.cancelSuspend()
  }

  /** The virtual CPU runs while `work` is done, which makes the domain that it goes on in; if that fails it stands again. */
  async running<T>(work: () => Promise<T>): Promise<T> {
    const stood = this.#stands
    this.#run()
    try {
      return await work()
    } catch (error) {
      this.#stands = stood
      if (stood) for (const engine of this.engines) engine.pause()
      throw error
    }
  }

  /** Unplug the devices and end the drivers, in good order. The domain stays. One that was suspended runs again. */
  async leave(): Promise<void> {
    this.#run()
    for (const handle of this.#devices.keys()) await this.#remove(handle)
    await this.netfront.stop()
    await this.plugins.requests.stop()
  }

  /** What is to be said of it to make it anew; its devices have left. */
  async describe(): Promise<GuestDescription> {
    const { name, value, programMemory: memory } = this
    return { name, value, arenas: memory.runs, filled: memory.filled(), data: await dataOf(this.domain) }
  }

  /** Before {@link start}: the bytes of its memory and its nodes in the store. */
  async fill({ filled, pages, data }: GuestImage): Promise<void> {
    for (const [at, run] of filled.entries()) this.programMemory.at(run).set(pages[at])
    await writeData(this.domain, data)
  }

  /** Before {@link start}, and when the guest that it takes the place of has left: the same for a move. */
  async succeed(before: Guest): Promise<void> {
    for (const run of before.programMemory.runs) this.programMemory.at(run).set(before.programMemory.at(run))
    await writeData(this.domain, await dataOf(before.domain))
  }

  /** Take the domain away. Its virtual CPU goes too, unless the guest goes on elsewhere. */
  async destroy(moved: boolean): Promise<void> {
    const { parts, hypervisor } = this.#place
    // What is still in it ends with it: the virtual CPU runs nothing of it from here.
    if (!moved) for (const engine of this.engines) parts.timeline.removeEngine(engine)
    await hypervisor.destroyDomain(this.domain)
  }

  /** The edges of a guest that is gone expect nothing any more. */
  forgetEdges(): void {
    for (const { path } of this.vifs.values()) this.#place.parts.oracle?.removeEdge(path)
  }

  #found(vif: Vif): void {
    vif.companion = this.plugins.accelerators
    const device = this.#devices.get(vif.handle)
    if (device === undefined) return
    const { name, value } = device
    const { hostName, parts } = this.#place
    const path = `${hostName}.${this.name}.${name}`
    const before = this.#predecessors.get(name) ?? null
    const made = new GuestVif(path, value.mac, vif, this.plugins.accelerators, parts.oracle, before)
    if (parts.meter) made.measure()
    this.vifs.set(name, made)
    this.#place.onVif(made)
  }

  #run(): void {
    this.#stands = false
    for (const engine of this.engines) engine.unpause()
  }

  #remove(handle: number): Promise<void> {
    return removeVif(this.#place.driver, this.domain, handle)
  }

  #handleOf(name: string): number {
    for (const [handle, device] of this.#devices) if (device.name === name) return handle
    const known = [...this.#devices.values()].map((device) => device.name)
    const sentence = `${this.name} has no vif "${name}"; it has ${known.join(', ') || 'none'}.`
    throw new HostError('NO_SUCH_PART', sentence, [], undefined, { given: name, known })
  }

  #controls(): FrontendControl[] {
    return [...this.vifs.values()].flatMap(({ vif }) => this.plugins.accelerators.control(vif) ?? [])
  }
}

/** The first bears the guest's name. */
function enginesOf(name: string, vcpus: number, make: (label: string) => Engine): Engines {
  return [make(name), ...Array.from({ length: vcpus - 1 }, (_, index) => make(`${name}.cpu${index + 1}`))]
}

/** Buffers to send from grow with the queues, as each queue keeps what stands in its ring. */
function vifOptions(
  { features = {}, hash, staticGrants = false, ...value }: Partial<VifValue> = {},
  vcpus = 1,
): VifOptions {
  const maxQueues = queuesOf(value, vcpus)
  const { small, jumbo } = sendBuffers(maxQueues)
  const asked = hash === undefined ? {} : { hash }
  return { ...features, ...asked, staticGrants, maxQueues, smallFrames: small, jumboFrames: jumbo }
}
