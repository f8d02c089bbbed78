import type {
  AcceleratedQueue,
  AcceleratedVif,
  Channel,
  Closable,
  FrontendQueue,
  FrontendVif,
  RemoveReason,
  VifChange,
  VifScope,
} from '@netaccel/core'
import { AccelState, AcceleratorError, MessagePages, messageViews, parseMac } from '@netaccel/core'
import { MtuWord } from '../shared/control-page.js'
import { KEY_CONTROL_PAGE, KEY_MESSAGE_CHANNEL, KEY_MESSAGE_PAGE, KEY_NET_CHANNEL } from '../shared/keys.js'
import { LetterBox } from '../shared/letter-box.js'
import { allot } from './allotment.js'
import { takeBuffers } from './buffers.js'
import { HandshakeError } from './errors.js'
import type { Buffers } from './buffers.js'
import { ForeignFrameHints } from './foreign-frames.js'
import { Handshake } from './handshake.js'
import { LRO_TICK_MS, LroFlows } from './lro-flows.js'
import { MacTable } from './mac-table.js'
import type { MappedVi } from './mapped-vi.js'
import type { FrontendOptions } from './options.js'
import { VnicQueue } from './queue.js'
import { Tally } from './tally.js'
import { buildVnic } from './vnic.js'
import type { DrivenVnic } from './vnic.js'

/** Sweeps in the life of an address. */
const SWEEPS = 4

/** How the conversation ended before the VI was ready. */
interface Failure {
  readonly text: string
  readonly fault: boolean
}

/** What the two halves share: pages, channels, and what is read from them. */
interface Conversation {
  readonly pages: MessagePages
  readonly letters: LetterBox
  readonly handshake: Handshake
  readonly mtu: MtuWord
  readonly net: Channel
  /** The VI's mappings. */
  readonly viScope: VifScope & Closable
}

/**
 * One attachment of one vif, from `newDevice` to `remove`. All its state is here, and a later attachment makes its own
 * (LC-06). A conversation that breaks ends the attachment: the host makes a new one if the other half comes back.
 */
export class Attachment implements AcceleratedVif {
  private readonly vif: FrontendVif
  private readonly options: FrontendOptions
  private readonly state: AccelState
  private readonly tally = new Tally()
  private readonly macs = new MacTable()
  private readonly flows = new LroFlows()
  private conversation: Conversation | undefined
  private vnic: DrivenVnic | undefined
  private queue: VnicQueue | undefined
  private carrier = true
  private leaving = false
  private reading = false
  private settle: (failure: Failure | undefined) => void = ignore

  constructor(vif: FrontendVif, options: FrontendOptions) {
    this.vif = vif
    this.options = options
    this.macs.onFirst = () => this.keepSweeping()
    this.flows.onFirst = () => this.keepTicking()
    this.state = new AccelState({
      side: 'frontend',
      scope: vif,
      work: {
        setUp: () => this.setUp(),
        stop: () => this.peerLeaves(),
        release: () => this.release(),
      },
    })
  }

  /** Settles when the VI is mapped and its receive buffers are posted. */
  async begin(): Promise<AcceleratedVif | 'declined'> {
    const { vif, options } = this
    const outcome = new Promise<Failure | undefined>((resolve) => (this.settle = resolve))
    const late = { text: `the other half did not come to terms within ${options.handshake} ms`, fault: true }
    const deadline = vif.after(options.handshake, () => this.settle(late))
    const abort = () => this.settle({ text: 'called off', fault: true })
    vif.signal.addEventListener('abort', abort)
    try {
      if (vif.signal.aborted || !(await this.state.start())) return 'declined'
      const failure = await outcome
      if (failure === undefined) return this
      // At an abort the host waits 100 ms.
      await this.close(vif.signal.aborted ? 50 : options.farewell)
      if (vif.signal.aborted) throw new AcceleratorError('ABORTED', 'the conversation with the other half')
      if (failure.fault) throw new HandshakeError(failure === late ? 'LATE' : 'BROKEN', failure.text)
      vif.log('info', failure.text)
      return 'declined'
    } finally {
      vif.signal.removeEventListener('abort', abort)
      deadline.cancel()
    }
  }

  openQueue(queue: FrontendQueue): AcceleratedQueue {
    if (this.vnic === undefined) throw new AcceleratorError('CLOSED', 'no VI is mapped')
    this.queue = new VnicQueue(this.vnic, queue)
    this.judge()
    return this.queue
  }

  change(change: VifChange): void {
    if (change.kind === 'mac') this.setMac(change.mac)
    else if (change.kind === 'carrier') this.carrier = change.up
    this.judge()
  }

  stats(): void {
    this.tally.flush((name) => this.vif.counter(name))
  }

  async remove(_reason: RemoveReason, signal: AbortSignal): Promise<void> {
    await this.close(signal.aborted ? 1 : this.options.farewell)
    this.tally.eventCountSinceIrq = 0
    this.stats()
  }

  private async close(ms: number): Promise<void> {
    this.leaving = true
    this.shut()
    await this.state.close(ms)
    // The VI went before its last events were read.
    this.giveUpReceiving()
  }

  /** The other half is there: pages and channels for it, their names in the store. */
  private async setUp(): Promise<boolean> {
    const { vif } = this
    if (this.conversation !== undefined || this.leaving) return false
    const arena = vif.arena(2)
    const views = messageViews(arena)
    const [control, messages] = arena.pages.map((page) => vif.grant(page, 'rw'))
    const channel = vif.listen(() => this.readSoon())
    const net = vif.listen(() => this.queue?.interrupt())
    net.mask()
    const pages = new MessagePages({ side: 'frontend', ...views, notify: () => channel.notify() })
    const letters = new LetterBox(pages)
    const viScope = vif.child('vi')
    const handshake = this.newHandshake(letters, viScope)
    this.conversation = { pages, letters, handshake, mtu: new MtuWord(views.control), net, viScope }
    return vif.keys.write({
      [KEY_CONTROL_PAGE]: String(control),
      [KEY_MESSAGE_PAGE]: String(messages),
      [KEY_MESSAGE_CHANNEL]: String(channel.port),
      [KEY_NET_CHANNEL]: String(net.port),
    })
  }

  private newHandshake(letters: LetterBox, viScope: VifScope): Handshake {
    const { vif, options, tally } = this
    const stack = vif.txArenas.reduce((sum, { pages }) => sum + pages.length, 0)
    const wish = { stack, receive: options.receivePages, copy: options.copy }
    return new Handshake({
      viScope,
      letters,
      macs: this.macs,
      allot: (offer) => allot(offer, wish),
      take: (allotment) => takeBuffers(vif, allotment, options.lro),
      ready: (vi, buffers) => this.ready(vi, buffers),
      failed: (text, fault) => this.failed(text, fault),
      count: (what) => void tally[what]++,
    })
  }

  private ready(vi: MappedVi, buffers: Buffers): void {
    const { conversation, vif, tally, macs, flows } = this
    if (conversation === undefined) return
    const foreign = new ForeignFrameHints(conversation.letters, tally, () => vif.now())
    const { slowStart } = this.options
    const channel = conversation.net
    this.vnic = buildVnic(vi, buffers, { macs, flows, slowStart, foreign, channel, tally, vif })
    this.setMac(vif.mac)
    this.vnic.rx.refill()
    this.settle(undefined)
  }

  /**
   * The other half follows our farewell, or begins one. If the hooks are gone the VI is unmapped before it ends its grants;
   * else the host detaches first, and the other half tries again.
   */
  private async peerLeaves(): Promise<void> {
    this.lost('the other half leaves')
    if (this.leaving) await this.conversation?.viScope.close()
  }

  /** The handshake, or what came after it, broke. */
  private failed(text: string, fault: boolean): void {
    this.settle({ text, fault })
    this.lost(text)
  }

  /** Nothing is sent any more; the host is asked to detach unless we are leaving anyway. */
  private lost(why: string): void {
    this.shut()
    if (this.leaving) return
    this.settle({ text: why, fault: true })
    if (this.vnic !== undefined) this.vif.requestDetach(why)
  }

  /** The VI is quiet, or its end was waited for in vain: what it could write to is taken back. */
  private async release(): Promise<void> {
    this.settle({ text: 'the conversation has ended', fault: true })
    if (!this.leaving && this.queue !== undefined) this.queue.viGone()
    else this.giveUpReceiving()
    await this.vif.keys.write({
      [KEY_CONTROL_PAGE]: undefined,
      [KEY_MESSAGE_PAGE]: undefined,
      [KEY_MESSAGE_CHANNEL]: undefined,
      [KEY_NET_CHANNEL]: undefined,
    })
  }

  /** Once the host has cleared the hooks nothing is lent any more, and nobody polls. */
  private giveUpReceiving(): void {
    this.queue?.release()
    this.vnic?.releaseReceive()
  }

  /** An event of the message channel: several become one reading. */
  private readSoon(): void {
    if (this.reading || this.vif.signal.aborted) return
    this.reading = true
    this.vif.task('messages', async () => {
      this.reading = false
      this.readMessages()
    })
  }

  private readMessages(): void {
    const { conversation } = this
    if (conversation === undefined) return
    const { pages, letters, handshake } = conversation
    const { link } = pages.announced()
    const outcome = letters.read((view, at) => handshake.receive(view, at))
    if (outcome === 'bad') this.failed('the other half wrote an impossible index', true)
    else if (outcome === 'more') this.readSoon()
    handshake.pump()
    if (link) this.judge()
  }

  /** May frames leave by the VI now, and how long may they be? */
  private judge(): void {
    const { vnic, conversation, queue } = this
    if (vnic === undefined || conversation === undefined) return
    const { accept } = vnic
    accept.mtu = Math.min(this.vif.mtu, conversation.mtu.read() ?? this.vif.mtu)
    accept.open = queue !== undefined && this.carrier && conversation.pages.netUp && !this.leaving
  }

  private shut(): void {
    if (this.vnic !== undefined) this.vnic.accept.open = false
  }

  private setMac(text: string): void {
    const mac = parseMac(text)
    const view = new DataView(mac.buffer, mac.byteOffset, mac.length)
    this.vnic?.receiver.setMac(view.getUint16(0), view.getInt32(2))
  }

  private keepSweeping(): void {
    const { vif, macs, options } = this
    if (vif.signal.aborted) return
    const every = options.macAge / SWEEPS
    const timer = vif.after(every, () => {
      if (macs.sweep() && !vif.signal.aborted) timer.again(every)
    })
  }

  private keepTicking(): void {
    const { vif, flows, tally } = this
    if (vif.signal.aborted) return
    const timer = vif.after(LRO_TICK_MS, () => {
      tally.ssrDropStream += flows.tick()
      if (flows.size > 0 && !vif.signal.aborted) timer.again(LRO_TICK_MS)
    })
  }
}

function ignore(): void {}
