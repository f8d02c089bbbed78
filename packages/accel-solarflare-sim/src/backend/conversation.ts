import type { BackendVif, Channel, Closable, Filter, FilterStatus, Vi } from '@netaccel/core'
import { MessagePages } from '@netaccel/core'
import { MtuWord } from '../shared/control-page.js'
import { flowKey, portsWord } from '../shared/filter-key.js'
import {
  KEY_CONTROL_PAGE,
  KEY_MESSAGE_CHANNEL,
  KEY_MESSAGE_PAGE,
  KEY_NET_CHANNEL,
  parseNumber,
} from '../shared/keys.js'
import { LetterBox } from '../shared/letter-box.js'
import * as words from '../shared/words.js'
import { GuestBuffers } from './guest-buffers.js'
import { LocalMacs } from './local-macs.js'
import type { BackendOptions } from './options.js'
import { createVi, describeVi, NO_HARDWARE } from './vi-rings.js'

/** Nanoseconds between two messages that name an address which the NIC reaches. */
const LEAST_NEAR_NS = 1_000_000

/** What a conversation tells the vif's half. */
export interface ConversationEvents {
  /** The VI is made, and the guest told of it. */
  ready(vi: Vi): void
  /** The guest says that the filter of this key let through what is not its own. */
  unwanted(ip: number, ports: number): void
}

/**
 * One conversation with a guest, in a scope of its own: from its keys to the end of its VI. The guest may come and go
 * without the vif being probed again; each time everything is taken and given back (MEM-01).
 *
 * Nothing that the guest writes is trusted. What is out of place is refused and counted; what a guest cannot do by
 * mistake is reported to the host by `punish`, and the conversation goes on with an error in the answer (CT-07).
 */
export class Conversation {
  private readonly vif: BackendVif
  private readonly options: BackendOptions
  private readonly events: ConversationEvents
  private readonly scope: BackendVif & Closable
  /** Mappings, rings and grants: closed after the VI, whatever closes the conversation (MEM-03). */
  private readonly memory: BackendVif & Closable
  private channel: Channel | undefined
  private net: Channel | undefined
  private pages: MessagePages | undefined
  private letters: LetterBox | undefined
  private mtu: MtuWord | undefined
  private localMacs: LocalMacs | undefined
  private vi: Vi | undefined
  private buffers: GuestBuffers | undefined
  private macInKeys: boolean
  private greeted = false
  private reading = false
  private nextNear = 0

  constructor(vif: BackendVif, options: BackendOptions, events: ConversationEvents) {
    this.vif = vif
    this.options = options
    this.events = events
    this.scope = vif.child('conversation')
    this.memory = this.scope.child('memory')
    this.macInKeys = options.filterMac
  }

  /** Maps what the guest's keys name and greets it. False: they name nothing that can be used. */
  async open(): Promise<boolean> {
    const { scope, memory, vif } = this
    const { keys } = scope
    const read = async (key: string) => parseNumber(await keys.readPeer(key))
    const controlRef = await read(KEY_CONTROL_PAGE)
    const messagesRef = await read(KEY_MESSAGE_PAGE)
    const messagePort = await read(KEY_MESSAGE_CHANNEL)
    const netPort = await read(KEY_NET_CHANNEL)
    if (controlRef === undefined || messagesRef === undefined) return false
    if (messagePort === undefined || netPort === undefined) return false
    const shared = memory.map([controlRef, messagesRef], 'rw')
    if (typeof shared === 'number') return this.cannot(`its pages: grant status ${shared}`)
    const [control, messages] = shared.pages
    const notify = () => this.channel?.notify()
    this.pages = new MessagePages({ side: 'backend', control, messages, notify })
    this.letters = new LetterBox(this.pages)
    this.localMacs = new LocalMacs(this.letters, vif.counter('local_macs'))
    this.mtu = new MtuWord(control)
    this.mtu.write(vif.port.mtu)
    this.pages.format(vif.port.link)
    this.channel = scope.connect(messagePort, () => this.readSoon())
    if (this.channel === undefined) return this.cannot(`its message channel ${messagePort}`)
    this.net = scope.connect(netPort, () => {})
    if (this.net === undefined) return this.cannot(`its net channel ${netPort}`)
    return this.greet()
  }

  /** The port's link or MTU has changed. */
  portChanged(): void {
    const { pages, mtu, vif } = this
    if (pages === undefined || mtu === undefined) return
    mtu.write(vif.port.mtu)
    pages.setNetUp(vif.port.link)
  }

  isLocal(high: number, low: number): void {
    if (this.vi !== undefined) this.localMacs?.tell(high, low)
  }

  /** Told without delay or not at all: the next frame that goes the long way asks again. */
  isNear(high: number, low: number): void {
    const now = this.vif.now()
    if (this.vi === undefined || this.letters === undefined || now < this.nextNear) return
    this.nextNear = now + LEAST_NEAR_NS
    this.letters.send((view, at) => {
      words.writeId(view, at, words.MSG_LOCALMAC)
      words.writeLocalMac(view, at, { flags: words.LOCALMAC_REMOVE, mac: { high, low } })
    })
  }

  /** A filter for this guest, its MAC in the key if the NIC can match it. */
  async insertFilter(ip: number, ports: number): Promise<Filter | FilterStatus> {
    const { vi, scope, vif } = this
    if (vi === undefined) return 'closed'
    const answer = await scope.insertFilter(flowKey(ip, ports, this.macInKeys ? vif.mac : undefined), vi)
    if (answer !== 'unsupported' || !this.macInKeys) return answer
    this.macInKeys = false
    return scope.insertFilter(flowKey(ip, ports, undefined), vi)
  }

  /** The VI first, quiet; then its pages; then what was shared. */
  async close(signal: AbortSignal): Promise<void> {
    const { vi } = this
    this.vi = undefined
    try {
      if (vi !== undefined) {
        await vi.quiesce(signal)
        vi.close()
      }
    } finally {
      this.buffers?.forget()
      await this.scope.close()
    }
  }

  private greet(): boolean {
    const maxPages = this.vif.limits.bufferPages
    return this.put('reply', words.MSG_HELLO, (view, at) =>
      words.writeHello(view, at, { version: words.PROTOCOL_VERSION, maxPages }),
    )
  }

  private readSoon(): void {
    if (this.reading || this.scope.signal.aborted) return
    this.reading = true
    this.scope.task('messages', async () => {
      this.reading = false
      this.readMessages()
    })
  }

  private readMessages(): void {
    const { pages, letters } = this
    if (pages === undefined || letters === undefined) return
    pages.announced()
    const outcome = letters.read((view, at) => this.receive(view, at))
    if (outcome === 'bad') this.punish('an impossible index in its message ring')
    else if (outcome === 'more') this.readSoon()
    this.localMacs?.pump()
  }

  private receive(view: DataView, at: number): void {
    const id = words.readId(view, at)
    switch (id) {
      case REPLY_HELLO:
        return this.answered(words.readHello(view, at))
      case ERROR_HELLO:
        this.vif.log('info', 'the guest declines')
        return
      case words.MSG_MAPBUF:
        return this.mapBuffers(words.readMapBuf(view, at))
      case words.MSG_FASTPATH: {
        const hint = words.readFastPathHint(view, at)
        if ((hint.flags & words.FASTPATH_REMOVE) === 0) return this.refuse()
        return this.events.unwanted(hint.ip, portsWord(hint.protocol, hint.port))
      }
      default:
        return this.refuse()
    }
  }

  /** The guest greets back: now it gets its VI. */
  private answered(hello: words.Hello): void {
    if (this.greeted) return this.refuse()
    if (hello.version !== words.PROTOCOL_VERSION) {
      this.vif.log('warn', `the guest's half speaks version 0x${hello.version.toString(16)} of the messages`)
      return
    }
    this.greeted = true
    const hw = this.setUpVi(Math.min(hello.maxPages, this.vif.limits.bufferPages))
    const sent = this.put('reply', words.MSG_SETHW, (view, at) => words.writeSetHw(view, at, hw))
    if (!sent) this.punish('it does not read its messages')
    else if (this.vi !== undefined) this.events.ready(this.vi)
  }

  /** The VI with its description; on failure the guest is told that there is no hardware, and says farewell by itself. */
  private setUpVi(pages: number): words.SetHw {
    const { scope, memory, vif, options } = this
    const wakeups = vif.counter('evq_wakeups')
    try {
      const vi = createVi(scope, memory, options)
      if (typeof vi === 'string') {
        vif.log('warn', `no VI for the guest: ${vi}`)
        return NO_HARDWARE
      }
      const hw = describeVi(memory, vi)
      vi.onWake(() => {
        wakeups.value++
        this.net?.notify()
      })
      this.buffers = new GuestBuffers(memory, vi, pages, vif.counter('num_buffer_pages'))
      this.vi = vi
      return hw
    } catch (cause) {
      vif.log('warn', 'no VI for the guest', cause)
      return NO_HARDWARE
    }
  }

  private mapBuffers(request: words.MapBuf): void {
    const { buffers } = this
    if (buffers === undefined) return this.refuse()
    const outcome = this.mapSafely(buffers, request)
    const refused = 'refused' in outcome
    const id = (words.MSG_MAPBUF | words.MSG_REPLY | (refused ? words.MSG_ERROR : 0)) >>> 0
    const sent = this.put('reply', id, (view, at) =>
      words.writeMapBuf(view, at, { ...request, address: refused ? 0 : outcome.address }),
    )
    if (!sent) this.punish('it does not read its messages')
    if (!refused) return
    this.vif.log('warn', `MAPBUF refused: ${outcome.refused}`)
    if (outcome.guilty) this.punish(`it asked for ${outcome.refused}`)
  }

  private mapSafely(buffers: GuestBuffers, request: words.MapBuf): ReturnType<GuestBuffers['map']> {
    try {
      return buffers.map(request)
    } catch (cause) {
      return { refused: cause instanceof Error ? cause.message : String(cause), guilty: false }
    }
  }

  private put(kind: 'send' | 'reply', id: number, write: (view: DataView, at: number) => void): boolean {
    const { letters } = this
    if (letters === undefined) return false
    return letters[kind]((view, at) => {
      words.writeId(view, at, id)
      write(view, at)
    })
  }

  private refuse(): void {
    this.vif.counter('messages_refused').value++
  }

  private punish(evidence: string): void {
    this.vif.counter('guest_violations').value++
    this.vif.punish(evidence)
  }

  private cannot(what: string): false {
    this.vif.log('warn', `the guest's half cannot be reached: ${what}`)
    return false
  }
}

const REPLY_HELLO = (words.MSG_HELLO | words.MSG_REPLY) >>> 0
const ERROR_HELLO = (words.MSG_HELLO | words.MSG_REPLY | words.MSG_ERROR) >>> 0
