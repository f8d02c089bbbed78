import type { Engine } from './engine.js'
import type { EventChannels } from './event-channels.js'
import type { Extent } from './extent.js'
import { GrantCopyBatch } from './grant-copy-batch.js'
import { GrantMapBatch } from './grant-map-batch.js'
import { VmArea } from './vm-area.js'
import type { GrantOps } from './grant-ops.js'
import type { GrantTable } from './grant-table.js'
import type { Machine } from './machine.js'
import type { XenstoreClient } from './xenstore/client.js'

/** What a domain has taken: all back to what it was before when everything is given back. */
export interface DomainResources {
  /** Grant references claimed. */
  readonly grants: number
  /** Mappings of other domains' pages held. */
  readonly mappings: number
  /** Event-channel ports that are not free. */
  readonly ports: number
  /** Watches that the store's server keeps for it. */
  readonly watches: number
  /** Pages of its extent in use. */
  readonly pages: number
}

/** The parts that the hypervisor builds a domain from. */
export interface DomainParts {
  readonly id: number
  readonly name: string
  readonly machine: Machine
  readonly extent: Extent
  readonly grants: GrantTable
  readonly grantOps: GrantOps
  readonly events: EventChannels
  readonly store: XenstoreClient
  /** Of its virtual CPUs. */
  readonly engines: readonly [Engine, ...Engine[]]
  readonly watchCount: () => number
}

/** A domain: its memory, its hypercalls, its part of the store, its virtual CPUs. Made by `Hypervisor.createDomain`. */
export class Domain {
  readonly id: number
  readonly name: string
  readonly machine: Machine
  readonly extent: Extent
  readonly grants: GrantTable
  readonly grantOps: GrantOps
  readonly events: EventChannels
  readonly store: XenstoreClient
  /** Virtual CPU 0, on which all control runs. */
  readonly engine: Engine
  /** The engines of all its virtual CPUs. */
  readonly cpus: readonly Engine[]
  readonly #watchCount: () => number
  readonly #onDestroy: (() => void)[] = []
  #alive = true

  constructor(parts: DomainParts) {
    this.id = parts.id
    this.name = parts.name
    this.machine = parts.machine
    this.extent = parts.extent
    this.grants = parts.grants
    this.grantOps = parts.grantOps
    this.events = parts.events
    this.store = parts.store
    this.engine = parts.engines[0]
    this.cpus = parts.engines
    this.#watchCount = parts.watchCount
  }

  /** False from the moment at which its destruction begins. */
  get alive(): boolean {
    return this.#alive
  }

  /** The virtual CPU that number `index` of anything is served by: `index` modulo their count. */
  vcpuOf(index: number): number {
    return index % this.cpus.length
  }

  /** The engine of {@link vcpuOf}. */
  cpuOf(index: number): Engine {
    return this.cpus[this.vcpuOf(index)]
  }

  /** A batch of grant copies; takes one page of the domain until its `dispose`. Make it once and keep it. */
  copyBatch(): GrantCopyBatch {
    return new GrantCopyBatch(this.grantOps)
  }

  /** Addresses for `pages` pages (1 to 1024) of others, until its `dispose`. Throws NO_MEMORY. */
  vmArea(pages: number): VmArea {
    return new VmArea(this.machine, this.id, pages)
  }

  /** A batch of maps and unmaps in an area; takes one page of the domain until its `dispose`. Make it once and keep it. */
  mapBatch(area: VmArea): GrantMapBatch {
    return new GrantMapBatch(this.grantOps, area)
  }

  resources(): DomainResources {
    return {
      grants: this.grants.inUse,
      mappings: this.grantOps.mapped,
      ports: this.events.inUse,
      watches: this.#watchCount(),
      pages: this.extent.pages - this.extent.pagesFree,
    }
  }

  /** Runs `work` when the domain dies, before its memory goes: the last moment at which its code may touch it. */
  onDestroy(work: () => void): void {
    this.#onDestroy.push(work)
  }

  /** The hypervisor's: no code of the domain runs any more. */
  kill(): void {
    this.#alive = false
    for (const work of this.#onDestroy.splice(0)) work()
    this.grants.stop()
    this.events.shutdown()
    this.store.close()
  }
}
