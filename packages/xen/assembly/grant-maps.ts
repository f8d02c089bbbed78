// Grant map and unmap operations at addresses of a VM area, in batches. Twin of src/grant-maps.ts, which says why; a test
// holds the two together. After map_grant_ref and unmap_common in Xen grant_table.c, version 1 entries.
import {
  GNTMAP_APPLICATION,
  GNTMAP_CONTAINS_PTE,
  GNTMAP_DEVICE,
  GNTMAP_HOST,
  GNTMAP_READONLY,
  GNTST_BAD_DEV_ADDR,
  GNTST_BAD_DOMAIN,
  GNTST_BAD_GNTREF,
  GNTST_BAD_HANDLE,
  GNTST_BAD_PAGE,
  GNTST_GENERAL_ERROR,
  GNTST_NO_SPACE,
  GNTST_OKAY,
  GTF_READING,
  GTF_WRITING,
} from '../src/grant-abi'
import {
  ACTIVE_DOMID,
  ACTIVE_GFN,
  DOMAIN_ALIVE,
  DOMAIN_EXTENT_BASE,
  DOMAIN_EXTENT_PAGES,
  DOMAIN_GRANT_ENTRIES,
  DOMAIN_IN_HYPERCALL,
  DOMAIN_IOMMU,
  DOMAIN_MAPTRACK_FREE,
  DOMAIN_MAPTRACK_LIMIT,
  DOMAIN_MAPTRACK_LOCK,
  DOMAIN_MAPTRACK_TABLE,
  DOMAIN_MAPTRACK_USED,
  DOMAIN_RECORD_SHIFT,
  DOMAIN_STATE,
  DOMAIN_TABLE,
  DOMAIN_VM_DIRECTORY,
  DOMAIN_VM_TABLES,
  MACHINE_MAX_DOMAINS,
  MAP_ADDRESS,
  MAP_ADDRESS_HIGH,
  MAP_DOMID,
  MAP_FLAGS,
  MAP_HANDLE,
  MAP_OP_BYTES,
  MAP_REF,
  MAP_STATUS,
  MAPTRACK_ENTRY_SHIFT,
  MAPTRACK_FLAGS,
  MAPTRACK_FRAME_SHIFT,
  PIN_DEVICE_READ,
  PIN_DEVICE_WRITE,
  PIN_HOST_READ,
  PIN_HOST_WRITE,
  PIN_LOCKED,
  PIN_OVERFLOW_SHIFT,
  PIN_WRITES,
  SHARED_ENTRY_FRAME,
  UNMAP_ADDRESS,
  UNMAP_ADDRESS_HIGH,
  UNMAP_DEVICE,
  UNMAP_DEVICE_HIGH,
  UNMAP_HANDLE,
  UNMAP_OP_BYTES,
  UNMAP_STATUS,
  VM_HIGH,
  VM_TABLE_SHIFT,
} from '../src/hypervisor-layout'
import {
  activeEntry,
  add,
  alone,
  clearStatus,
  exchange,
  lock,
  PAGE_SHIFT,
  permits,
  setStatus,
  sharedEntry,
  STATUS_TRIES,
} from './pins'

/** GNTTABOP_map_grant_ref for `count` structs; handles enough are free, or the last ones fail. How many failed. */
export function mapBatch(ops: i32, count: i32, caller: i32): i32 {
  return alone() ? mapAll(ops, count, caller, true) : mapAll(ops, count, caller, false)
}

/** GNTTABOP_unmap_grant_ref for `count` structs. How many failed. */
export function unmapBatch(ops: i32, count: i32, caller: i32): i32 {
  return alone() ? unmapAll(ops, count, caller, true) : unmapAll(ops, count, caller, false)
}

// @ts-ignore: decorator
@inline
function mapAll(ops: i32, count: i32, caller: i32, alone: bool): i32 {
  const own = DOMAIN_TABLE + (caller << DOMAIN_RECORD_SHIFT)
  add(own + DOMAIN_IN_HYPERCALL, 1, alone)
  const alive = atomic.load<i32>(own + DOMAIN_STATE) == DOMAIN_ALIVE
  const end = ops + count * MAP_OP_BYTES
  let failed = 0
  for (let op = ops; op < end; op += MAP_OP_BYTES) {
    const status = alive ? mapOne(op, own, caller, alone) : GNTST_BAD_DOMAIN
    store<i16>(op, <i16>status, MAP_STATUS)
    if (status != GNTST_OKAY) failed++
  }
  add(own + DOMAIN_IN_HYPERCALL, -1, alone)
  return failed
}

// @ts-ignore: decorator
@inline
function mapOne(op: i32, own: i32, caller: i32, alone: bool): i32 {
  const flags = load<i32>(op, MAP_FLAGS)
  const domid = <i32>load<u16>(op, MAP_DOMID)
  if ((flags & (GNTMAP_DEVICE | GNTMAP_HOST)) == 0) return GNTST_BAD_GNTREF
  if ((flags & (GNTMAP_APPLICATION | GNTMAP_CONTAINS_PTE)) != 0) return GNTST_GENERAL_ERROR
  if (domid >= load<i32>(0, MACHINE_MAX_DOMAINS)) return GNTST_BAD_DOMAIN
  const record = DOMAIN_TABLE + (domid << DOMAIN_RECORD_SHIFT)
  if (atomic.load<i32>(record + DOMAIN_STATE) != DOMAIN_ALIVE) return GNTST_BAD_DOMAIN
  const handle = takeHandle(own, caller, alone)
  if (handle < 0) return GNTST_NO_SPACE
  const ref = load<i32>(op, MAP_REF)
  const pins = increment(flags)
  const write = (flags & GNTMAP_READONLY) == 0
  const page = pin(record, ref, caller, write, pins, alone)
  let status = page
  if (page > 0) {
    const entry = pageEntry(own, load<i32>(op, MAP_ADDRESS), load<i32>(op, MAP_ADDRESS_HIGH))
    if (entry != 0 && load<i32>(entry) == 0) {
      store<i32>(entry, page)
      add(load<i32>(own, DOMAIN_IOMMU) + ((page >>> PAGE_SHIFT) << 2), 1, alone)
      const at = trackEntry(own, handle)
      store<i32>(at, ref)
      const word = (flags & 0xffff) | (domid << 16)
      if (alone) store<i32>(at, word, MAPTRACK_FLAGS)
      else atomic.store<i32>(at + MAPTRACK_FLAGS, word)
      store<i32>(op, handle, MAP_HANDLE)
      return GNTST_OKAY
    }
    status = GNTST_GENERAL_ERROR
    unpin(sharedEntry(record, ref), activeEntry(record, ref), caller, pins, write, alone)
  }
  giveHandle(own, caller, handle, alone)
  return status
}

// @ts-ignore: decorator
@inline
function unmapAll(ops: i32, count: i32, caller: i32, alone: bool): i32 {
  const own = DOMAIN_TABLE + (caller << DOMAIN_RECORD_SHIFT)
  add(own + DOMAIN_IN_HYPERCALL, 1, alone)
  const alive = atomic.load<i32>(own + DOMAIN_STATE) == DOMAIN_ALIVE
  const end = ops + count * UNMAP_OP_BYTES
  let failed = 0
  for (let op = ops; op < end; op += UNMAP_OP_BYTES) {
    const status = alive ? unmapOne(op, own, caller, alone) : GNTST_BAD_DOMAIN
    store<i16>(op, <i16>status, UNMAP_STATUS)
    if (status != GNTST_OKAY) failed++
  }
  add(own + DOMAIN_IN_HYPERCALL, -1, alone)
  return failed
}

// @ts-ignore: decorator
@inline
function unmapOne(op: i32, own: i32, caller: i32, alone: bool): i32 {
  const handle = load<i32>(op, UNMAP_HANDLE)
  if (<u32>handle >= load<u32>(own, DOMAIN_MAPTRACK_LIMIT)) return GNTST_BAD_HANDLE
  const at = trackEntry(own, handle)
  const word = load<i32>(at, MAPTRACK_FLAGS)
  const flags = word & 0xffff
  if (flags == 0) return GNTST_BAD_HANDLE
  const record = DOMAIN_TABLE + ((word >>> 16) << DOMAIN_RECORD_SHIFT)
  const ref = load<i32>(at)
  const active = activeEntry(record, ref)
  const gfn = load<u32>(active, ACTIVE_GFN)
  if (gfn >= load<u32>(record, DOMAIN_EXTENT_PAGES)) return GNTST_GENERAL_ERROR
  const page = load<i32>(record, DOMAIN_EXTENT_BASE) + (gfn << PAGE_SHIFT)
  const low = load<i32>(op, UNMAP_ADDRESS)
  const high = load<i32>(op, UNMAP_ADDRESS_HIGH)
  const bus = load<i32>(op, UNMAP_DEVICE)
  const busHigh = load<i32>(op, UNMAP_DEVICE_HIGH)
  const device = (bus | busHigh) == 0 ? 0 : flags & GNTMAP_DEVICE
  const host = (low | high) == 0 ? 0 : flags & GNTMAP_HOST
  if (device != 0 && (busHigh != 0 || bus != page)) return GNTST_BAD_DEV_ADDR
  if (host != 0 && !unmapAt(own, low, high, page, alone)) return GNTST_GENERAL_ERROR
  if ((host | device) == 0) return GNTST_OKAY
  const left = flags & ~(host | device)
  if ((left & (GNTMAP_DEVICE | GNTMAP_HOST)) == 0) giveHandle(own, caller, handle, alone)
  else atomic.store<i32>(at + MAPTRACK_FLAGS, left | (word & 0xffff0000))
  const parts = (flags & GNTMAP_READONLY) | host | device
  unpin(sharedEntry(record, ref), active, caller, increment(parts), (parts & GNTMAP_READONLY) == 0, alone)
  return GNTST_OKAY
}

/** The address shows `page`, and from here on nothing. */
// @ts-ignore: decorator
@inline
function unmapAt(own: i32, low: i32, high: i32, page: i32, alone: bool): bool {
  if (high != VM_HIGH) return high == 0 && low == page
  const entry = pageEntry(own, low, high)
  if (entry == 0 || load<i32>(entry) != page) return false
  store<i32>(entry, 0)
  add(load<i32>(own, DOMAIN_IOMMU) + ((page >>> PAGE_SHIFT) << 2), -1, alone)
  return true
}

/** Where the page table entry of an address stands; 0: it is none of a VM area. */
// @ts-ignore: decorator
@inline
function pageEntry(own: i32, low: i32, high: i32): i32 {
  const number = low >>> PAGE_SHIFT
  const table = number >>> VM_TABLE_SHIFT
  if (high != VM_HIGH || (low & 0xfff) != 0 || table >= load<i32>(own, DOMAIN_VM_TABLES)) return 0
  const at = load<i32>(load<i32>(own, DOMAIN_VM_DIRECTORY) + (table << 2))
  return at == 0 ? 0 : at + ((number & ((1 << VM_TABLE_SHIFT) - 1)) << 2)
}

// @ts-ignore: decorator
@inline
function increment(flags: i32): i32 {
  const readonly = (flags & GNTMAP_READONLY) != 0
  const host = (flags & GNTMAP_HOST) == 0 ? 0 : readonly ? PIN_HOST_READ : PIN_HOST_WRITE
  const device = (flags & GNTMAP_DEVICE) == 0 ? 0 : readonly ? PIN_DEVICE_READ : PIN_DEVICE_WRITE
  return host + device
}

/** Pin a reference for mapping; machine address of its page, or a status. */
// @ts-ignore: decorator
@inline
function pin(record: i32, ref: i32, caller: i32, write: bool, pins: i32, alone: bool): i32 {
  if (<u32>ref >= load<u32>(record, DOMAIN_GRANT_ENTRIES)) return GNTST_BAD_GNTREF
  const shared = sharedEntry(record, ref)
  const active = activeEntry(record, ref)
  if (exchange(active, 0, PIN_LOCKED | caller, alone) != 0) return pinMore(record, shared, active, caller, write, pins)
  return pinFirst(record, shared, active, caller, write, pins, alone)
}

/** The entry is locked by us, and nobody pins it. */
// @ts-ignore: decorator
@inline
function pinFirst(
  record: i32,
  shared: i32,
  active: i32,
  caller: i32,
  write: bool,
  pins: i32,
  alone: bool,
): i32 {
  const bits = write ? GTF_READING | GTF_WRITING : GTF_READING
  const seen = load<i32>(shared)
  let status = GNTST_OKAY
  if (alone && permits(seen, caller, write, true)) store<i32>(shared, seen | bits)
  else status = setStatus(shared, true, caller, write, true, STATUS_TRIES)
  if (status == GNTST_OKAY) {
    const gfn = load<u32>(shared, SHARED_ENTRY_FRAME)
    if (gfn < load<u32>(record, DOMAIN_EXTENT_PAGES)) {
      store<u16>(active, <u16>caller, ACTIVE_DOMID)
      store<u32>(active, gfn, ACTIVE_GFN)
      unlock(active, pins, alone)
      return load<i32>(record, DOMAIN_EXTENT_BASE) + (gfn << PAGE_SHIFT)
    }
    clearStatus(shared, bits)
    status = GNTST_BAD_PAGE
  }
  unlock(active, 0, alone)
  return status
}

/** The same for an entry that is pinned, or locked by another thread. */
function pinMore(record: i32, shared: i32, active: i32, caller: i32, write: bool, pins: i32): i32 {
  const was = lock(active, caller)
  if (was == 0) return pinFirst(record, shared, active, caller, write, pins, false)
  const gfn = load<u32>(active, ACTIVE_GFN)
  let status = GNTST_OKAY
  if (<i32>load<u16>(active, ACTIVE_DOMID) != caller || (was & (pins << PIN_OVERFLOW_SHIFT)) != 0)
    status = GNTST_GENERAL_ERROR
  else if (gfn >= load<u32>(record, DOMAIN_EXTENT_PAGES)) status = GNTST_BAD_PAGE
  else if (write && (was & PIN_WRITES) == 0) status = setStatus(shared, false, caller, write, true, STATUS_TRIES)
  unlock(active, status == GNTST_OKAY ? was + pins : was, false)
  return status == GNTST_OKAY ? load<i32>(record, DOMAIN_EXTENT_BASE) + (gfn << PAGE_SHIFT) : status
}

// @ts-ignore: decorator
@inline
function unpin(shared: i32, active: i32, caller: i32, pins: i32, write: bool, alone: bool): void {
  const left = (alone ? load<i32>(active) : lock(active, caller)) - pins
  let clear = write && (left & PIN_WRITES) == 0 ? GTF_WRITING : 0
  if (left == 0) clear |= GTF_READING
  if (clear != 0) {
    if (alone) store<i32>(shared, load<i32>(shared) & ~clear)
    else clearStatus(shared, clear)
  }
  unlock(active, left, alone)
}

// @ts-ignore: decorator
@inline
function unlock(active: i32, pins: i32, alone: bool): void {
  if (alone) store<i32>(active, pins)
  else atomic.store<i32>(active, pins)
}

// @ts-ignore: decorator
@inline
function trackEntry(own: i32, handle: i32): i32 {
  const frame = load<i32>(load<i32>(own, DOMAIN_MAPTRACK_TABLE) + ((handle >>> MAPTRACK_FRAME_SHIFT) << 2))
  return frame + ((handle & ((1 << MAPTRACK_FRAME_SHIFT) - 1)) << MAPTRACK_ENTRY_SHIFT)
}

/** A free handle, -1: none is. */
// @ts-ignore: decorator
@inline
function takeHandle(own: i32, caller: i32, alone: bool): i32 {
  if (!alone) lockTrack(own, caller)
  const handle = load<i32>(own, DOMAIN_MAPTRACK_LIMIT) == 0 ? -1 : load<i32>(own, DOMAIN_MAPTRACK_FREE)
  if (handle >= 0) {
    store<i32>(own, load<i32>(trackEntry(own, handle)), DOMAIN_MAPTRACK_FREE)
    add(own + DOMAIN_MAPTRACK_USED, 1, alone)
  }
  if (!alone) atomic.store<i32>(own + DOMAIN_MAPTRACK_LOCK, 0)
  return handle
}

// @ts-ignore: decorator
@inline
function giveHandle(own: i32, caller: i32, handle: i32, alone: bool): void {
  if (!alone) lockTrack(own, caller)
  const at = trackEntry(own, handle)
  if (alone) store<i32>(at, 0, MAPTRACK_FLAGS)
  else atomic.store<i32>(at + MAPTRACK_FLAGS, 0)
  store<i32>(at, load<i32>(own, DOMAIN_MAPTRACK_FREE))
  store<i32>(own, handle, DOMAIN_MAPTRACK_FREE)
  add(own + DOMAIN_MAPTRACK_USED, -1, alone)
  if (!alone) atomic.store<i32>(own + DOMAIN_MAPTRACK_LOCK, 0)
}

function lockTrack(own: i32, caller: i32): void {
  while (atomic.cmpxchg<i32>(own + DOMAIN_MAPTRACK_LOCK, 0, PIN_LOCKED | caller) != 0);
}
