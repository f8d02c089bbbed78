// What happens to plugins in a running host, one line each, in its own terminal.
import type { AnyEvent, EventHub } from '@netaccel/core'
import type { World } from '@netaccel/host'

/** Listens to every domain of a world. */
export class EventLog {
  readonly #world: World
  readonly #line: (text: string) => void
  readonly #ends: (() => void)[]

  constructor(world: World, line: (text: string) => void) {
    this.#world = world
    this.#line = line
    this.#ends = hubsOf(world).map(([place, hub]) => hub.onAny((event) => this.#heard(place, event)))
  }

  stop(): void {
    for (const end of this.#ends) end()
  }

  #heard(place: string, event: AnyEvent): void {
    const text = textOf(event, (vif) => this.#pathOf(place, vif))
    if (text !== undefined)
      this.#line(`${(this.#world.timeline.now() / 1e9).toFixed(3)} s  ${place}  ${text}`)
  }

  /** Drivers call it `vif1.0`, people `a.guest1.vif0`. */
  #pathOf(place: string, name: string): string {
    const [host = ''] = place.split('.')
    const found = this.#world.vifs.find(({ path, vif }) => path.startsWith(`${host}.`) && vif.name === name)
    return found?.path ?? name
  }
}

function hubsOf(world: World): [string, EventHub][] {
  return [...world.hosts.values()].flatMap((host): [string, EventHub][] => [
    [`${host.name}.driver`, host.plugins.events],
    ...[...host.guests.values()].map(({ name, plugins }): [string, EventHub] => [
      `${host.name}.${name}`,
      plugins.events,
    ]),
  ])
}

/** In words; undefined: it is not for this log, which is for what changes and for what goes wrong. */
function textOf({ event, fields }: AnyEvent, path: (vif: string) => string): string | undefined {
  switch (event) {
    case 'half_loaded':
      return `${fields.name}: ${fields.half} half is in`
    case 'half_failed':
      return `${fields.name}: ${fields.half} half did not load: ${words(fields.cause)}`
    case 'half_stopped':
      return `${fields.name}: ${fields.side} half is out${heldBy(fields.report)}`
    case 'phase':
      return SHOWN.has(fields.to) ? `${path(fields.vif)} is ${fields.to} (${fields.name})` : undefined
    case 'forced':
      return `${path(fields.vif)} was forced from ${fields.name}: ${fields.holders.join(', ')}`
    case 'fault':
      return `${fields.name} broke ${fields.rule} in ${fields.hook} for ${path(fields.vif)}: ${words(fields.cause)}`
    case 'refused':
      return `${fields.name} was refused what ${fields.rule} forbids for ${path(fields.vif)}: ${fields.text}`
    case 'punished':
      return `${path(fields.vif)} broke the protocol of ${fields.name}: ${fields.evidence}`
    case 'half_leaked':
      return `${fields.name}: ${fields.half} half LEAKED: ${fields.holders.join('; ')}`
    case 'load_request_failed':
      return `${fields.name}: a request failed: ${words(fields.cause)}`
    case 'plugin_log':
      return fields.level === 'info' ? undefined : `${fields.scope} says: ${fields.text}`
    // Steps on the way to what is shown.
    case 'half_loading':
    case 'half_registered':
    case 'half_draining':
    case 'half_purged':
    case 'load_requested':
    case 'load_deferred':
    case 'load_refused':
    case 'member_attached':
    case 'detach_failed':
      return undefined
  }
}

/** Phases in which a vif stays; the others are on the way. */
const SHOWN: ReadonlySet<string> = new Set(['active', 'declined', 'steering'])

function heldBy({
  forced,
  holders,
}: {
  readonly forced: boolean
  readonly holders: readonly string[]
}): string {
  return forced ? `, by force; held by ${holders.join(', ')}` : ''
}

function words(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
