// A whole accelerator for tests: frames between two guests of one host go through shared pages, past ring and bridge.
// It is written on the public contract alone. Frames of up to one slot to the one other guest are carried; all else is
// declined.
import type {
  AcceleratedQueue,
  AcceleratedVif,
  Arena,
  BackendAccelerator,
  BackendContext,
  BackendVif,
  Channel,
  Closable,
  Frame,
  FramePool,
  FrontendAccelerator,
  FrontendContext,
  FrontendQueue,
  FrontendVif,
  VifChange,
  ProbedVif,
  Verdict,
  View,
} from '@netaccel/core'

export const LANE_SLOTS = 32
const SLOT = 2048
const SLOT_HEADER = 8
const DATA_PAGES = (LANE_SLOTS * SLOT) / 4096
const PAGES = 1 + 2 * DATA_PAGES
// Words of the first page.
const TX_PROD = 0
const TX_CONS = 4
const RX_PROD = 8
const RX_CONS = 12
const OPEN = 16
const PEER_MAC = 20
const TX_DATA = 4096
const RX_DATA = TX_DATA + DATA_PAGES * 4096

/** What both ends read and write: free-running indices and slots of a length, 4 spare bytes and the frame. */
class Lane {
  readonly view: View

  constructor(view: View) {
    this.view = view
  }

  get(word: number): number {
    return this.view.view.getUint32(this.view.offset + word, true)
  }

  set(word: number, value: number): void {
    this.view.view.setUint32(this.view.offset + word, value >>> 0, true)
  }

  used(prod: number, cons: number): number {
    return (this.get(prod) - this.get(cons)) >>> 0
  }

  slot(data: number, index: number): number {
    return this.view.offset + data + (index % LANE_SLOTS) * SLOT
  }
}

function copyFrame(from: View, at: number, to: View, toAt: number, length: number): void {
  for (let i = 0; i < length; i++) to.bytes[toAt + i] = from.bytes[at + i]
}

/** What a test can ask of the plugin's misbehaviour; everything off for a good citizen. */
export interface LaneManners {
  /** Called in each hook with its name; may throw. */
  hook?(name: string): void
  change?(change: VifChange): void
  /** Never complete what was lent. */
  keep?: boolean
  /** Instead of the plugin's own. */
  newDevice?(vif: FrontendVif): Promise<AcceleratedVif | 'declined'>
  /** Awaited before the plugin's own. */
  remove?(): Promise<void>
  stop?(): Promise<void>
  probed?(vif: BackendVif): void
  probe?(vif: BackendVif): Promise<ProbedVif | 'declined'>
  start?(): void
}

// --- frontend

export function laneFrontend(context: FrontendContext, manners: LaneManners = {}): FrontendAccelerator {
  return {
    newDevice: async (vif) => {
      manners.hook?.('newDevice')
      if (manners.newDevice !== undefined) return manners.newDevice(vif)
      const arena = vif.arena(PAGES)
      const refs = arena.pages.map((page) => vif.grant(page, 'rw'))
      const state = new LaneVif(vif, arena, manners)
      const channel = vif.listen(() => state.event())
      state.channel = channel
      const ready = new Promise<boolean>((resolve) => {
        vif.signal.addEventListener('abort', () => resolve(false), { once: true })
        vif.keys.watchPeer('accel-lane-ready', () =>
          vif.task('ready', async () => {
            if ((await vif.keys.readPeer('accel-lane-ready')) === String(refs[0])) resolve(true)
          }),
        )
      })
      if (!(await vif.keys.write({ 'accel-lane': [channel.port, ...refs].join(',') }))) return 'declined'
      vif.undo(async () => {
        await vif.keys.write({ 'accel-lane': undefined })
      })
      context.log('info', `vif ${vif.handle} waits for its backend`)
      return (await ready) ? state : 'declined'
    },
  }
}

class LaneVif implements AcceleratedVif {
  channel: Channel | undefined
  readonly #vif: FrontendVif
  readonly #lane: Lane
  readonly #pool: FramePool
  readonly #manners: LaneManners
  #queue: LaneQueue | undefined

  constructor(vif: FrontendVif, arena: Arena, manners: LaneManners) {
    this.#vif = vif
    this.#lane = new Lane(arena)
    this.#pool = vif.pool(64, SLOT)
    this.#manners = manners
  }

  event(): void {
    this.#queue?.event()
  }

  openQueue(queue: FrontendQueue): AcceleratedQueue {
    this.#manners.hook?.('openQueue')
    const { channel } = this
    if (channel === undefined) throw new Error('no channel')
    this.#queue = new LaneQueue(queue, this.#lane, this.#pool, channel, this.#manners, this.#vif)
    return this.#queue
  }

  change(change: VifChange): void {
    this.#manners.change?.(change)
  }

  /** The farewell: the other half unmaps our pages before their grants end. */
  async remove(_reason: string, signal: AbortSignal): Promise<void> {
    this.#manners.hook?.('remove')
    await this.#manners.remove?.()
    this.#queue = undefined
    const { keys } = this.#vif
    await keys.write({ 'accel-lane': undefined })
    if (this.#vif.signal.aborted) return
    await new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true })
      keys.watchPeer('accel-lane-ready', () =>
        this.#vif.task('farewell', async () => {
          if ((await keys.readPeer('accel-lane-ready')) === undefined) resolve()
        }),
      )
    })
  }
}

class LaneQueue implements AcceleratedQueue {
  readonly txDepth = LANE_SLOTS
  readonly rxDepth = LANE_SLOTS
  readonly #queue: FrontendQueue
  readonly #lane: Lane
  readonly #pool: FramePool
  readonly #channel: Channel
  readonly #manners: LaneManners
  readonly #vif: FrontendVif
  readonly #lent: (Frame | undefined)[] = Array.from({ length: LANE_SLOTS }, () => undefined)
  #done = 0
  #armed = false

  constructor(
    queue: FrontendQueue,
    lane: Lane,
    pool: FramePool,
    channel: Channel,
    manners: LaneManners,
    vif: FrontendVif,
  ) {
    this.#queue = queue
    this.#lane = lane
    this.#pool = pool
    this.#channel = channel
    this.#manners = manners
    this.#vif = vif
  }

  event(): void {
    if (!this.#armed) return
    this.#armed = false
    this.#queue.schedule()
  }

  accepts(frame: Frame): boolean {
    this.#manners.hook?.('accepts')
    const { view } = this.#lane
    if (this.#lane.get(OPEN) === 0 || frame.length > SLOT - SLOT_HEADER || frame.gsoSize > 0) return false
    if (frame.checksum === 'blank') return false
    for (let i = 0; i < 6; i++) {
      if (frame.bytes[frame.offset + i] !== view.bytes[view.offset + PEER_MAC + i]) return false
    }
    return true
  }

  startXmit(frame: Frame): Verdict {
    this.#manners.hook?.('startXmit')
    if (!this.accepts(frame)) return 'declined'
    const lane = this.#lane
    const prod = lane.get(TX_PROD)
    if ((prod - this.#done) >>> 0 >= LANE_SLOTS) return 'busy'
    const at = lane.slot(TX_DATA, prod)
    lane.view.view.setUint32(at, frame.length, true)
    copyFrame(frame, frame.offset, lane.view, at + SLOT_HEADER, frame.length)
    this.#lent[prod % LANE_SLOTS] = frame
    lane.set(TX_PROD, prod + 1)
    return 'accepted'
  }

  flush(): void {
    this.#manners.hook?.('flush')
    this.#channel.notify()
  }

  hasRoom(): boolean {
    this.#manners.hook?.('hasRoom')
    return (this.#lane.get(TX_PROD) - this.#done) >>> 0 < LANE_SLOTS
  }

  poll(budget: number): 'idle' | 'more' {
    this.#manners.hook?.('poll')
    const lane = this.#lane
    const cons = lane.get(TX_CONS)
    while (this.#done !== cons && this.#manners.keep !== true) {
      const frame = this.#lent[this.#done % LANE_SLOTS]
      this.#lent[this.#done % LANE_SLOTS] = undefined
      this.#done = (this.#done + 1) >>> 0
      if (frame !== undefined) this.#queue.completeTx(frame)
    }
    let taken = 0
    while (taken < budget && lane.used(RX_PROD, RX_CONS) > 0) {
      const frame = this.#pool.take()
      if (frame === undefined) break
      const index = lane.get(RX_CONS)
      const at = lane.slot(RX_DATA, index)
      frame.length = lane.view.view.getUint32(at, true)
      copyFrame(lane.view, at + SLOT_HEADER, frame, frame.offset, frame.length)
      lane.set(RX_CONS, index + 1)
      this.#queue.deliver(frame)
      taken++
    }
    if (taken > 0) this.#channel.notify()
    return lane.used(RX_PROD, RX_CONS) > 0 ? 'more' : 'idle'
  }

  startInterrupts(): 'armed' | 'waiting' {
    this.#manners.hook?.('startInterrupts')
    this.#armed = true
    const unread = this.#lane.used(RX_PROD, RX_CONS) > 0 || this.#lane.get(TX_CONS) !== this.#done
    if (!unread || this.#manners.keep === true || this.#vif.signal.aborted) return 'armed'
    this.#armed = false
    return 'waiting'
  }

  stopInterrupts(): void {
    this.#manners.hook?.('stopInterrupts')
    this.#armed = false
  }
}

// --- backend

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
