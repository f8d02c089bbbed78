// The driver domain's side of accelerators: its ports, the halves that have opened them, and the vifs.
import type { Engine } from '@netaccel/xen'
import type { AcceleratedPort, BackendAccelerator, PortChange, RemoveReason } from '../contract/index.js'
import { onClock } from '../control-clock.js'
import { HOOK_NUMBER } from '../hook-table.js'
import { Lease } from '../lease.js'
import type { Generation, RegistryMember } from '../registry-types.js'
import { PortDoors } from '../scope/port-doors.js'
import { noHardware, PortHub } from '../scope/port-hub.js'
import { ScopeBook } from '../scope/scope-book.js'
import { DoorTally } from '../scope/tally.js'
import { BackendControl } from './backend-control.js'
import type { BackendControlOptions } from './backend-control.js'
import type { BackendDevice, OpenedPort, PortDirectory } from './backend-device.js'
import type { DoorDomain } from '../scope/door-domain.js'

export interface BackendAttachmentsOptions extends Omit<BackendControlOptions, 'ports'> {
  readonly domain: DoorDomain
  /** Where ports, and halves' port scopes, live. */
  readonly engine: Engine
}

/** The ports that one generation of a half has opened. */
interface Opener {
  readonly half: BackendAccelerator
  readonly book: ScopeBook
  readonly lease: Lease
  readonly generation: Generation<BackendAccelerator>
  readonly ports: OpenedPort[]
}

/** All of it in one driver domain. A host adds ports and vifs; halves come and go through the registry. */
export class BackendAttachments implements PortDirectory {
  readonly #options: BackendAttachmentsOptions
  readonly #hubs = new Map<string, PortHub>()
  /** Ports that are being reset: they are there, and nobody may use them. */
  readonly #resetting = new Set<PortHub>()
  readonly #openers = new Map<string, Opener>()
  readonly #members = new Map<string, RegistryMember<BackendAccelerator>>()
  readonly #controls = new Map<BackendDevice, BackendControl>()

  constructor(options: BackendAttachmentsOptions) {
    this.#options = options
    const { registry } = options
    registry.events.on('half_registered', ({ name, side }) => {
      if (side === 'backend') this.follow(name)
    })
    registry.events.on('half_draining', ({ name, side, reason }) => {
      if (side === 'backend') void onClock(options.engine, () => this.shut(name, reason))
    })
    for (const { name, generation } of registry.status()) if (generation !== undefined) this.follow(name)
  }

  /** A port is there: every loaded half may open it. */
  addPort(port: AcceleratedPort): void {
    const hub = new PortHub(port)
    this.#hubs.set(port.name, hub)
    hub.onChange((change) => this.portChanged(hub, change))
    for (const [name, opener] of this.#openers) this.open(name, opener, hub)
    this.lookAll()
  }

  /** The port is gone: its vifs leave it first. */
  async removePort(name: string): Promise<void> {
    const hub = this.#hubs.get(name)
    if (hub === undefined) return
    this.#hubs.delete(name)
    await onClock(this.#options.engine, () => this.leavePort(hub, 'port-gone'))
  }

  /** A vif is there. Resolves once it is offered to a frontend, or is known not to be. */
  async addVif(device: BackendDevice): Promise<BackendControl> {
    const control = new BackendControl(device, { ...this.#options, ports: this })
    this.#controls.set(device, control)
    await control.start()
    return control
  }

  /** The vif goes: its accelerator first. Settled: nothing of it is used any more. */
  async removeVif(device: BackendDevice, reason: RemoveReason = 'disconnected'): Promise<void> {
    await this.#controls.get(device)?.close(reason)
    this.#controls.delete(device)
  }

  get vifs(): readonly BackendControl[] {
    return [...this.#controls.values()]
  }

  find(port: string): OpenedPort | undefined {
    for (const { ports } of this.#openers.values()) {
      const found = ports.find(({ hub }) => hub.port.name === port && !this.#resetting.has(hub))
      if (found !== undefined) return found
    }
    return undefined
  }

  /**
   * The registry hands a half to those who have asked for its name. This member only wants to see it: it answers
   * 'declined', so that a half without a vif counts as loaded and not as active.
   */
  private follow(name: string): void {
    if (this.#members.has(name)) return
    const member: RegistryMember<BackendAccelerator> = {
      name: `ports of ${name}`,
      attach: (half, generation) => {
        this.openAll(name, half, generation)
        return Promise.resolve('declined')
      },
      detach: () => Promise.resolve(),
    }
    this.#members.set(name, member)
    this.#options.registry.request(name, member)
  }

  private openAll(name: string, half: BackendAccelerator, generation: Generation<BackendAccelerator>): void {
    const { domain, engine, host, describe } = this.#options
    const description = describe(half)
    const lease = generation.lease.add(new Lease(`${name} ports`))
    const book = new ScopeBook(`${name}/ports`, {
      domain,
      engine,
      lease,
      capabilities: description.capabilities,
      kept: host.kept,
      tally: new DoorTally(`${name} ports`),
      log: host.log,
      counter: (counter) => description.counter(counter),
      faults: null,
    })
    const opener: Opener = { half, book, lease, generation, ports: [] }
    this.#openers.set(name, opener)
    for (const hub of this.#hubs.values()) this.open(name, opener, hub)
    this.open(name, opener, new PortHub(noHardware(name)))
    this.lookAll()
  }

  private open(name: string, opener: Opener, hub: PortHub): void {
    const { book, half, lease } = opener
    if (!book.open) return
    const scope = book.child(hub.port.name)
    const doors = new PortDoors(scope, hub)
    let wanted = false
    lease.entering(HOOK_NUMBER.openPort)
    book.guard('openPort', () => {
      wanted = half.openPort(doors)
    })
    if (wanted) opener.ports.push({ accelerator: name, half, hub, doors })
    else void scope.close()
  }

  /** The half leaves: its vifs first, which the registry detaches, then its ports. */
  private async shut(name: string, reason: RemoveReason): Promise<void> {
    const opener = this.#openers.get(name)
    if (opener === undefined) return
    this.#openers.delete(name)
    this.lookAll()
    await Promise.all([...this.#controls.values()].map((control) => control.apartFrom(opener.half, reason)))
    await opener.book.close()
    opener.generation.lease.remove(opener.lease)
  }

  private portChanged(hub: PortHub, change: PortChange): void {
    if (change.kind === 'reset-done') {
      this.reopen(hub)
    } else if (change.kind === 'reset' || change.kind === 'gone') {
      const reason = change.kind === 'reset' ? 'reset' : 'port-gone'
      this.#resetting.add(hub)
      void onClock(this.#options.engine, () => this.leavePort(hub, reason))
    }
  }

  private async leavePort(hub: PortHub, reason: RemoveReason): Promise<void> {
    this.#resetting.add(hub)
    const users = [...this.#controls.values()].filter((control) => control.uses(hub))
    await Promise.all(users.map((control) => control.detach(reason)))
    this.lookAll()
  }

  /** After a reset the port counts as a new one, so that vifs which were on it ask again. */
  private reopen(hub: PortHub): void {
    this.#resetting.delete(hub)
    for (const { ports } of this.#openers.values()) {
      const at = ports.findIndex((port) => port.hub === hub)
      const old = ports[at]
      if (old !== undefined) ports[at] = { ...old }
    }
    this.lookAll()
  }

  private lookAll(): void {
    for (const control of this.#controls.values()) control.look()
  }
}
