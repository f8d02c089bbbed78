// Frames that stand in virtual interfaces, whoever built the NIC.
import { callsWithin } from '../kit/calls-of.js'
import type { Call } from '../record/calls.js'
import type { Scene } from './scene.js'
import type { Arrival } from './vi-log.js'

/**
 * How long hardware that a plugin brings may take until a frame that it took from the wire stands in a virtual interface:
 * the host does not see that moment. For the host's own NIC it does, to the step.
 */
export const HARDWARE_NS = 100_000

/** In the order in which they came. */
export function arrivalsOf(scene: Scene): readonly Arrival[] {
  return scene.subject.manifest.hardware === undefined ? scene.arrivals : takenOf(scene)
}

/** Frames that hardware took from its wire and did not hand to the driver domain. */
function takenOf(scene: Scene): Arrival[] {
  const taken = scene.calls.filter(
    (call) =>
      call.role === 'callback' &&
      call.name === 'onFrame' &&
      call.result === 'taken' &&
      call.frame !== null &&
      !callsWithin(scene, call).some(({ name }) => name === 'received'),
  )
  return taken.map(({ n, at, place, frame }) => ({
    n,
    at,
    host: hostOf(place.where),
    frame: frame as NonNullable<Call['frame']>,
  }))
}

/** `a` of `a.guest1`. */
export function hostOf(where: string): string {
  return where.split('.', 1)[0]
}
