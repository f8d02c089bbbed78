// Other objects at chosen places of a plugin's border, by hand: how rigs of acts and saboteurs are written.
import type {
  AcceleratedPort,
  AcceleratedQueue,
  AcceleratedVif,
  BackendAccelerator,
  BackendVif,
  FrontendAccelerator,
  FrontendQueue,
  FrontendVif,
  GenerationFacts,
  HalfContext,
  HardwareContext,
  Halves,
  ProbedVif,
} from '@netaccel/core'
import type { VaryHalves } from '../plugin/source.js'
import { vary } from './vary.js'

/**
 * What is put where; each is given what stands there and returns what shall, often by {@link vary}. Objects of the plugin
 * (`queue`) are met by the host, doors (`queueDoors`) by the plugin. What a half takes by `child` is not met again.
 */
export interface Around {
  readonly context?: (doors: HalfContext) => HalfContext
  readonly hardwareContext?: (doors: HardwareContext) => HardwareContext
  readonly frontend?: (inner: FrontendAccelerator, context: HalfContext) => FrontendAccelerator
  readonly frontendVif?: (doors: FrontendVif) => FrontendVif
  readonly vif?: (inner: AcceleratedVif, doors: FrontendVif) => AcceleratedVif
  readonly queueDoors?: (doors: FrontendQueue, vif: FrontendVif) => FrontendQueue
  readonly queue?: (inner: AcceleratedQueue, doors: FrontendQueue, vif: FrontendVif) => AcceleratedQueue
  readonly backend?: (inner: BackendAccelerator, context: HalfContext) => BackendAccelerator
  readonly backendVif?: (doors: BackendVif) => BackendVif
  readonly probed?: (inner: ProbedVif, doors: BackendVif) => ProbedVif
  readonly hardware?: (inner: AcceleratedPort, context: HardwareContext) => AcceleratedPort
}

/** `make` is asked at each load, so that what it keeps is kept for one generation; `where` is the domain, `a.guest1`. */
export function around(make: (facts: GenerationFacts, where: string) => Around): VaryHalves {
  return (halves, facts, where) => {
    const at = make(facts, where)
    return {
      ...(halves.frontend !== undefined && {
        frontend: async (given: HalfContext) => {
          const context = at.context?.(given) ?? given
          return frontendAround((await halves.frontend?.(context)) as FrontendAccelerator, context, at)
        },
      }),
      ...(halves.backend !== undefined && {
        backend: async (given: HalfContext) => {
          const context = at.context?.(given) ?? given
          return backendAround((await halves.backend?.(context)) as BackendAccelerator, context, at)
        },
      }),
      ...(halves.hardware !== undefined && {
        hardware: async (given: HardwareContext) => {
          const context = at.hardwareContext?.(given) ?? given
          const inner = (await halves.hardware?.(context)) as AcceleratedPort
          return at.hardware?.(inner, context) ?? inner
        },
      }),
    } satisfies Halves
  }
}

function frontendAround(inner: FrontendAccelerator, context: HalfContext, at: Around): FrontendAccelerator {
  const made = at.frontend?.(inner, context) ?? inner
  return vary(made, {
    newDevice: async (given) => {
      const doors = at.frontendVif?.(given) ?? given
      const vif = await made.newDevice(doors)
      return vif === 'declined' ? vif : vifAround(vif, doors, at)
    },
  })
}

function vifAround(inner: AcceleratedVif, doors: FrontendVif, at: Around): AcceleratedVif {
  const made = at.vif?.(inner, doors) ?? inner
  return vary(made, {
    openQueue: (given) => {
      const queueDoors = at.queueDoors?.(given, doors) ?? given
      const queue = made.openQueue(queueDoors)
      return at.queue?.(queue, queueDoors, doors) ?? queue
    },
  })
}

function backendAround(inner: BackendAccelerator, context: HalfContext, at: Around): BackendAccelerator {
  const made = at.backend?.(inner, context) ?? inner
  return vary(made, {
    probe: async (given) => {
      const doors = at.backendVif?.(given) ?? given
      const probed = await made.probe(doors)
      return probed === 'declined' ? probed : (at.probed?.(probed, doors) ?? probed)
    },
  })
}
