// The lane plugin's half in a guest.
import type {
  AcceleratedQueue,
  AcceleratedVif,
  Arena,
  Channel,
  Frame,
  FramePool,
  FrontendAccelerator,
  FrontendContext,
  FrontendQueue,
  FrontendVif,
  VifChange,
  Verdict,
} from '@netaccel/core'
import {
  copyFrame,
  Lane,
  LANE_SLOTS,
  OPEN,
  PAGES,
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
