import type { AcceleratedPort, Frame, PortChange, PortObserver } from '../contract/index.js'

/**
 * One port of the driver domain with those who watch it. Hardware knows one observer and one listener, this one, which
 * costs one field read per frame while nobody watches.
 */
export class PortHub {
  readonly port: AcceleratedPort
  #observers: readonly PortObserver[] = []
  #listeners: readonly ((change: PortChange) => void)[] = []

  constructor(port: AcceleratedPort) {
    this.port = port
    port.observe?.(new HubObserver(this))
    port.onChange((change) => {
      for (const listener of this.#listeners) listener(change)
    })
  }

  /** The returned function takes the observer away. */
  observe(observer: PortObserver): () => void {
    this.#observers = [...this.#observers, observer]
    return () => {
      this.#observers = this.#observers.filter((other) => other !== observer)
    }
  }

  onChange(listener: (change: PortChange) => void): () => void {
    this.#listeners = [...this.#listeners, listener]
    return () => {
      this.#listeners = this.#listeners.filter((other) => other !== listener)
    }
  }

  /** No plugin looks at what is sent. */
  get scatter(): boolean {
    const observers = this.#observers
    for (let i = 0; i < observers.length; i++) if (observers[i]?.transmitted !== undefined) return false
    return true
  }

  received(frame: Frame): void {
    const observers = this.#observers
    for (let i = 0; i < observers.length; i++) observers[i]?.received?.(frame)
  }

  transmitted(frame: Frame): void {
    const observers = this.#observers
    for (let i = 0; i < observers.length; i++) observers[i]?.transmitted?.(frame)
  }
}

/** What hardware is given; our own drivers ask besides whether frames must be in one piece. */
class HubObserver implements PortObserver {
  readonly #hub: PortHub

  constructor(hub: PortHub) {
    this.#hub = hub
  }

  /** Frames with fragments may be shown: nobody looks at their bytes. */
  get scatter(): boolean {
    return this.#hub.scatter
  }

  received(frame: Frame): void {
    this.#hub.received(frame)
  }

  transmitted(frame: Frame): void {
    this.#hub.transmitted(frame)
  }
}

/** A port of kind `none`, for a plugin that needs no hardware: it carries nothing and is named as the plugin. */
export function noHardware(name: string): AcceleratedPort {
  return {
    name,
    kind: 'none',
    mac: '00:00:00:00:00:00',
    mtu: 65535,
    link: true,
    onChange: () => {},
    transmit: () => 'full',
    handedOver: () => Promise.resolve(),
  }
}
