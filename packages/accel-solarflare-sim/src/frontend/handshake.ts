import type { VifScope } from '@netaccel/core'
import type { LetterBox } from '../shared/letter-box.js'
import * as words from '../shared/words.js'
import type { Allotment } from './allotment.js'
import type { Buffers } from './buffers.js'
import type { MacTable } from './mac-table.js'
import { mapVi } from './mapped-vi.js'
import type { MappedVi } from './mapped-vi.js'

/** Where the guest stands: nothing said, greeted, hardware mapped, all buffers known; or it cannot go on. */
export type HandshakeState = 'none' | 'greeted' | 'mapped' | 'ready' | 'failed'

export interface HandshakeParts {
  /** What the VI is mapped through: closed before the farewell ends. */
  readonly viScope: VifScope
  readonly letters: LetterBox
  readonly macs: MacTable
  /** Divides the offered quota; undefined: too small. */
  allot(offer: number): Allotment | undefined
  /** Takes the memory. Throws when the guest has none. */
  take(allotment: Allotment): Buffers
  /** The VI is mapped and every buffer is known to it. */
  ready(vi: MappedVi, buffers: Buffers): void
  /** The vif cannot be accelerated; `text` says why. `fault`: by a fault, and not because the halves do not fit. */
  failed(text: string, fault: boolean): void
  /** An address is reached by a VI of this NIC, or was found to be on this host; or a message was refused. */
  count(what: 'macsLearnt' | 'macsRemoved' | 'messagesRefused'): void
}

/**
 * The guest's part of the conversation: HELLO, SETHW, then MAPBUF until all pages are known (the original's states NONE,
 * HELLO, HW). A message that is unknown or out of place is refused and counted, and the conversation lives (CT-05);
 * there such a message stopped the guest.
 */
export class Handshake {
  state: HandshakeState = 'none'
  private readonly parts: HandshakeParts
  private vi: MappedVi | undefined
  private buffers: Buffers | undefined
  /** A request for which the ring had no room; its pages are granted. */
  private unsent: words.MapBuf | null = null

  constructor(parts: HandshakeParts) {
    this.parts = parts
  }

  /** One message, in memory that nobody else writes. Never throws. */
  receive(view: DataView, at: number): void {
    switch (words.readId(view, at)) {
      case words.MSG_HELLO:
        return this.hello(words.readHello(view, at))
      case words.MSG_SETHW:
        return this.setHw(words.readSetHw(view, at))
      case REPLY_MAPBUF:
        return this.mapped(words.readMapBuf(view, at))
      case ERROR_MAPBUF:
        return this.state === 'mapped' ? this.fail('a MAPBUF request was refused', true) : this.refuse()
      case words.MSG_LOCALMAC:
        return this.localMac(words.readLocalMac(view, at))
      default:
        return this.refuse()
    }
  }

  /** Sends what is due, as far as there is room. To be called again when there is more. */
  pump(): void {
    const { buffers, parts } = this
    while (this.state === 'mapped' && buffers !== undefined) {
      const request = this.unsent ?? (buffers.registration.due > 0 ? buffers.registration.next() : null)
      if (request === null) return
      const sent = parts.letters.send((view, at) => {
        words.writeId(view, at, words.MSG_MAPBUF)
        words.writeMapBuf(view, at, request)
      })
      // A full ring: there will be a sign when there is room.
      this.unsent = sent ? null : request
      if (!sent) return
    }
  }

  private hello(hello: words.Hello): void {
    if (this.state !== 'none') return this.refuse()
    const { version, maxPages } = hello
    if (version !== words.PROTOCOL_VERSION) {
      this.answer(words.MSG_ERROR, 0)
      return this.fail(`the other half speaks version 0x${version.toString(16)} of the messages`, false)
    }
    const allotment = this.parts.allot(maxPages)
    if (allotment === undefined) {
      this.answer(words.MSG_ERROR, 0)
      return this.fail(`a quota of ${maxPages} buffer pages is too small`, false)
    }
    if (!this.takeBuffers(allotment)) return
    this.state = 'greeted'
    this.answer(0, allotment.total)
  }

  private takeBuffers(allotment: Allotment): boolean {
    try {
      this.buffers = this.parts.take(allotment)
      return true
    } catch (cause) {
      this.answer(words.MSG_ERROR, 0)
      this.fail(`no memory for ${allotment.total} pages of buffers: ${textOf(cause)}`, true)
      return false
    }
  }

  private answer(error: number, maxPages: number): void {
    const sent = this.parts.letters.reply((view, at) => {
      words.writeId(view, at, (words.MSG_HELLO | words.MSG_REPLY | error) >>> 0)
      words.writeHello(view, at, { version: words.PROTOCOL_VERSION, maxPages })
    })
    if (!sent) this.fail('the other half does not read its messages', true)
  }

  private setHw(hw: words.SetHw): void {
    if (this.state !== 'greeted') return this.refuse()
    let vi: MappedVi | string
    try {
      vi = mapVi(this.parts.viScope, hw)
    } catch (cause) {
      vi = textOf(cause)
    }
    if (typeof vi === 'string') return this.fail(`the VI cannot be used: ${vi}`, true)
    this.vi = vi
    this.state = 'mapped'
    this.pumpSafely()
  }

  private mapped(answer: words.MapBuf): void {
    const { buffers, vi } = this
    if (this.state !== 'mapped' || buffers === undefined || vi === undefined) return this.refuse()
    if (!buffers.registration.answered(answer)) return this.refuse()
    if (!buffers.registration.complete) return this.pumpSafely()
    this.state = 'ready'
    this.parts.ready(vi, buffers)
  }

  /** Pages are granted on the way: the guest may have no grant entry left. */
  private pumpSafely(): void {
    try {
      this.pump()
    } catch (cause) {
      this.fail(textOf(cause), true)
    }
  }

  private localMac({ flags, mac }: words.LocalMac): void {
    const { macs } = this.parts
    if (flags === words.LOCALMAC_ADD) {
      if (macs.remove(mac.high, mac.low)) this.parts.count('macsRemoved')
    } else if (flags === words.LOCALMAC_REMOVE && isStation(mac)) {
      if (macs.learn(mac.high, mac.low | 0)) this.parts.count('macsLearnt')
    } else this.refuse()
  }

  private refuse(): void {
    this.parts.count('messagesRefused')
  }

  private fail(text: string, fault: boolean): void {
    if (this.state === 'failed') return
    this.state = 'failed'
    this.parts.failed(text, fault)
  }
}

const REPLY_MAPBUF = (words.MSG_MAPBUF | words.MSG_REPLY) >>> 0
const ERROR_MAPBUF = (words.MSG_MAPBUF | words.MSG_REPLY | words.MSG_ERROR) >>> 0

/** An address that one station can have. */
function isStation({ high, low }: words.MacWords): boolean {
  return (high & 0x100) === 0 && (high | low) !== 0
}

function textOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
