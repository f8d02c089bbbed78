// The lane plugin's half in the driver domain: carries frames from one guest's lane to the other's.
import type {
  BackendAccelerator,
  BackendContext,
  BackendVif,
  Channel,
  Closable,
  ProbedVif,
} from '@netaccel/core'
import {
  copyFrame,
  Lane,
  LANE_SLOTS,
  OPEN,
  PEER_MAC,
  RX_CONS,
  RX_DATA,
  RX_PROD,
  SLOT,
  SLOT_HEADER,
  TX_CONS,
  TX_DATA,
  TX_PROD,
} from './lane.js'
import type { LaneManners } from './lane.js'

export function laneBackend(context: BackendContext, manners: LaneManners = {}): BackendAccelerator {
  const ends = new Set<LaneEnd>()
  return {
    openPort: (port) => port.name === 'lane',
    probe: async (vif) => {
      manners.hook?.('probe')
      if (manners.probe !== undefined) return manners.probe(vif)
      context.log('info', `vif ${vif.handle} of domain ${vif.peer}`)
      manners.probed?.(vif)
      const end = new LaneEnd(vif, ends, manners)
      ends.add(end)
      vif.undo(() => {
        ends.delete(end)
      })
      vif.keys.watchPeer('accel-lane', () => vif.task('converse', () => end.converse()))
      await Promise.resolve()
      return end
    },
  }
}

/** One vif's end in the driver domain. */
class LaneEnd implements ProbedVif {
  steering = false
  lane: Lane | undefined
  channel: Channel | undefined
  readonly vif: BackendVif
  readonly #ends: ReadonlySet<LaneEnd>
  readonly #manners: LaneManners
  #talk: (BackendVif & Closable) | undefined
  #said: string | undefined
  #busy: Promise<void> = Promise.resolve()
  #empty: (() => void)[] = []

  constructor(vif: BackendVif, ends: ReadonlySet<LaneEnd>, manners: LaneManners) {
    this.vif = vif
    this.#ends = ends
    this.#manners = manners
  }

  /** The frontend half has said something new, or has gone. One conversation after the other. */
  converse(): Promise<void> {
    this.#busy = this.#busy.then(() => this.converseNow())
    return this.#busy
  }

  start(): void {
    this.#manners.hook?.('start')
    this.#manners.start?.()
    this.steering = true
    this.tellOpen()
  }

  /** Afterwards nobody writes into our lane: peers stop sending, and what stands in their lanes is carried first. */
  async stop(signal: AbortSignal): Promise<void> {
    this.#manners.hook?.('stop')
    this.steering = false
    this.tellOpen()
    for (const other of this.#ends) {
      if (other === this) continue
      while (!signal.aborted && this.lane !== undefined && other.pending() > 0) {
        other.carry(this)
        if (other.pending() > 0) await new Promise<void>((resolve) => this.#empty.push(resolve))
      }
    }
    await this.#manners.stop?.()
  }

  async remove(): Promise<void> {
    this.#manners.hook?.('remove')
    await this.#talk?.close()
  }

  /** Frames of our guest that have not been carried. */
  pending(): number {
    return this.lane === undefined ? 0 : this.lane.used(TX_PROD, TX_CONS)
  }

  /** Carry what stands in our guest's lane to the other guest, as far as there is room. */
  carry(to: LaneEnd): void {
    const from = this.lane
    const target = to.lane
    if (from === undefined || target === undefined) return
    let carried = 0
    while (from.used(TX_PROD, TX_CONS) > 0 && target.used(RX_PROD, RX_CONS) < LANE_SLOTS) {
      const index = from.get(TX_CONS)
      const at = from.slot(TX_DATA, index)
      const out = target.get(RX_PROD)
      const toAt = target.slot(RX_DATA, out)
      const length = Math.min(from.view.view.getUint32(at, true), SLOT - SLOT_HEADER)
      target.view.view.setUint32(toAt, length, true)
      copyFrame(from.view, at + SLOT_HEADER, target.view, toAt + SLOT_HEADER, length)
      target.set(RX_PROD, out + 1)
      from.set(TX_CONS, index + 1)
      carried++
    }
    if (carried === 0) return
    to.channel?.notify()
    this.channel?.notify()
  }

  private async converseNow(): Promise<void> {
    const said = await this.vif.keys.readPeer('accel-lane').catch(() => undefined)
    if (said === this.#said) return
    this.#said = said
    this.lane = undefined
    this.channel = undefined
    await this.#talk?.close()
    this.#talk = undefined
    if (said === undefined || this.vif.signal.aborted) return
    const [port = 0, ...refs] = said.split(',').map(Number)
    const talk = this.vif.child('talk')
    this.#talk = talk
    const mapping = talk.map(refs, 'rw')
    const channel = typeof mapping === 'number' ? undefined : talk.connect(port, () => this.event())
    if (typeof mapping === 'number' || mapping.whole === undefined || channel === undefined) {
      // What stands in the key may be an earlier vif's; the next one may say the very same again.
      this.#said = undefined
      this.#talk = undefined
      await talk.close()
      return
    }
    this.lane = new Lane(mapping.whole)
    this.channel = channel
    this.tellOpen()
    for (const other of this.#ends) other.tellOpen()
    await this.vif.keys.write({ 'accel-lane-ready': String(refs[0]) })
    talk.undo(async () => {
      this.lane = undefined
      this.channel = undefined
      await this.vif.keys.write({ 'accel-lane-ready': undefined })
    })
  }

  private event(): void {
    for (const other of this.#ends) {
      if (other === this) continue
      this.carry(other)
      other.carry(this)
      other.wake()
    }
    this.wake()
  }

  private wake(): void {
    for (const resolve of this.#empty.splice(0)) resolve()
  }

  /** Says in every other guest's lane whether ours takes frames, and in ours whether theirs do. */
  tellOpen(): void {
    for (const other of this.#ends) {
      if (other === this) continue
      tell(other, this)
      tell(this, other)
    }
  }
}

function tell(of: LaneEnd, about: LaneEnd): void {
  const { lane } = of
  if (lane === undefined) return
  const bytes = about.vif.mac.split(':').map((byte) => Number.parseInt(byte, 16))
  for (let i = 0; i < 6; i++) lane.view.bytes[lane.view.offset + PEER_MAC + i] = bytes[i] ?? 0
  lane.set(OPEN, about.steering && about.lane !== undefined ? 1 : 0)
}
