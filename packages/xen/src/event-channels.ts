import type { Engine } from './engine.js'
import { XenError } from './errors.js'
import { EVENT_ERRORS, MAX_PORTS } from './event-channel-table.js'
import type { EventChannelTable } from './event-channel-table.js'
import type { SharedView } from './memory.js'
import { EVTCHN_MASK, EVTCHN_PENDING, PENDING_SEL, UPCALL_PENDING } from './shared-info.js'
import { andShared, isOneThread, takeShared } from './shared-word.js'
import { loadShared } from './store-order.js'

/** A local event-channel port: 1 to 1023. */
export type Port = number

/** Bits of sel, each of one 64-bit word of pending bits: two of ours. */
const PAIRS = MAX_PORTS >> 6

/**
 * A domain's own half of event channels: Linux drivers/xen/events/events_2l.c.
 *
 * Handlers run in the upcall of the domain's engine, one at a time. The pending bit is cleared before the handler runs,
 * so an event that comes while it looks at its rings makes it run again: a handler must only look once.
 */
export class EventChannels {
  readonly domid: number
  private readonly table: EventChannelTable
  private readonly engine: Engine
  private readonly words: Int32Array
  private readonly oneThread: number
  private readonly base: number
  private readonly bytes: Uint8Array
  private readonly upcallPending: number
  private readonly handlers: ((() => void) | undefined)[] = Array.from({ length: MAX_PORTS })
  private readonly detach: () => void
  private next = 1
  private closed = false

  /** `sharedInfo` is the domain's shared_info page in its own memory. */
  constructor(domid: number, table: EventChannelTable, engine: Engine, sharedInfo: SharedView) {
    this.domid = domid
    this.table = table
    this.engine = engine
    this.words = sharedInfo.words
    this.oneThread = isOneThread(sharedInfo.words.buffer)
    this.base = sharedInfo.offset >> 2
    this.bytes = sharedInfo.bytes
    this.upcallPending = sharedInfo.offset + UPCALL_PENDING
    this.detach = engine.onUpcall(() => this.upcall())
  }

  /** Ports that are not free. */
  get inUse(): number {
    return this.table.inUse(this.domid)
  }

  /** A port that domain `remote` may bind to. Throws NO_PORTS, or DYING. */
  allocUnbound(remote: number, handler: () => void): Port {
    const port = this.table.allocUnbound(this.domid, remote)
    if (port === EVENT_ERRORS.ENOSPC)
      throw new XenError(
        'NO_PORTS',
        `domain ${this.domid} uses all its ${MAX_PORTS - 1} event-channel ports: close some`,
      )
    if (port < 0) throw new XenError('DYING', `domain ${this.domid} is being destroyed and gets no new ports`)
    this.handlers[port] = handler
    return port
  }

  /**
   * A port bound to an unbound port of domain `remote`; undefined if there is no such port for this domain. The handler
   * runs once soon, because the remote may have signalled before. Throws NO_PORTS.
   */
  bindInterdomain(remote: number, remotePort: Port, handler: () => void): Port | undefined {
    const port = this.table.bindInterdomain(this.domid, remote, remotePort)
    if (port === EVENT_ERRORS.ENOSPC)
      throw new XenError(
        'NO_PORTS',
        `domain ${this.domid} uses all its ${MAX_PORTS - 1} event-channel ports: close some`,
      )
    if (port < 0) return undefined
    this.handlers[port] = handler
    return port
  }

  /** Signals the other end. Dropped when that end is not there. Charges 'notification'. */
  notify(port: Port): void {
    this.engine.charge('notification', 1)
    this.table.send(this.domid, port)
  }

  /** Keeps the handler from running; events are remembered, once. */
  mask(port: Port): void {
    if (!this.isOpen(port)) return
    Atomics.or(this.words, this.base + (EVTCHN_MASK >> 2) + (port >> 5), 1 << (port & 31))
  }

  /** Lets the handler run again; it runs soon if an event came meanwhile. */
  unmask(port: Port): void {
    if (!this.isOpen(port)) return
    this.table.unmask(this.domid, port)
  }

  /** Gives the port back. Its handler does not run again. Throws BAD_PORT if it is closed already. */
  close(port: Port): void {
    const { EINVAL } = EVENT_ERRORS
    if (this.table.close(this.domid, port) === EINVAL)
      throw new XenError('BAD_PORT', `domain ${this.domid} has no open port ${port} to close`)
    this.handlers[port] = undefined
  }

  /** Replaces the handler of an open port. */
  setHandler(port: Port, handler: () => void): void {
    if (this.isOpen(port)) this.handlers[port] = handler
  }

  /** The domain dies: no handler runs any more. The hypervisor closes the ports. */
  shutdown(): void {
    this.closed = true
    this.handlers.fill(undefined)
    this.detach()
  }

  /** False once the domain is dead, whose late clean-up must do no harm. Throws BAD_PORT. */
  private isOpen(port: Port): boolean {
    if (this.closed) return false
    if (this.handlers[port] !== undefined) return true
    throw new XenError('BAD_PORT', `domain ${this.domid} has no open port ${port}`)
  }

  /** evtchn_2l_handle_events. Starts after the port handled last, so that a busy low port starves no other. */
  private upcall(): void {
    const words = this.words
    const base = this.base
    // A plain store of the byte, as in Linux: the exchange behind it makes it visible before sel is read.
    this.bytes[this.upcallPending] = 0
    const low = takeShared(words, base + (PENDING_SEL >> 2), this.oneThread)
    // Ports above 1023 do not exist here, so the second half of sel is only cleared.
    if (words[base + (PENDING_SEL >> 2) + 1] !== 0) words[base + (PENDING_SEL >> 2) + 1] = 0
    const first = this.next
    const firstWord = first >> 5
    const firstPair = firstWord >> 1
    const fromFirst = -1 << (first & 31)
    // A bit of sel stands for two words. The word we begin in is visited twice: its upper part first, its lower part last.
    const inFirst = (low & (1 << firstPair)) !== 0
    if (inFirst) this.handleWord(firstWord, fromFirst)
    if (inFirst && (firstWord & 1) === 0) this.handleWord(firstWord + 1, -1)
    if ((low & ~(1 << firstPair)) !== 0) this.handleOthers(low, firstPair)
    if (inFirst && (firstWord & 1) !== 0) this.handleWord(firstWord - 1, -1)
    if (inFirst) this.handleWord(firstWord, ~fromFirst)
  }

  /** The pairs of words behind `firstPair`, and round to before it. */
  private handleOthers(selected: number, firstPair: number): void {
    for (let turn = 1; turn < PAIRS; turn++) {
      const pair = (firstPair + turn) & (PAIRS - 1)
      if ((selected & (1 << pair)) === 0) continue
      this.handleWord(2 * pair, -1)
      this.handleWord(2 * pair + 1, -1)
    }
  }

  private handleWord(word: number, part: number): void {
    const words = this.words
    const at = this.base + (EVTCHN_PENDING >> 2) + word
    const maskAt = this.base + (EVTCHN_MASK >> 2) + word
    let bits = loadShared(words, at) & ~loadShared(words, maskAt) & part
    while (bits !== 0) {
      const bit = 31 - Math.clz32(bits & -bits)
      bits &= bits - 1
      const port = (word << 5) | bit
      // An earlier handler of this pass may have masked the port: then its event stays for the unmask.
      if ((loadShared(words, maskAt) & (1 << bit)) !== 0) continue
      andShared(words, at, ~(1 << bit), this.oneThread)
      this.next = port + 1 === MAX_PORTS ? 1 : port + 1
      const handler = this.handlers[port]
      if (handler === undefined || this.closed) continue
      this.engine.charge('event', 1)
      handler()
    }
  }
}
