// The copy engine: grant-checked batch copies here, the rest in the files that it exports from. Twin of src/copy-engine-typescript.ts
// and src/grant-pins.ts, which say why; tests hold the two together byte for byte. After gnttab_copy and
// acquire_grant_for_copy in Xen grant_table.c, version 1 entries.
//
// No data segments, no allocation, no stack in memory: everything here belongs to the machine.
import {
  DOMID_SELF,
  GNTCOPY_DEST_GREF,
  GNTCOPY_SOURCE_GREF,
  GNTST_BAD_COPY_ARG,
  GNTST_BAD_DOMAIN,
  GNTST_BAD_GNTREF,
  GNTST_BAD_PAGE,
  GNTST_GENERAL_ERROR,
  GNTST_OKAY,
  GNTST_PERMISSION_DENIED,
  GTF_READING,
  GTF_WRITING,
} from '../src/grant-abi'
import {
  ACTIVE_DOMID,
  ACTIVE_GFN,
  COPY_DEST_DOMID,
  COPY_DEST_HIGH,
  COPY_DEST_OFFSET,
  COPY_DEST_REF,
  COPY_LENGTH,
  COPY_OP_BYTES,
  COPY_SOURCE_DOMID,
  COPY_SOURCE_HIGH,
  COPY_SOURCE_OFFSET,
  COPY_SOURCE_REF,
  COPY_STATUS,
  DOMAIN_ALIVE,
  DOMAIN_EXTENT_BASE,
  DOMAIN_EXTENT_PAGES,
  DOMAIN_GRANT_ENTRIES,
  DOMAIN_IN_HYPERCALL,
  DOMAIN_RECORD_SHIFT,
  DOMAIN_STATE,
  DOMAIN_TABLE,
  MACHINE_MAX_DOMAINS,
  MACHINE_STORES_IN_ORDER,
  PIN_HOST_READ,
  PIN_HOST_WRITE,
  PIN_LOCKED,
  SHARED_ENTRY_FRAME,
} from '../src/hypervisor-layout'
import {
  acquire,
  activeAt,
  activeEntry,
  add,
  alone,
  clearStatus,
  exchange,
  PAGE_SHIFT,
  permits,
  release,
  setStatus,
  sharedAt,
  sharedEntry,
  STATUS_TRIES,
} from './pins'
import { copyBytes } from './bytes'
export { copy } from './bytes'
export { moveFrames } from './frame-moves'
export { endGrants } from './grant-ends'
export { mapBatch, unmapBatch } from './grant-maps'
export { checksum } from './sums'

const PAGE_SIZE: i32 = 4096
/** From a struct's source to its destination: their fields lie alike. */
const TO_DEST: i32 = COPY_DEST_REF - COPY_SOURCE_REF

/**
 * The domain that granted last is looked up again only when an operation names another, as in Xen's gnttab_copy: while we
 * are in the hypercall its record stays what it is. A struct lies in the caller's memory, so each field is read once.
 */
export function copyBatch(ops: i32, count: i32, caller: i32): i32 {
  return alone() ? copyAll(ops, count, caller, true) : copyAll(ops, count, caller, false)
}

// @ts-ignore: decorator
@inline
function copyAll(ops: i32, count: i32, caller: i32, alone: bool): i32 {
  let failed = 0
  const own = DOMAIN_TABLE + (caller << DOMAIN_RECORD_SHIFT)
  add(own + DOMAIN_IN_HYPERCALL, 1, alone)
  const alive = atomic.load<i32>(own + DOMAIN_STATE) == DOMAIN_ALIVE
  const inOrder = load<i32>(0, MACHINE_STORES_IN_ORDER)
  const end = ops + count * COPY_OP_BYTES
  let granter = -1
  let record = 0
  for (let op = ops; op < end; op += COPY_OP_BYTES) {
    const lengthAndFlags = load<u32>(op, COPY_LENGTH)
    const length = <i32>(lengthAndFlags & 0xffff)
    const kind = (lengthAndFlags >>> 16) & (GNTCOPY_SOURCE_GREF | GNTCOPY_DEST_GREF)
    let status = GNTST_OKAY
    if (!alive) status = GNTST_BAD_DOMAIN
    else if (length == 0) status = GNTST_OKAY
    else if (kind == GNTCOPY_SOURCE_GREF || kind == GNTCOPY_DEST_GREF) {
      const write = kind == GNTCOPY_DEST_GREF
      const domid = <i32>load<u16>(op + (write ? TO_DEST : 0), COPY_SOURCE_DOMID)
      if (domid != granter) {
        record = domain(true, domid, caller)
        granter = domid
      }
      status = write
        ? copyToGrant(op, caller, record, own, length, inOrder, alone)
        : copyFromGrant(op, caller, record, own, length, inOrder, alone)
    } else if (kind == 0) status = copyLocal(op, caller, length)
    else status = copyBetweenGrants(op, caller, length)
    store<i16>(op, <i16>status, COPY_STATUS)
    if (status != GNTST_OKAY) failed++
  }
  add(own + DOMAIN_IN_HYPERCALL, -1, alone)
  return failed
}

// @ts-ignore: decorator
@inline
function copyFromGrant(
  op: i32,
  caller: i32,
  record: i32,
  own: i32,
  length: i32,
  inOrder: i32,
  alone: bool,
): i32 {
  if (record < 0) return record
  if (<i32>load<u16>(op, COPY_DEST_DOMID) != DOMID_SELF) return GNTST_PERMISSION_DENIED
  const local = localPage(own, load<u32>(op, COPY_DEST_REF), load<i32>(op, COPY_DEST_HIGH))
  return copyOneGrant(op, caller, record, local, length, inOrder, alone, false)
}

// @ts-ignore: decorator
@inline
function copyToGrant(
  op: i32,
  caller: i32,
  record: i32,
  own: i32,
  length: i32,
  inOrder: i32,
  alone: bool,
): i32 {
  if (<i32>load<u16>(op, COPY_SOURCE_DOMID) != DOMID_SELF) return GNTST_PERMISSION_DENIED
  if (record < 0) return record
  const local = localPage(own, load<u32>(op, COPY_SOURCE_REF), load<i32>(op, COPY_SOURCE_HIGH))
  if (local < 0) return local
  return copyOneGrant(op, caller, record, local, length, inOrder, alone, true)
}

/**
 * Between the caller's own page at `local` (or a status) and one that was granted, in one go: acquire, copy, release. The
 * entry stays locked during the copy, which spares an exchange. With two grants the first must be unlocked before the
 * second is locked, or two callers could wait for each other.
 */
// @ts-ignore: decorator
@inline
function copyOneGrant(
  op: i32,
  caller: i32,
  record: i32,
  local: i32,
  length: i32,
  inOrder: i32,
  alone: bool,
  write: bool,
): i32 {
  const side = write ? op + TO_DEST : op
  const ref = load<i32>(side, COPY_SOURCE_REF)
  const grantOffset = <i32>load<u16>(side, COPY_SOURCE_OFFSET)
  const localOffset = <i32>load<u16>(write ? op : op + TO_DEST, COPY_SOURCE_OFFSET)
  if (<u32>ref >= load<u32>(record, DOMAIN_GRANT_ENTRIES)) return GNTST_BAD_GNTREF
  const shared = sharedEntry(record, ref)
  const active = activeEntry(record, ref)
  if (exchange(active, 0, PIN_LOCKED | caller, alone) != 0)
    return copyJoining(record, ref, caller, local, localOffset, grantOffset, length, write)

  const bits = write ? GTF_READING | GTF_WRITING : GTF_READING
  const seen = atomic.load<i32>(shared)
  let status = GNTST_OKAY
  if (!permits(seen, caller, write, false)) status = GNTST_GENERAL_ERROR
  else if (exchange(shared, seen, seen | bits, alone) != seen)
    status = setStatus(shared, true, caller, write, false, STATUS_TRIES - 1)
  if (status == GNTST_OKAY) {
    const gfn = load<u32>(shared, SHARED_ENTRY_FRAME)
    if (gfn >= load<u32>(record, DOMAIN_EXTENT_PAGES)) status = GNTST_BAD_PAGE
    else {
      store<u16>(active, <u16>caller, ACTIVE_DOMID)
      store<u32>(active, gfn, ACTIVE_GFN)
      const granted = load<i32>(record, DOMAIN_EXTENT_BASE) + (gfn << PAGE_SHIFT)
      if (local < 0) status = local
      else if (write) status = copyWithin(granted, grantOffset, local, localOffset, length)
      else status = copyWithin(local, localOffset, granted, grantOffset, length)
    }
    // Mostly the word is still what we made of it; an `and`, which V8 makes a loop of, is for the rest.
    if (exchange(shared, seen | bits, seen & ~bits, alone) != (seen | bits)) clearStatus(shared, bits)
  }
  if (alone || inOrder == 1) store<i32>(active, 0)
  else atomic.store<i32>(active, 0)
  return status
}

/** The same for an entry that is pinned already, or locked by another thread. */
function copyJoining(
  record: i32,
  ref: i32,
  caller: i32,
  local: i32,
  localOffset: i32,
  grantOffset: i32,
  length: i32,
  write: bool,
): i32 {
  const granted = acquire(record, ref, caller, write)
  if (granted < 0) return granted
  let status = local
  if (local > 0)
    status = write
      ? copyWithin(granted, grantOffset, local, localOffset, length)
      : copyWithin(local, localOffset, granted, grantOffset, length)
  release(sharedAt, activeAt, caller, write ? PIN_HOST_WRITE : PIN_HOST_READ, write)
  return status
}

function copyBetweenGrants(op: i32, caller: i32, length: i32): i32 {
  const fromRecord = domain(true, <i32>load<u16>(op, COPY_SOURCE_DOMID), caller)
  if (fromRecord < 0) return fromRecord
  const toRecord = domain(true, <i32>load<u16>(op, COPY_DEST_DOMID), caller)
  if (toRecord < 0) return toRecord
  const fromOffset = <i32>load<u16>(op, COPY_SOURCE_OFFSET)
  const toOffset = <i32>load<u16>(op, COPY_DEST_OFFSET)
  const toRef = load<i32>(op, COPY_DEST_REF)
  const from = acquire(fromRecord, load<i32>(op, COPY_SOURCE_REF), caller, false)
  if (from < 0) return from
  const fromShared = sharedAt
  const fromActive = activeAt
  let status = acquire(toRecord, toRef, caller, true)
  if (status > 0) {
    status = copyWithin(status, toOffset, from, fromOffset, length)
    release(sharedAt, activeAt, caller, PIN_HOST_WRITE, true)
  }
  release(fromShared, fromActive, caller, PIN_HOST_READ, false)
  return status
}

function copyLocal(op: i32, caller: i32, length: i32): i32 {
  const fromRecord = domain(false, <i32>load<u16>(op, COPY_SOURCE_DOMID), caller)
  if (fromRecord < 0) return fromRecord
  const toRecord = domain(false, <i32>load<u16>(op, COPY_DEST_DOMID), caller)
  if (toRecord < 0) return toRecord
  const from = localPage(fromRecord, load<u32>(op, COPY_SOURCE_REF), load<i32>(op, COPY_SOURCE_HIGH))
  if (from < 0) return from
  const to = localPage(toRecord, load<u32>(op, COPY_DEST_REF), load<i32>(op, COPY_DEST_HIGH))
  if (to < 0) return to
  return copyWithin(to, <i32>load<u16>(op, COPY_DEST_OFFSET), from, <i32>load<u16>(op, COPY_SOURCE_OFFSET), length)
}

/** Copy inside two pages that both are there; neither range may pass the end of its page. */
// @ts-ignore: decorator
@inline
function copyWithin(to: i32, toOffset: i32, from: i32, fromOffset: i32, length: i32): i32 {
  if (fromOffset + length > PAGE_SIZE || toOffset + length > PAGE_SIZE) return GNTST_BAD_COPY_ARG
  copyBytes(to + toOffset, from + fromOffset, length)
  return GNTST_OKAY
}

// @ts-ignore: decorator
@inline
function domain(grant: bool, domid: i32, caller: i32): i32 {
  if (!grant && domid != DOMID_SELF) return GNTST_PERMISSION_DENIED
  if (domid == DOMID_SELF) domid = caller
  if (domid >= load<i32>(0, MACHINE_MAX_DOMAINS)) return GNTST_BAD_DOMAIN
  const record = DOMAIN_TABLE + (domid << DOMAIN_RECORD_SHIFT)
  return atomic.load<i32>(record + DOMAIN_STATE) == DOMAIN_ALIVE ? record : GNTST_BAD_DOMAIN
}

// @ts-ignore: decorator
@inline
function localPage(record: i32, gmfn: u32, high: i32): i32 {
  if (high != 0 || gmfn >= load<u32>(record, DOMAIN_EXTENT_PAGES)) return GNTST_BAD_PAGE
  return load<i32>(record, DOMAIN_EXTENT_BASE) + (gmfn << PAGE_SHIFT)
}
