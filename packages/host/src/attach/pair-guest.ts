import { Registry } from '@netaccel/core'
import type { Deadlines, DoorFaults, FrontendAccelerator, HalfDescription, Manifest } from '@netaccel/core'
import { Netfront, NetfrontAccelerators } from '@netaccel/netfront'
import type { Vif } from '@netaccel/netfront'
import type { Domain } from '@netaccel/xen'
import type { CountingStack } from './counting-stack.js'
import type { LaneManners } from './lane.js'

export const LANE_MANIFEST: Manifest = {
  name: 'lane',
  apiVersion: { frontend: [1, 1], backend: [1, 1] },
  capabilities: ['tx', 'rx'],
}

export interface PairOptions {
  readonly seed?: number
  readonly deadlines?: Partial<Deadlines>
  readonly frontendManners?: LaneManners
  readonly backendManners?: LaneManners
  readonly frontendFaults?: () => DoorFaults | null
  readonly backendFaults?: () => DoorFaults | null
  /** Load the backend half before there is a vif. */
  readonly loadBackendFirst?: boolean
}

/** One guest of the pair with all that belongs to it. */
export class PairGuest {
  readonly domain: Domain
  readonly netfront: Netfront
  readonly registry: Registry<FrontendAccelerator>
  readonly accelerators: NetfrontAccelerators
  readonly halves = new Map<object, HalfDescription>()
  stack: CountingStack | undefined

  constructor(domain: Domain, options: PairOptions) {
    this.domain = domain
    this.registry = new Registry<FrontendAccelerator>({
      side: 'frontend',
      clock: domain.engine,
      inDriverDomain: false,
    })
    this.accelerators = new NetfrontAccelerators(domain, {
      registry: this.registry,
      describe: (half) => describe(this.halves, half),
      ...(options.deadlines && { deadlines: options.deadlines }),
      ...(options.frontendFaults && { faults: options.frontendFaults }),
    })
    this.netfront = new Netfront(domain, { smallFrames: 128, jumboFrames: 4, rxPages: 320 })
    this.netfront.onVif = (vif) => {
      vif.companion = this.accelerators
    }
  }

  get vif(): Vif {
    const vif = this.netfront.vif(0)
    if (vif === undefined) throw new Error('the guest has no vif 0')
    return vif
  }

  get control() {
    return this.accelerators.control(this.vif)
  }
}

export function describe(halves: ReadonlyMap<object, HalfDescription>, half: object): HalfDescription {
  const description = halves.get(half)
  if (description === undefined) throw new Error('nobody has loaded this half')
  return description
}
