import type { Frame } from '@netaccel/packet'
import { BridgePort } from './bridge-port.js'
import type { PortOptions } from './bridge-port.js'
import { BridgeError } from './errors.js'
import { MacTable } from './mac-table.js'
import type { MacTableOptions } from './mac-table.js'

/** The part of an engine the bridge needs: time for ageing, and somewhere to charge its work. */
export interface BridgeEngine {
  /** Writes the time, ns, to `into[at]`. */
  stamp(into: Float64Array, at: number): void
  charge(cost: 'frame' | 'byteCopied', count: number): void
}

export interface BridgeOptions extends MacTableOptions {
  readonly name?: string
  /** Most ports at once. Default 256. */
  readonly maxPorts?: number
}

/** Sees each frame at each port that it passes. The frame stays whose it is; null on a bridge that nobody observes. */
export interface BridgeObserver {
  entered(port: BridgePort, frame: Frame): void
  left(port: BridgePort, frame: Frame): void
}

/**
 * The learning bridge of the driver domain. It forwards within the call: a frame given to a port by
 * {@link BridgePort.receive} has been handed to its destinations when the call returns, so the bridge holds no
 * frames, drains at once, and cannot reorder.
 *
 * No spanning tree: do not connect two bridges by two wires.
 */
export class Bridge {
  readonly name: string
  readonly engine: BridgeEngine
  readonly table: MacTable
  /** Ports in the order in which they were added; a hole is a port that was closed. */
  readonly ports: readonly (BridgePort | null)[]
  observer: BridgeObserver | null
  private readonly slots: (BridgePort | null)[]

  constructor(engine: BridgeEngine, options: BridgeOptions = {}) {
    const { name = 'bridge0', maxPorts = 256 } = options
    this.name = name
    this.engine = engine
    this.table = new MacTable(options, maxPorts)
    this.slots = Array.from({ length: maxPorts }, () => null)
    this.ports = this.slots
    this.observer = null
  }

  /** Add a port. Throws `NO_PORTS` when all are taken and `NAME_TAKEN` when a port of that name exists. */
  addPort(options: PortOptions): BridgePort {
    const twin = this.slots.some((port) => port?.name === options.name)
    if (twin)
      throw new BridgeError(
        'NAME_TAKEN',
        `${this.name} has a port ${options.name} already: choose another name`,
      )
    const index = this.slots.indexOf(null)
    if (index < 0) {
      throw new BridgeError(
        'NO_PORTS',
        `all ${this.slots.length} ports of ${this.name} are taken: raise maxPorts`,
      )
    }
    const port = new BridgePort(this, index, options, () => {
      this.slots[index] = null
      this.table.forget(index)
    })
    this.slots[index] = port
    return port
  }
}
