// The words that event channels are made of, on the hypervisor's side: a domain's ports, and the bits of its shared_info.
// Functions beside the table, since a notification goes through six of them and a private method costs a brand check at
// each call: 50 to 33 ns a notification.
import type { Engine } from './engine.js'
import type { Machine } from './machine.js'
import {
  EVTCHN_MASK,
  EVTCHN_PENDING,
  PENDING_SEL,
  UPCALL_MASK,
  UPCALL_PENDING,
  VCPU_INFO_BYTES,
} from './shared-info.js'
import { andShared, orShared } from './shared-word.js'
import { loadShared } from './store-order.js'

/** Where the words of a domain are. */
export interface Registered {
  /** Machine byte offset of the port words: one page of hypervisor memory. */
  readonly ports: number
  /** Index into machine words of the domain's shared_info page. */
  readonly sharedInfo: number
  /** Of its virtual CPUs, at least one. */
  readonly engines: readonly Engine[]
  /** The virtual CPU that each port is bound to. */
  readonly vcpus: Uint8Array
}

export function loadPort(machine: Machine, domain: Registered, port: number): number {
  return loadShared(machine.words, (domain.ports >> 2) + port)
}

/** True if the word was `from`. */
export function swapPort(
  machine: Machine,
  domain: Registered,
  port: number,
  from: number,
  to: number,
): boolean {
  return Atomics.compareExchange(machine.words, (domain.ports >> 2) + port, from, to) === from
}

/** event_2l.c evtchn_2l_set_pending: pending, then not masked, then sel, then the upcall; each stops the chain. */
export function setPending(machine: Machine, domain: Registered, port: number): void {
  if (setBit(machine, domain, EVTCHN_PENDING, port)) return
  if (testBit(machine, domain, EVTCHN_MASK, port)) return
  select(machine, domain, port)
}

/** As Xen's vcpu_mark_events_pending of the virtual CPU that the port is bound to. */
export function select(machine: Machine, domain: Registered, port: number): void {
  const vcpu = domain.vcpus[port]
  const info = vcpu * VCPU_INFO_BYTES
  if (setBit(machine, domain, info + PENDING_SEL, port >> 6)) return
  const upcall = 1 << ((UPCALL_PENDING & 3) * 8)
  const at = domain.sharedInfo + ((info + UPCALL_PENDING) >> 2)
  const flags = orShared(machine.words, at, upcall, machine.oneThread)
  if (((flags >>> (UPCALL_MASK * 8)) & 0xff) === 0) domain.engines[vcpu].raise()
}

/** Sets a bit of a bit array in shared_info; true if it was set. */
function setBit(machine: Machine, domain: Registered, array: number, bit: number): boolean {
  const mask = 1 << (bit & 31)
  const index = domain.sharedInfo + (array >> 2) + (bit >> 5)
  return (orShared(machine.words, index, mask, machine.oneThread) & mask) !== 0
}

/** Clears a bit; true if it was set. */
export function clearBit(machine: Machine, domain: Registered, array: number, bit: number): boolean {
  const mask = 1 << (bit & 31)
  const index = domain.sharedInfo + (array >> 2) + (bit >> 5)
  return (andShared(machine.words, index, ~mask, machine.oneThread) & mask) !== 0
}

export function testBit(machine: Machine, domain: Registered, array: number, bit: number): boolean {
  const index = domain.sharedInfo + (array >> 2) + (bit >> 5)
  return (loadShared(machine.words, index) & (1 << (bit & 31))) !== 0
}
