// Stage 6s of a frame's way out and in, first part: where the NIC is plugged into the bridge.
import type { BridgePort } from '@netaccel/bridge'
import { type Frame, FrameRing } from '@netaccel/packet'

/** A NIC's driver as the bridge's side meets it. */
export interface PluggablePort {
  /** Takes each received frame, and owns it. */
  onReceive: ((frame: Frame) => void) | null
  /** Takes those that guests' VIs of a NIC that switches have sent to this host. */
  onSwitched?: ((frame: Frame) => void) | null
  /** There is room again after 'full'. */
  onRoom: (() => void) | null
  transmit(frame: Frame): 'taken' | 'full'
}

/**
 * What plugs a NIC into the bridge.
 *
 * A frame that finds the NIC's queue full waits here, in order; a flooded one may wait at other ports too. The wait is
 * bounded without a bound of its own: a frame comes from a pool, and its sender stops when the pool is empty
 * (docs/adr/0007).
 */
export class NicPort {
  readonly #driver: PluggablePort
  readonly #backlog = new FrameRing()

  constructor(driver: PluggablePort) {
    this.#driver = driver
    driver.onRoom = () => this.#flush()
  }

  /** Received frames go into the bridge from here. */
  plug(port: BridgePort): void {
    this.#driver.onReceive = (frame) => port.receive(frame)
    this.#driver.onSwitched = (frame) => port.receiveSwitched(frame)
  }

  /** The bridge's `send`: owns the frame. */
  send(frame: Frame): void {
    if (this.#backlog.count === 0 && this.#driver.transmit(frame) === 'taken') return
    this.#backlog.push(frame)
  }

  /** Frames that wait for the NIC, in wire segments. */
  get segments(): number {
    return this.#backlog.segments
  }

  /** The host is taken down: what waits is given back. */
  close(): void {
    this.#driver.onRoom = null
    this.#driver.onReceive = null
    this.#driver.onSwitched = null
    this.#backlog.releaseAll()
  }

  #flush(): void {
    for (let frame = this.#backlog.peek(); frame !== null; frame = this.#backlog.peek()) {
      if (this.#driver.transmit(frame) === 'full') return
      this.#backlog.shift()
    }
  }
}
