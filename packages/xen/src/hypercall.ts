import { DOMAIN_ALIVE, DOMAIN_IN_HYPERCALL, DOMAIN_STATE } from './hypervisor-layout.js'
import { addShared } from './shared-word.js'
import { loadShared } from './store-order.js'
import type { Machine } from './machine.js'

/**
 * The caller enters the hypervisor: `destroyExtent` waits until it has left. False, and not entered, when the caller is
 * dying or gone.
 */
export function enterHypercall(machine: Machine, caller: number): boolean {
  const { words } = machine
  const record = machine.record(caller)
  addShared(words, (record + DOMAIN_IN_HYPERCALL) >> 2, 1, machine.oneThread)
  if (loadShared(words, (record + DOMAIN_STATE) >> 2) === DOMAIN_ALIVE) return true
  leaveHypercall(machine, caller)
  return false
}

export function leaveHypercall(machine: Machine, caller: number): void {
  addShared(machine.words, (machine.record(caller) + DOMAIN_IN_HYPERCALL) >> 2, -1, machine.oneThread)
}

/** Machine byte offset of a living domain's record, -1 when there is none of that id. */
export function livingRecord(machine: Machine, domid: number): number {
  if (!(domid >= 0 && domid < machine.maxDomains)) return -1
  const record = machine.record(domid)
  return loadShared(machine.words, (record + DOMAIN_STATE) >> 2) === DOMAIN_ALIVE ? record : -1
}
