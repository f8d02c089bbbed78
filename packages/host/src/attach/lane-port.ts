import type { AcceleratedPort } from '@netaccel/core'

/** A port of the driver domain that carries nothing: all that the lane plugin needs to be named. */
export class LanePort implements AcceleratedPort {
  readonly name = 'lane'
  readonly kind = 'test'
  readonly mac = '00:16:3e:00:00:ff'
  readonly mtu = 1500
  readonly link = true
  changed: Parameters<AcceleratedPort['onChange']>[0] = () => {}

  onChange(changed: LanePort['changed']): void {
    this.changed = changed
  }

  transmit(): 'full' {
    return 'full'
  }

  handedOver(): Promise<void> {
    return Promise.resolve()
  }
}
