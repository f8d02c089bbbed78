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
    port.observe?.({
      received: (frame) => this.received(frame),
      transmitted: (frame) => this.transmitted(frame),
    })
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

  private received(frame: Frame): void {
    const observers = this.#observers
    for (let i = 0; i < observers.length; i++) observers[i]?.received?.(frame)
  }

  private transmitted(frame: Frame): void {
    const observers = this.#observers
    for (let i = 0; i < observers.length; i++) observers[i]?.transmitted?.(frame)
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
