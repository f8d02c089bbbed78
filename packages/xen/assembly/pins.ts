// Pins on granted pages, for the copy engine and the map operations. Twin of src/grant-pins.ts, which says why. Apart from
// copy-engine.ts, since what an entry file exports is an export of the module.
import {
  GNTST_BAD_GNTREF,
  GNTST_BAD_PAGE,
  GNTST_GENERAL_ERROR,
  GNTST_OKAY,
  GTF_PERMIT_ACCESS,
  GTF_READING,
  GTF_READONLY,
  GTF_SUB_PAGE,
  GTF_TYPE_MASK,
  GTF_WRITING,
} from '../src/grant-abi'
import {
  ACTIVE_DOMID,
  ACTIVE_ENTRY_SHIFT,
  ACTIVE_GFN,
  DOMAIN_ACTIVE_FRAMES,
  DOMAIN_EXTENT_BASE,
  DOMAIN_EXTENT_PAGES,
  DOMAIN_GRANT_ENTRIES,
  DOMAIN_SHARED_FRAMES,
  ENTRIES_PER_FRAME_MASK,
  ENTRIES_PER_FRAME_SHIFT,
  MACHINE_ONE_THREAD,
  PIN_HOST_READ,
  PIN_HOST_WRITE,
  PIN_LOCKED,
  PIN_OVERFLOW_SHIFT,
  PIN_WRITES,
  SHARED_ENTRY_FRAME,
  SHARED_ENTRY_SHIFT,
} from '../src/hypervisor-layout'

export const PAGE_SHIFT: i32 = 12
export const STATUS_TRIES: i32 = 5

/** Results of acquire: the entries of the grant last pinned. */
export let sharedAt: i32 = 0
export let activeAt: i32 = 0

/** No other thread looks at the memory. */
// @ts-ignore: decorator
@inline
export function alone(): bool {
  return load<i32>(0, MACHINE_ONE_THREAD) == 1
}

/**
 * A compare-and-exchange; what stood there. Without another thread a load and a store are as good, as Linux knows when it
 * patches its LOCK prefixes away on one processor (x86 alternative.c): 11.4 ns a small copy instead of 12.8.
 */
// @ts-ignore: decorator
@inline
export function exchange(at: i32, expected: i32, value: i32, alone: bool): i32 {
  if (!alone) return atomic.cmpxchg<i32>(at, expected, value)
  const seen = load<i32>(at)
  if (seen == expected) store<i32>(at, value)
  return seen
}

// @ts-ignore: decorator
@inline
export function add(at: i32, value: i32, alone: bool): void {
  if (alone) store<i32>(at, load<i32>(at) + value)
  else atomic.add<i32>(at, value)
}

// @ts-ignore: decorator
@inline
export function sharedEntry(record: i32, ref: i32): i32 {
  const frame = (ref >>> ENTRIES_PER_FRAME_SHIFT) << 2
  return load<i32>(record + frame, DOMAIN_SHARED_FRAMES) + ((ref & ENTRIES_PER_FRAME_MASK) << SHARED_ENTRY_SHIFT)
}

// @ts-ignore: decorator
@inline
export function activeEntry(record: i32, ref: i32): i32 {
  const frame = (ref >>> ENTRIES_PER_FRAME_SHIFT) << 2
  return load<i32>(record + frame, DOMAIN_ACTIVE_FRAMES) + ((ref & ENTRIES_PER_FRAME_MASK) << ACTIVE_ENTRY_SHIFT)
}

/** Pin a reference; machine address of its page, or a status. */
export function acquire(record: i32, ref: i32, caller: i32, write: bool): i32 {
  if (<u32>ref >= load<u32>(record, DOMAIN_GRANT_ENTRIES)) return GNTST_BAD_GNTREF
  const shared = sharedEntry(record, ref)
  const active = activeEntry(record, ref)
  const increment = write ? PIN_HOST_WRITE : PIN_HOST_READ
  const pin = lock(active, caller)
  if (pin != 0) return join(record, shared, active, pin, caller, write, increment)

  const status = setStatus(shared, true, caller, write, false, STATUS_TRIES)
  if (status != GNTST_OKAY) {
    atomic.store<i32>(active, 0)
    return status
  }
  const gfn = load<u32>(shared, SHARED_ENTRY_FRAME)
  if (gfn >= load<u32>(record, DOMAIN_EXTENT_PAGES)) {
    clearStatus(shared, write ? GTF_READING | GTF_WRITING : GTF_READING)
    atomic.store<i32>(active, 0)
    return GNTST_BAD_PAGE
  }
  store<u16>(active, <u16>caller, ACTIVE_DOMID)
  store<u32>(active, gfn, ACTIVE_GFN)
  sharedAt = shared
  activeAt = active
  atomic.store<i32>(active, increment)
  return load<i32>(record, DOMAIN_EXTENT_BASE) + (gfn << PAGE_SHIFT)
}

/** The rest of acquire for an entry that is pinned already and locked by us. */
export function join(
  record: i32,
  shared: i32,
  active: i32,
  pin: i32,
  caller: i32,
  write: bool,
  increment: i32,
): i32 {
  let status = GNTST_OKAY
  const gfn = load<u32>(active, ACTIVE_GFN)
  if (<i32>load<u16>(active, ACTIVE_DOMID) != caller || (pin & (increment << PIN_OVERFLOW_SHIFT)) != 0)
    status = GNTST_GENERAL_ERROR
  else if (gfn >= load<u32>(record, DOMAIN_EXTENT_PAGES)) status = GNTST_BAD_PAGE
  else if (write && (pin & PIN_WRITES) == 0) status = setStatus(shared, false, caller, write, false, STATUS_TRIES)
  if (status != GNTST_OKAY) {
    atomic.store<i32>(active, pin)
    return status
  }
  sharedAt = shared
  activeAt = active
  atomic.store<i32>(active, pin + increment)
  return load<i32>(record, DOMAIN_EXTENT_BASE) + (gfn << PAGE_SHIFT)
}

export function release(shared: i32, active: i32, caller: i32, increment: i32, write: bool): void {
  const pin = lock(active, caller) - increment
  let clear = write && (pin & PIN_WRITES) == 0 ? GTF_WRITING : 0
  if (pin == 0) clear |= GTF_READING
  if (clear != 0) clearStatus(shared, clear)
  atomic.store<i32>(active, pin)
}

export function lock(active: i32, caller: i32): i32 {
  let expected = 0
  while (true) {
    const seen = atomic.cmpxchg<i32>(active, expected, PIN_LOCKED | caller)
    if (seen == expected) return seen
    expected = (seen & PIN_LOCKED) == PIN_LOCKED ? 0 : seen
  }
}

/** The entry's word lets `caller` use the page, for writing if it says so; a sub-page cannot be mapped. */
// @ts-ignore: decorator
@inline
export function permits(word: i32, caller: i32, write: bool, mapping: bool): bool {
  const kind = mapping ? GTF_TYPE_MASK | GTF_SUB_PAGE : GTF_TYPE_MASK
  return (word & (write ? kind | GTF_READONLY : kind)) == GTF_PERMIT_ACCESS && word >>> 16 == caller
}

export function setStatus(
  shared: i32,
  first: bool,
  caller: i32,
  write: bool,
  mapping: bool,
  tries: i32,
): i32 {
  const bits = write ? GTF_READING | GTF_WRITING : GTF_READING
  let seen = atomic.load<i32>(shared)
  for (; tries > 0; tries--) {
    if (first && !permits(seen, caller, write, mapping)) return GNTST_GENERAL_ERROR
    if (write && (seen & GTF_READONLY) != 0) return GNTST_GENERAL_ERROR
    const found = atomic.cmpxchg<i32>(shared, seen, seen | bits)
    if (found == seen) return GNTST_OKAY
    seen = found
  }
  return GNTST_GENERAL_ERROR
}

// @ts-ignore: decorator
@inline
export function clearStatus(shared: i32, bits: i32): void {
  atomic.and<i32>(shared, ~bits)
}
