import type { Engine } from './engine.js'
import { XenError } from './errors.js'
import { EVENT_ERRORS, MAX_PORTS } from './event-channel-table.js'
import type { EventChannelTable } from './event-channel-table.js'
import type { SharedView } from './memory.js'
import { EVTCHN_MASK, EVTCHN_PENDING, PENDING_SEL, UPCALL_PENDING, VCPU_INFO_BYTES } from './shared-info.js'
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
  /** Of the virtual CPUs. */
  private readonly engines: readonly Engine[]
  /** By port: that of the virtual CPU to which it is bound. */
  private readonly engineOf: Engine[]
  /** By virtual CPU: the ports bound to it, a word for 32 (Linux cpu_evtchn_mask), and where its next upcall begins. */
  private readonly bound: readonly Int32Array[]
  private readonly next: Int32Array
  private readonly words: Int32Array
  private readonly oneThread: number
  private readonly base: number
  private readonly bytes: Uint8Array
  private readonly handlers: ((() => void) | undefined)[] = Array.from({ length: MAX_PORTS })
  private readonly detach: readonly (() => void)[]
  private closed = false

  /** `sharedInfo` is the domain's shared_info page in its own memory. */
  constructor(
    domid: number,
    table: EventChannelTable,
    engines: readonly [Engine, ...Engine[]],
    sharedInfo: SharedView,
  ) {
    const [first] = engines
    this.domid = domid
    this.table = table
    this.engines = engines
    this.engineOf = Array.from({ length: MAX_PORTS }, () => first)
    this.bound = engines.map((_, vcpu) => new Int32Array(MAX_PORTS >> 5).fill(vcpu === 0 ? -1 : 0))
    this.next = new Int32Array(engines.length).fill(1)
    this.words = sharedInfo.words
    this.oneThread = isOneThread(sharedInfo.words.buffer)
    this.base = sharedInfo.offset >> 2
    this.bytes = sharedInfo.bytes
    this.detach = engines.map((engine, vcpu) => engine.onUpcall(() => this.upcall(engine, vcpu)))
  }

  /** Ports that are not free. */
  get inUse(): number {
    return this.table.inUse(this.domid)
  }

  /** A port that domain `remote` may bind to; its handler runs on virtual CPU `vcpu`. Throws NO_PORTS, or DYING. */
  allocUnbound(remote: number, handler: () => void, vcpu = 0): Port {
    const port = this.table.allocUnbound(this.domid, remote)
    if (port === EVENT_ERRORS.ENOSPC)
      throw new XenError(
        'NO_PORTS',
        `domain ${this.domid} uses all its ${MAX_PORTS - 1} event-channel ports: close some`,
      )
    if (port < 0) throw new XenError('DYING', `domain ${this.domid} is being destroyed and gets no new ports`)
    this.opened(port, handler, vcpu)
    return port
  }

  /**
   * A port bound to an unbound port of domain `remote`; undefined if there is no such port for this domain. The handler
   * runs on virtual CPU `vcpu`, and once soon, because the remote may have signalled before. Throws NO_PORTS.
   */
  bindInterdomain(remote: number, remotePort: Port, handler: () => void, vcpu = 0): Port | undefined {
    const port = this.table.bindInterdomain(this.domid, remote, remotePort)
    if (port === EVENT_ERRORS.ENOSPC)
      throw new XenError(
        'NO_PORTS',
        `domain ${this.domid} uses all its ${MAX_PORTS - 1} event-channel ports: close some`,
      )
    if (port < 0) return undefined
    this.opened(port, handler, vcpu)
    return port
  }

  /**
   * Signals the other end. Dropped when that end is not there. Charges 'notification' to the virtual CPU that the port is
   * bound to: who works for a port runs there.
   */
  notify(port: Port): void {
    this.engineOf[port & (MAX_PORTS - 1)].charge('notification', 1)
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
    this.assign(port, 0)
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
    for (const detach of this.detach) detach()
  }

  private opened(port: Port, handler: () => void, vcpu: number): void {
    this.handlers[port] = handler
    if (vcpu === 0) return
    // As Linux rebind_irq_to_cpu: masked meanwhile, so that an event of before is told anew, to the right CPU.
    this.mask(port)
    this.table.bindVcpu(this.domid, port, vcpu)
    this.assign(port, vcpu)
    this.unmask(port)
  }

  private assign(port: Port, vcpu: number): void {
    const bound = this.bound
    for (let cpu = 0; cpu < bound.length; cpu++) bound[cpu][port >> 5] &= ~(1 << (port & 31))
    bound[vcpu][port >> 5] |= 1 << (port & 31)
    this.engineOf[port] = this.engines[vcpu]
  }

  /** False once the domain is dead, whose late clean-up must do no harm. Throws BAD_PORT. */
  private isOpen(port: Port): boolean {
    if (this.closed) return false
    if (this.handlers[port] !== undefined) return true
    throw new XenError('BAD_PORT', `domain ${this.domid} has no open port ${port}`)
  }

  /** evtchn_2l_handle_events. Starts after the port handled last, so that a busy low port starves no other. */
  private upcall(engine: Engine, vcpu: number): void {
    const words = this.words
    const base = this.base + vcpu * (VCPU_INFO_BYTES >> 2)
    // A plain store of the byte, as in Linux: the exchange behind it makes it visible before sel is read.
    this.bytes[(base << 2) + UPCALL_PENDING] = 0
    const low = takeShared(words, base + (PENDING_SEL >> 2), this.oneThread)
    // Ports above 1023 do not exist here, so the second half of sel is only cleared.
    if (words[base + (PENDING_SEL >> 2) + 1] !== 0) words[base + (PENDING_SEL >> 2) + 1] = 0
    const first = this.next[vcpu]
    const firstWord = first >> 5
    const firstPair = firstWord >> 1
    const fromFirst = -1 << (first & 31)
    // A bit of sel stands for two words. The word we begin in is visited twice: its upper part first, its lower part last.
    const inFirst = (low & (1 << firstPair)) !== 0
    if (inFirst) this.handleWord(engine, vcpu, firstWord, fromFirst)
    if (inFirst && (firstWord & 1) === 0) this.handleWord(engine, vcpu, firstWord + 1, -1)
    if ((low & ~(1 << firstPair)) !== 0) this.handleOthers(engine, vcpu, low, firstPair)
    if (inFirst && (firstWord & 1) !== 0) this.handleWord(engine, vcpu, firstWord - 1, -1)
    if (inFirst) this.handleWord(engine, vcpu, firstWord, ~fromFirst)
  }

  /** The pairs of words behind `firstPair`, and round to before it. */
  private handleOthers(engine: Engine, vcpu: number, selected: number, firstPair: number): void {
    for (let turn = 1; turn < PAIRS; turn++) {
      const pair = (firstPair + turn) & (PAIRS - 1)
      if ((selected & (1 << pair)) === 0) continue
      this.handleWord(engine, vcpu, 2 * pair, -1)
      this.handleWord(engine, vcpu, 2 * pair + 1, -1)
    }
  }

  /** The ports of one word that are bound to this virtual CPU. */
  private handleWord(engine: Engine, vcpu: number, word: number, part: number): void {
    const words = this.words
    const at = this.base + (EVTCHN_PENDING >> 2) + word
    // Two words of three have none: looked at here, in the caller.
    const pending = loadShared(words, at) & part
    if (pending !== 0) this.handlePending(engine, vcpu, word, pending)
  }

  private handlePending(engine: Engine, vcpu: number, word: number, pending: number): void {
    const words = this.words
    const at = this.base + (EVTCHN_PENDING >> 2) + word
    const maskAt = this.base + (EVTCHN_MASK >> 2) + word
    let bits = pending & ~loadShared(words, maskAt) & this.bound[vcpu][word]
    while (bits !== 0) {
      const bit = 31 - Math.clz32(bits & -bits)
      bits &= bits - 1
      const port = (word << 5) | bit
      // An earlier handler of this pass may have masked the port: then its event stays for the unmask.
      if ((loadShared(words, maskAt) & (1 << bit)) !== 0) continue
      andShared(words, at, ~(1 << bit), this.oneThread)
      this.next[vcpu] = port + 1 === MAX_PORTS ? 1 : port + 1
      const handler = this.handlers[port]
      if (handler === undefined || this.closed) continue
      engine.charge('event', 1)
      handler()
    }
  }
}
