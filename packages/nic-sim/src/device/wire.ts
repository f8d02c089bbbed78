import type { View } from '@netaccel/packet'
import type { Engine } from '@netaccel/xen'
import { NicError } from '../errors.js'
import { WireLane } from './wire-lane.js'
import type { WireOptions, WireSettings } from './wire-options.js'
import { wireSettings } from './wire-options.js'

/** What a wire needs of a device that is plugged into it. */
export interface WireSocket {
  readonly name: string
  readonly engine: Engine
  /** Largest MTU it will ever have: sizes the wire's slots. */
  readonly maxMtu: number
  /** Memory for packets on their way out, in which the sender is quick; undefined: the wire has its own. */
  buffer?(bytes: number): View | undefined
  /** The cable is out, and nothing refers to it any more. */
  freeBuffer?(buffer: View): void
  /** The cable is in: frames go out through `out`, which is the peer's `in`. */
  plugged(out: WireLane, incoming: WireLane): void
  /** The cable is out; the link is down. */
  unplugged(): void
  /** Carrier came or went without unplugging. */
  carrier(up: boolean): void
}

/** A cable between two NICs, of one machine or of two. Both directions have the same options and draw apart. */
export class Wire {
  private readonly settings: WireSettings
  private ends: readonly [WireSocket, WireSocket] | null
  private laneList: readonly [WireLane, WireLane] | null
  private linkUp: boolean

  constructor(options: WireOptions = {}) {
    this.settings = wireSettings(options)
    this.ends = null
    this.laneList = null
    this.linkUp = true
  }

  /** Plugs both ends in. Throws `ALREADY_JOINED`. */
  join(a: WireSocket, b: WireSocket): void {
    if (this.ends !== null)
      throw new NicError(
        'ALREADY_JOINED',
        `this wire joins ${this.ends[0].name} and ${this.ends[1].name}: part them first`,
      )
    const mtu = Math.max(a.maxMtu, b.maxMtu)
    const there = new WireLane(a, this.settings, mtu, 'a to b')
    const back = new WireLane(b, this.settings, mtu, 'b to a')
    this.ends = [a, b]
    this.laneList = [there, back]
    this.linkUp = true
    a.plugged(there, back)
    b.plugged(back, there)
  }

  /** Both directions, that of the first device given to {@link join} first. Throws `NOT_JOINED`. */
  get lanes(): readonly [WireLane, WireLane] {
    if (this.laneList === null)
      throw new NicError('NOT_JOINED', 'this wire joins nothing: call join(a, b) first')
    return this.laneList
  }

  get up(): boolean {
    return this.linkUp && this.ends !== null
  }

  /** Carrier off and on: what is in flight when it goes off is lost and counted as `unplugged`. */
  setLink(up: boolean): void {
    const [there, back] = this.lanes
    if (this.ends === null || this.linkUp === up) return
    this.linkUp = up
    there.setUp(up)
    back.setUp(up)
    this.ends[0].carrier(up)
    this.ends[1].carrier(up)
  }

  /** Pulls the wire out at both ends. The lanes' counters stay readable through the objects taken before. */
  part(): void {
    if (this.ends === null) return
    const [a, b] = this.ends
    const { lanes } = this
    for (const lane of lanes) lane.setUp(false)
    this.ends = null
    a.unplugged()
    b.unplugged()
    for (const lane of lanes) lane.freeSlots()
  }
}
