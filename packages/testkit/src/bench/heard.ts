import { EVENTS } from '@netaccel/core'
import type { EventFields, EventHub } from '@netaccel/core'
import type { World } from '@netaccel/host'

export type EventName = keyof EventFields

/** One event of one domain, with the virtual time at which it was heard. */
export interface Heard<N extends EventName = EventName> {
  readonly at: number
  readonly where: string
  readonly name: N
  readonly fields: EventFields[N]
}

/** Everything that the domains of a world say. */
export class Hearing {
  readonly events: Heard[] = []
  /** False: nothing is kept. An error that was heard keeps the functions alive that it has passed. */
  on = true
  private readonly world: World
  private readonly known = new WeakSet<EventHub>()

  constructor(world: World) {
    this.world = world
    this.listen()
  }

  /** Again, when guests have come or moved. */
  listen(): void {
    for (const host of this.world.hosts.values()) {
      this.join(host.plugins.events, `${host.name}.driver`)
      for (const guest of host.guests.values()) this.join(guest.plugins.events, `${host.name}.${guest.name}`)
    }
  }

  of<N extends EventName>(name: N): Heard<N>[] {
    return this.events.filter((event): event is Heard<N> => event.name === name)
  }

  private join(hub: EventHub, where: string): void {
    if (this.known.has(hub)) return
    this.known.add(hub)
    for (const name of Object.keys(EVENTS) as EventName[])
      hub.on(name, (fields) => {
        if (this.on) this.events.push({ at: this.world.timeline.now(), where, name, fields })
      })
  }
}
