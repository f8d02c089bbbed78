import type { Engine } from './engine.js'
import { clearBit, loadPort, select, setPending, swapPort, testBit } from './event-words.js'
import type { Registered } from './event-words.js'
import { enterHypercall, leaveHypercall, livingRecord } from './hypercall.js'
import type { Machine } from './machine.js'
import { PAGE_SIZE } from './memory.js'
import type { Page } from './memory.js'
import { XenError } from './errors.js'
import { EVTCHN_MASK, EVTCHN_PENDING, MAX_VCPUS } from './shared-info.js'

/** Ports 1 to 1023 of a domain, the limit that libxl sets by default (max_event_channels). */
export const MAX_PORTS = 1024

/** Xen's errno values of the event-channel operations. */
export type EventStatus = 0 | -1 | -2 | -3 | -16 | -22 | -28
const EPERM = -1
const ENOENT = -2
const ESRCH = -3
const EINVAL = -22
const ENOSPC = -28

// One word per port: state, the domain at the other end, its port. One word, so that a change is one atomic operation.
const FREE = 0
const UNBOUND = 1
const INTERDOMAIN = 2
const STATE_MASK = 3
const DOMID_SHIFT = 2
const DOMID_MASK = 0x7fff
const PORT_SHIFT = 17

const entry = (state: number, domid: number, port: number): number =>
  state | (domid << DOMID_SHIFT) | (port << PORT_SHIFT)
const stateOf = (word: number): number => word & STATE_MASK
const domidOf = (word: number): number => (word >>> DOMID_SHIFT) & DOMID_MASK
const portOf = (word: number): number => word >>> PORT_SHIFT

/** What `EVTCHNOP_status` tells of a port. */
export type PortStatus =
  | { readonly state: 'closed' }
  | { readonly state: 'unbound'; readonly remote: number }
  | { readonly state: 'interdomain'; readonly remote: number; readonly remotePort: number }

/**
 * The hypervisor's half of event channels, two-level layout: Xen common/event_channel.c and event_2l.c.
 *
 * What a domain asks for wrongly is answered with a status, never thrown. Every method but `status` and `inUse`
 * is a hypercall of the domain named first.
 */
export class EventChannelTable {
  private readonly machine: Machine
  private readonly domains: (Registered | undefined)[] = []

  constructor(machine: Machine) {
    this.machine = machine
  }

  /**
   * `engines`: those of its virtual CPUs. Takes a page of hypervisor memory for the domain's ports. Throws NO_MEMORY, and
   * BAD_ARGUMENT for more virtual CPUs than shared_info has places for.
   */
  addDomain(domid: number, sharedInfo: Page, engines: readonly Engine[]): void {
    if (engines.length < 1 || engines.length > MAX_VCPUS)
      throw new XenError('BAD_ARGUMENT', `a domain has 1 to ${MAX_VCPUS} virtual CPUs, not ${engines.length}`)
    const ports = this.machine.takePages(1)
    const base = this.machine.extentOf(domid).base + sharedInfo * PAGE_SIZE
    this.domains[domid] = { ports, sharedInfo: base >> 2, engines, vcpus: new Uint8Array(MAX_PORTS) }
  }

  /** Closes every port of the domain, as its death does, and gives the page back. The peers' ports become unbound. */
  removeDomain(domid: number): void {
    const domain = this.domains[domid]
    if (domain === undefined) return
    for (let port = 1; port < MAX_PORTS; port++) this.closePort(domid, domain, port)
    this.domains[domid] = undefined
    this.machine.givePages(domain.ports, 1)
  }

  /** Ports of the domain that are not free. */
  inUse(domid: number): number {
    const domain = this.domains[domid]
    let used = 0
    if (domain === undefined) return 0
    for (let port = 1; port < MAX_PORTS; port++)
      if (stateOf(loadPort(this.machine, domain, port)) !== FREE) used++
    return used
  }

  /** EVTCHNOP_status, without the hypercall's own checks. */
  status(domid: number, port: number): PortStatus {
    const domain = this.domains[domid]
    const word = domain === undefined || !isPort(port) ? FREE : loadPort(this.machine, domain, port)
    if (stateOf(word) === UNBOUND) return { state: 'unbound', remote: domidOf(word) }
    if (stateOf(word) === INTERDOMAIN)
      return { state: 'interdomain', remote: domidOf(word), remotePort: portOf(word) }
    return { state: 'closed' }
  }

  /** EVTCHNOP_alloc_unbound: a port that only `remote` may bind to, or ENOSPC. */
  allocUnbound(domid: number, remote: number): number {
    const domain = this.enter(domid)
    if (domain === undefined) return ESRCH
    const port = this.takePort(domain, entry(UNBOUND, remote & DOMID_MASK, 0))
    leaveHypercall(this.machine, domid)
    return port
  }

  /**
   * EVTCHNOP_bind_interdomain. The remote port must be unbound and meant for the caller, else EINVAL. The new local port
   * is set pending at once, because the remote may have signalled before there was anyone to tell.
   */
  bindInterdomain(domid: number, remote: number, remotePort: number): number {
    const domain = this.enter(domid)
    if (domain === undefined) return ESRCH
    const port = this.bind(domid, domain, remote, remotePort)
    leaveHypercall(this.machine, domid)
    return port
  }

  /** EVTCHNOP_send: nothing when the port is unbound, EINVAL when it is closed. */
  send(domid: number, port: number): EventStatus {
    const { machine } = this
    // Where no other thread is, nobody waits until a hypercall is over that calls nothing.
    const alone = machine.oneThread === 1
    const domain = this.domains[domid]
    if (domain === undefined || (alone ? livingRecord(machine, domid) < 0 : !enterHypercall(machine, domid)))
      return ESRCH
    const word = isPort(port) ? loadPort(machine, domain, port) : FREE
    const state = stateOf(word)
    if (state === INTERDOMAIN) this.deliver(domidOf(word), portOf(word))
    if (!alone) leaveHypercall(machine, domid)
    return state === FREE ? EINVAL : 0
  }

  /** EVTCHNOP_close: the peer of an interdomain port becomes unbound, kept for the closer to bind again. */
  close(domid: number, port: number): EventStatus {
    const domain = this.enter(domid)
    if (domain === undefined) return ESRCH
    const closed = isPort(port) && this.closePort(domid, domain, port)
    leaveHypercall(this.machine, domid)
    return closed ? 0 : EINVAL
  }

  /** EVTCHNOP_bind_vcpu: events of the port are told to that virtual CPU from now on. 0 is where a new port's are told. */
  bindVcpu(domid: number, port: number, vcpu: number): EventStatus {
    const domain = this.enter(domid)
    if (domain === undefined) return ESRCH
    const there = vcpu >= 0 && vcpu < domain.engines.length
    const valid = isPort(port) && stateOf(loadPort(this.machine, domain, port)) !== FREE
    if (there && valid) domain.vcpus[port] = vcpu
    leaveHypercall(this.machine, domid)
    if (!there) return ENOENT
    return valid ? 0 : EINVAL
  }

  /** EVTCHNOP_unmask: an event that came while the port was masked is delivered now. */
  unmask(domid: number, port: number): EventStatus {
    const domain = this.enter(domid)
    if (domain === undefined) return ESRCH
    const valid = isPort(port)
    if (
      valid &&
      clearBit(this.machine, domain, EVTCHN_MASK, port) &&
      testBit(this.machine, domain, EVTCHN_PENDING, port)
    )
      select(this.machine, domain, port)
    leaveHypercall(this.machine, domid)
    return valid ? 0 : EINVAL
  }

  private enter(domid: number): Registered | undefined {
    const domain = this.domains[domid]
    return domain !== undefined && enterHypercall(this.machine, domid) ? domain : undefined
  }

  private bind(domid: number, domain: Registered, remote: number, remotePort: number): number {
    const other = this.domains[remote]
    if (other === undefined || livingRecord(this.machine, remote) < 0) return ESRCH
    if (!isPort(remotePort)) return EINVAL
    const wanted = entry(UNBOUND, domid, 0)
    if (loadPort(this.machine, other, remotePort) !== wanted) return EINVAL
    const port = this.takePort(domain, entry(INTERDOMAIN, remote, remotePort))
    if (port < 0) return port
    if (!swapPort(this.machine, other, remotePort, wanted, entry(INTERDOMAIN, domid, port))) {
      Atomics.store(this.machine.words, (domain.ports >> 2) + port, FREE)
      return EINVAL
    }
    setPending(this.machine, domain, port)
    return port
  }

  /** The lowest free port, marked as `word` with pending and mask cleared; ENOSPC if there is none. */
  private takePort(domain: Registered, word: number): number {
    for (let port = 1; port < MAX_PORTS; port++) {
      if (
        stateOf(loadPort(this.machine, domain, port)) !== FREE ||
        !swapPort(this.machine, domain, port, FREE, word)
      )
        continue
      domain.vcpus[port] = 0
      clearBit(this.machine, domain, EVTCHN_PENDING, port)
      clearBit(this.machine, domain, EVTCHN_MASK, port)
      return port
    }
    return ENOSPC
  }

  private closePort(domid: number, domain: Registered, port: number): boolean {
    const word = loadPort(this.machine, domain, port)
    if (stateOf(word) === FREE) return false
    if (stateOf(word) === INTERDOMAIN) {
      const peer = this.domains[domidOf(word)]
      // Only while the peer still names us: it may be closing at the same time.
      if (peer !== undefined)
        swapPort(this.machine, peer, portOf(word), entry(INTERDOMAIN, domid, port), entry(UNBOUND, domid, 0))
    }
    clearBit(this.machine, domain, EVTCHN_PENDING, port)
    Atomics.store(this.machine.words, (domain.ports >> 2) + port, FREE)
    return true
  }

  private deliver(domid: number, port: number): void {
    const domain = this.domains[domid]
    if (domain !== undefined) setPending(this.machine, domain, port)
  }
}

function isPort(port: number): boolean {
  return Number.isInteger(port) && port > 0 && port < MAX_PORTS
}

export const EVENT_ERRORS = { EPERM, ESRCH, EINVAL, ENOSPC } as const
