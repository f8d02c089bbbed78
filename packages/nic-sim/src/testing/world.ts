// A guest with a VI on one machine, and another machine at the other end of the wire.
import { VirtualClock } from '@netaccel/xen'
import { expect } from 'vitest'
import type { NicDeviceOptions, WireOptions } from '../index.js'
import { Wire } from '../index.js'
import type { GuestSizes } from './raw-guest.js'
import { RawGuest } from './raw-guest.js'
import { Host, key } from './rig.js'

export interface World {
  readonly clock: VirtualClock
  readonly near: Host
  readonly far: Host
  readonly guest: RawGuest
  readonly wire: Wire
}

export function world(
  options: { wire?: WireOptions; nic?: Partial<NicDeviceOptions>; guest?: GuestSizes } = {},
): World {
  const clock = new VirtualClock()
  const near = new Host(clock, 'near', options.nic)
  const far = new Host(clock, 'far', {}, { rx: 512, tx: 512 })
  const wire = new Wire(options.wire)
  wire.join(near.device, far.device)
  return { clock, near, far, guest: new RawGuest(near, 1, options.guest), wire }
}

/** Points the flow that the far end sends at the guest's VI. */
export function steer(w: World, protocol: 6 | 17 = 17): void {
  expect(w.near.driver.filters.insert(key(protocol), w.guest.vi)).toBeTypeOf('object')
}
