// What is left when a domain dies: who pins its pages, what it has mapped itself, and the tables to give back.
import {
  ACTIVE_DOMID,
  ACTIVE_ENTRY_SHIFT,
  ACTIVE_GFN,
  DOMAIN_ACTIVE_FRAMES,
  DOMAIN_GRANT_ENTRIES,
  ENTRIES_PER_FRAME_SHIFT,
  PIN_LOCKED,
} from './hypervisor-layout.js'
import { discardMaptrack } from './maptrack.js'
import { PAGE_SHIFT } from './memory.js'
import type { Machine } from './machine.js'
import type { Page } from './memory.js'

/** Pages of active entries for one grant table frame: 512 entries of 16 bytes. */
export const ACTIVE_PAGES_PER_FRAME = (1 << (ENTRIES_PER_FRAME_SHIFT + ACTIVE_ENTRY_SHIFT)) >> PAGE_SHIFT

/** One grant in use: which reference and page of the dying domain, by whom, and how. */
export interface GrantPin {
  readonly ref: number
  readonly page: Page
  /** The domain that holds the pins. */
  readonly holder: number
  readonly hostWrite: number
  readonly hostRead: number
  readonly deviceWrite: number
  readonly deviceRead: number
  /** True when a hypercall is at work on the entry at this moment; the counts are 0 then. */
  readonly locked: boolean
}

/** Every pin on pages that `domid` has granted, by reference. */
export function pinsOnDomain(machine: Machine, domid: number): GrantPin[] {
  const { words, halves } = machine
  const record = machine.record(domid)
  const entries = words[(record + DOMAIN_GRANT_ENTRIES) >> 2]
  const pins: GrantPin[] = []
  for (let ref = 0; ref < entries; ref++) {
    const frame = words[((record + DOMAIN_ACTIVE_FRAMES) >> 2) + (ref >>> ENTRIES_PER_FRAME_SHIFT)]
    const active = frame + ((ref & ((1 << ENTRIES_PER_FRAME_SHIFT) - 1)) << ACTIVE_ENTRY_SHIFT)
    const pin = Atomics.load(words, active >> 2)
    if (pin === 0) continue
    const locked = (pin & PIN_LOCKED) === PIN_LOCKED
    const count = locked ? 0 : pin
    pins.push({
      ref,
      page: (words[(active + ACTIVE_GFN) >> 2] >>> 0) as Page,
      holder: locked ? pin & 0xffff : halves[(active + ACTIVE_DOMID) >> 1],
      hostWrite: count & 0xff,
      hostRead: (count >>> 8) & 0xff,
      deviceWrite: (count >>> 16) & 0xff,
      deviceRead: count >>> 24,
      locked,
    })
  }
  return pins
}

/** Give back the hypervisor's pages of a domain's grant and maptrack tables. The caller has seen that no pin is left. */
export function discardGrantTable(machine: Machine, domid: number): void {
  const { words } = machine
  const record = machine.record(domid)
  const frames = words[(record + DOMAIN_GRANT_ENTRIES) >> 2] >>> ENTRIES_PER_FRAME_SHIFT
  for (let frame = 0; frame < frames; frame++)
    machine.givePages(words[((record + DOMAIN_ACTIVE_FRAMES) >> 2) + frame], ACTIVE_PAGES_PER_FRAME)
  discardMaptrack(machine, domid)
}
