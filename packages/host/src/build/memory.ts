// How much memory a host and its domains get.
import { PAGE_SIZE } from '@netaccel/xen'
import type { HostValue } from '../value/world-value.js'

const MEBIBYTE = 1 << 20
/** Of a domain whose value does not say. */
export const DEFAULT_MEBIBYTES = 16
/** The hypervisor's own tables. */
const HYPERVISOR_MEBIBYTES = 2

export function pagesOf(mebibytes: number): number {
  return (mebibytes * MEBIBYTE) / PAGE_SIZE
}

/** Of the whole machine: what its domains need, or more if the value says so. */
export function machineBytes(value: HostValue): number {
  const guests = Object.values(value.guests ?? {}).map((guest) => guest.memory ?? DEFAULT_MEBIBYTES)
  const needed = HYPERVISOR_MEBIBYTES + DEFAULT_MEBIBYTES + guests.reduce((sum, memory) => sum + memory, 0)
  return Math.max(value.memory ?? 0, needed) * MEBIBYTE
}
