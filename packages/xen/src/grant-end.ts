import { GTF_READING, GTF_WRITING } from './grant-abi.js'

const IN_USE = GTF_READING | GTF_WRITING

/**
 * End access through the entry whose flags are `halves[index]`: one compare-and-exchange to 0, so that a pin taken in
 * between is seen (XSA-396: never query first and end later). False while somebody reads or writes the page. Linux
 * gnttab_end_foreign_access_ref_v1. The exchange can fail again only when the hypervisor took and dropped a pin.
 */
export function endAccess(halves: Uint16Array, index: number): boolean {
  let flags = halves[index]
  while ((flags & IN_USE) === 0) {
    const seen = Atomics.compareExchange(halves, index, flags, 0)
    if (seen === flags) return true
    flags = seen
  }
  return false
}
