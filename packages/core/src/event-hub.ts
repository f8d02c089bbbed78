// Events: a closed table, and a hub in which an event that nobody listens to costs one field read.
import { EVENTS } from './event-table.js'
import type { EventFields, EventName } from './event-table.js'

/** What a listener for all events gets. */
export type AnyEvent = { [K in EventName]: { readonly event: K; readonly fields: EventFields[K] } }[EventName]

type Hear = { [K in EventName]: ((fields: EventFields[K]) => void) | undefined }

/**
 * Emits as `hub.hear.attached?.({ vif, name })`: while nobody listens, the field is undefined and the object after it is
 * never made.
 */
export class EventHub {
  /** One field per event; replaced when listeners come and go. */
  readonly hear: Readonly<Hear>
  readonly #hear: Hear
  readonly #listeners = new Map<EventName, Set<(fields: never) => void>>()

  constructor() {
    this.#hear = Object.fromEntries(Object.keys(EVENTS).map((name) => [name, undefined])) as Hear
    this.hear = this.#hear
  }

  /** Listens to one event; returns how to stop. A listener must not throw: what it throws comes out at the emitter. */
  on<K extends EventName>(event: K, listener: (fields: EventFields[K]) => void): () => void {
    const listeners = this.#listeners.get(event) ?? new Set()
    this.#listeners.set(event, listeners)
    listeners.add(listener)
    this.#update(event)
    return () => {
      listeners.delete(listener)
      this.#update(event)
    }
  }

  /** Listens to every event. */
  onAny(listener: (event: AnyEvent) => void): () => void {
    const offs = (Object.keys(EVENTS) as EventName[]).map((event) =>
      this.on(event, (fields) => listener({ event, fields } as AnyEvent)),
    )
    return () => {
      for (const off of offs) off()
    }
  }

  #update<K extends EventName>(event: K): void {
    const listeners = [...(this.#listeners.get(event) ?? [])] as ((fields: EventFields[K]) => void)[]
    const [first] = listeners
    this.#hear[event] = (
      listeners.length <= 1
        ? first
        : (fields: EventFields[K]) => {
            for (const listener of listeners) listener(fields)
          }
    ) as Hear[K]
  }
}
