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
import {
  BUFFER_BYTES,
  KEY_CHANNEL,
  KEY_QUEUES,
  KEY_RECEIVE_PAGES,
  KEY_SEND_PAGES,
  readNumbers,
} from '../layout.js'
import { mapQueues } from './mapped-queues.js'
import { PairQueue } from './pair-queue.js'
import { RemoteMacs } from './remote-macs.js'

/** Milliseconds for the two halves to come to terms, for a farewell, and between two sweeps of the addresses. */
const TERMS_MS = 2000
const FAREWELL_MS = 1000
const SWEEP_MS = 1000
/** Receive buffers. */
const RECEIVE_FRAMES = 192

/** One attachment of one vif, from `newDevice` to `remove`: all its state is here (LC-06). */
export class Attachment implements AcceleratedVif {
  private readonly vif: FrontendVif
  private readonly state: AccelState
  private readonly macs = new RemoteMacs()
  /** What is mapped of the other half: closed before it ends its grants. */
  private readonly mapped: VifScope & Closable
  private readonly receive: FramePool
  private readonly send: Arena | undefined
  private readonly channel: Channel
  private pair: PairQueue | undefined
  private made: ConstructorParameters<typeof PairQueue>[0] | undefined
  private leaving = false
  private settle: (problem: string | undefined) => void = () => {}

  constructor(vif: FrontendVif) {
    this.vif = vif
    this.mapped = vif.child('queues')
    this.receive = vif.pool(RECEIVE_FRAMES, BUFFER_BYTES)
    // The arena of ordinary frames: of jumbo frames this NIC could send none.
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

  /** Settles when the queues are mapped and buffers posted. */
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
    if (this.made === undefined) throw new AcceleratorError('CLOSED', 'the queues are gone')
    this.pair = new PairQueue(this.made, queue)
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

  /** Grant what the NIC is to reach, and say so. */
  private tell(): Promise<boolean> {
    const { vif, send, receive, channel } = this
    if (send === undefined) return Promise.resolve(false)
    return vif.keys.write({
      [KEY_SEND_PAGES]: send.pages.map((page) => vif.grant(page, 'ro')).join(' '),
      [KEY_RECEIVE_PAGES]: receive.arena.pages.map((page) => vif.grant(page, 'rw')).join(' '),
      [KEY_CHANNEL]: String(channel.port),
    })
  }

  /** The other half has made the queues. */
  private async take(): Promise<void> {
    const { vif, send, receive, channel, macs } = this
    const numbers = readNumbers(await vif.keys.readPeer(KEY_QUEUES))
    if (numbers === undefined || send === undefined || this.leaving) return this.settle('there are no queues')
    const queues = mapQueues(this.mapped, numbers)
    if (typeof queues === 'string') return this.settle(queues)
    this.made = { queues, send, receive, channel, macs, vif }
    this.keepSweeping()
    this.settle(undefined)
  }

  /** Stop using its parts; when we are leaving too, nobody polls any more and they can be unmapped. */
  private async peerLeaves(): Promise<void> {
    this.pair?.shut()
    this.settle('the other half leaves')
    if (this.leaving) await this.mapped.close()
    else if (this.made !== undefined) this.vif.requestDetach('the other half leaves')
  }

  private async release(): Promise<void> {
    this.settle('the other half has gone')
    if (!this.leaving) this.pair?.gone()
    this.pair?.releaseBuffers()
    await this.vif.keys.write({
      [KEY_SEND_PAGES]: undefined,
      [KEY_RECEIVE_PAGES]: undefined,
      [KEY_CHANNEL]: undefined,
    })
  }

  private keepSweeping(): void {
    if (this.vif.signal.aborted) return
    this.vif.after(SWEEP_MS, () => {
      this.macs.sweep()
      this.keepSweeping()
    })
  }
}
