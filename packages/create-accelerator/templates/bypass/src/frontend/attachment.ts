import type {
  AcceleratedQueue,
  AcceleratedVif,
  Arena,
  Channel,
  Closable,
  FramePool,
  FrontendQueue,
  FrontendVif,
  RemoveReason,
  VifChange,
  VifScope,
} from '@netaccel/core'
import { AccelState, AcceleratorError } from '@netaccel/core'
import { BUFFER_BYTES, KEY_CHANNEL, KEY_QUEUES, KEY_RX_PAGES, KEY_TX_PAGES, readNumbers } from '../layout.js'
import { mapQueues } from './mapped-queues.js'
import type { MappedQueues } from './mapped-queues.js'
import { PairQueue } from './pair-queue.js'

/** Milliseconds for the two halves to come to terms, and for a farewell. */
const TERMS_MS = 2000
const FAREWELL_MS = 1000
const RX_FRAMES = 192

/**
 * One attachment of one vif, from `newDevice` to `remove`. All its state is here, so that the next one finds nothing of it
 * (LC-06), and all it takes comes through doors of `vif`, so that nothing has to be given back by hand (MEM-01).
 *
 * How the halves meet, with `AccelState` keeping the order of it over the keys `accelstate`:
 *
 * 1. this half grants its pages to the driver domain and names them in keys (`tell`);
 * 2. the backend half maps them, makes rings and registers of pages of its own, and names those in a key;
 * 3. this half maps them (`take`), posts buffers when its queue is opened, and `newDevice` is done.
 */
export class Attachment implements AcceleratedVif {
  private readonly vif: FrontendVif
  private readonly state: AccelState
  /** What is mapped of the other half: closed before that ends its grants. */
  private readonly mapped: VifScope & Closable
  private readonly receive: FramePool
  private readonly send: Arena | undefined
  private readonly channel: Channel
  private queues: MappedQueues | undefined
  private pair: PairQueue | undefined
  private leaving = false
  private settle: (problem: string | undefined) => void = () => {}

  constructor(vif: FrontendVif) {
    this.vif = vif
    this.mapped = vif.child('queues')
    this.receive = vif.pool(RX_FRAMES, BUFFER_BYTES)
    // The arena of ordinary frames; jumbo frames are not carried.
    this.send = vif.txArenas.toSorted((a, b) => a.pages.length - b.pages.length)[0]
    this.channel = vif.listen(() => this.pair?.interrupt())
    this.channel.mask()
    this.state = new AccelState({
      side: 'frontend',
      scope: vif,
      work: {
        setUp: () => this.tell(),
        connected: () => this.vif.task('queues', () => this.take()),
        stop: () => this.peerLeaves(),
        release: () => this.release(),
      },
    })
  }

  /** Settles when the queues are mapped; gives up at its own deadline, or when the host calls it off (LC-01). */
  async begin(): Promise<AcceleratedVif | 'declined'> {
    const { vif } = this
    const outcome = new Promise<string | undefined>((resolve) => (this.settle = resolve))
    const late = vif.after(TERMS_MS, () => this.settle('the other half did not come to terms'))
    const abort = (): void => this.settle('called off')
    vif.signal.addEventListener('abort', abort)
    try {
      if (this.send === undefined || vif.signal.aborted || !(await this.state.start())) return 'declined'
      const problem = await outcome
      if (problem === undefined) return this
      await this.leave(vif.signal.aborted ? 50 : FAREWELL_MS)
      if (vif.signal.aborted) throw new AcceleratorError('ABORTED', problem)
      vif.log('warn', problem)
      return 'declined'
    } finally {
      vif.signal.removeEventListener('abort', abort)
      late.cancel()
    }
  }

  openQueue(queue: FrontendQueue): AcceleratedQueue {
    const { vif, queues, send, receive, channel } = this
    if (queues === undefined || send === undefined)
      throw new AcceleratorError('CLOSED', 'the queues are gone')
    this.pair = new PairQueue({ vif, queues, send, receive, channel }, queue)
    return this.pair
  }

  change(change: VifChange): void {
    if (change.kind === 'carrier') this.pair?.setCarrier(change.up)
    else if (change.kind === 'mtu') this.pair?.setMtu(change.mtu)
  }

  async remove(_reason: RemoveReason, signal: AbortSignal): Promise<void> {
    await this.leave(signal.aborted ? 1 : FAREWELL_MS)
  }

  private async leave(ms: number): Promise<void> {
    this.leaving = true
    this.pair?.shut()
    await this.state.close(ms)
  }

  /** Step 1. */
  private tell(): Promise<boolean> {
    const { vif, send, receive, channel } = this
    if (send === undefined) return Promise.resolve(false)
    return vif.keys.write({
      [KEY_TX_PAGES]: send.pages.map((page) => vif.grant(page, 'ro')).join(' '),
      [KEY_RX_PAGES]: receive.arena.pages.map((page) => vif.grant(page, 'rw')).join(' '),
      [KEY_CHANNEL]: String(channel.port),
    })
  }

  /** Step 3. */
  private async take(): Promise<void> {
    const numbers = readNumbers(await this.vif.keys.readPeer(KEY_QUEUES))
    if (numbers === undefined || this.leaving) return this.settle('there are no queues')
    const queues = mapQueues(this.mapped, numbers)
    if (typeof queues === 'string') return this.settle(queues)
    this.queues = queues
    this.settle(undefined)
  }

  /** The other half leaves: stop using its parts. If we leave too nobody polls any more, and they can be unmapped. */
  private async peerLeaves(): Promise<void> {
    this.pair?.shut()
    this.settle('the other half leaves')
    if (this.leaving) await this.mapped.close()
    else if (this.queues !== undefined) this.vif.requestDetach('the other half leaves')
  }

  /** The other half has closed, or is gone. */
  private async release(): Promise<void> {
    this.settle('the other half has gone')
    if (!this.leaving) this.pair?.gone()
    this.pair?.releaseBuffers()
    await this.vif.keys.write({
      [KEY_TX_PAGES]: undefined,
      [KEY_RX_PAGES]: undefined,
      [KEY_CHANNEL]: undefined,
    })
  }
}
