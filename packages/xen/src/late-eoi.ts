// Linux's guard against a peer that signals for nothing (XSA-332, XSA-391): drivers/xen/events/events_base.c.
import type { Engine, Timer } from './engine.js'
import type { EventChannels, Port } from './event-channels.js'

/** A tick of Linux with CONFIG_HZ=250, and its second. */
const TICK_NS = 4e6
const SECOND_TICKS = 250
/** Spurious events in turn that cost the peer nothing (xenbus attribute spurious_threshold). */
const THRESHOLD = 1
/** The count grows no further: Linux counts while `1 << count` is below four seconds of ticks. */
const MOST_COUNTED = 10

/**
 * One event channel whose handler says whether an event was for something. An event for nothing is *spurious*: beyond
 * {@link THRESHOLD} of them in turn the port stays masked for 1, 2, 4, … ticks, a second at most, and one that was for
 * something makes the count 0 again. An event that comes meanwhile is kept, once, and delivered then.
 *
 * Linux masks the port of every event until its driver is out of work. Here the handler of a port runs once an engine's
 * step at most, and looks before it schedules anything, so only a port that is being punished is masked: an honest peer's
 * events cost two comparisons and no hypercall.
 */
export class LateEoi {
  /** To bind the port with. */
  readonly handler: () => void
  /** Events for nothing, and how long the port was kept masked for them, ns. */
  spuriousEvents: number
  delayedNs: number
  private readonly events: EventChannels
  private readonly engine: Engine
  private port: Port
  private inTurn: number
  /** The event that binding to a port of another domain raises is nobody's. */
  private ownEvent: boolean
  private timer: Timer | null

  /** `look` is the driver's handler: true if there was something to do. */
  constructor(events: EventChannels, engine: Engine, look: () => boolean) {
    this.events = events
    this.engine = engine
    this.spuriousEvents = 0
    this.delayedNs = 0
    this.port = 0
    this.inTurn = 0
    this.ownEvent = false
    this.timer = null
    this.handler = () => {
      if (look()) this.inTurn = 0
      else if (!this.ownEvent) this.spurious()
      this.ownEvent = false
    }
  }

  /** The port that {@link handler} is bound with; `bound`: by `bindInterdomain`, which raises an event of its own. */
  attach(port: Port, bound: boolean): void {
    this.port = port
    this.ownEvent = bound
  }

  /** To be called in front of the port's close: it is not unmasked any more. */
  close(): void {
    this.timer?.cancel()
    this.port = 0
  }

  private spurious(): void {
    this.spuriousEvents++
    if (this.inTurn < MOST_COUNTED) this.inTurn++
    // The handler itself may have closed the port.
    if (this.inTurn <= THRESHOLD || this.port === 0) return
    const ticks = 1 << (this.inTurn - 1 - THRESHOLD)
    const ns = (ticks < SECOND_TICKS ? ticks : SECOND_TICKS) * TICK_NS
    this.delayedNs += ns
    this.events.mask(this.port)
    if (this.timer === null) this.timer = this.engine.after(ns, () => this.expire())
    else this.timer.again(ns)
  }

  private expire(): void {
    if (this.port !== 0) this.events.unmask(this.port)
  }
}
