// The copy engine: grant-checked batch copies and checksums over machine memory. Twin of src/copy-engine-typescript.ts
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
  FOUND_HEADER,
  FOUND_SAME,
  FOUND_TRANSPORT,
  MOVE_BYTES,
  MOVE_FILL,
  MOVE_FOUND,
  MOVE_FROM,
  MOVE_LENGTH,
  MOVE_MAC_HIGH,
  MOVE_MAC_LOW,
  MOVE_SHIFT,
  MOVE_TO,
} from '../src/frame-moves'
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
  SMALL_COPY,
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
export { mapBatch, unmapBatch } from './grant-maps'

const PAGE_SIZE: i32 = 4096
/** From here on a copy is taken for that of a whole page. */
const WHOLE_PAGE: i32 = 3072

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

/**
 * As memmove. The block copy costs a call out of wasm, so short runs are moved here: every load before the first store,
 * so that overlap does no harm, and no loop, whose every turn would look for interrupts.
 */
// @ts-ignore: decorator
@inline
function copyBytes(to: i32, from: i32, length: i32): void {
  if (length > SMALL_COPY) copyLong(to, from, length)
  else if (length >= 32) copy32to128(to, from, length)
  else copyUnder32(to, from, length)
}

// @ts-ignore: decorator
@inline
function copy32to128(to: i32, from: i32, length: i32): void {
  const toEnd = to + length - 32
  const fromEnd = from + length - 32
  const a = v128.load(from)
  const b = v128.load(from, 16)
  const y = v128.load(fromEnd)
  const z = v128.load(fromEnd, 16)
  if (length > 64) {
    const c = v128.load(from, 32)
    const d = v128.load(from, 48)
    const w = v128.load(fromEnd - 32)
    const x = v128.load(fromEnd - 32, 16)
    v128.store(to, c, 32)
    v128.store(to, d, 48)
    v128.store(toEnd - 32, w)
    v128.store(toEnd - 32, x, 16)
  }
  v128.store(to, a)
  v128.store(to, b, 16)
  v128.store(toEnd, y)
  v128.store(toEnd, z, 16)
}

/**
 * The C library's copy is as fast or faster, but for whole pages that lie alike, as granted pages do: glibc uses
 * `rep movsb` there, and 64 KiB over a ring take 3 % longer (Zen 4, glibc 2.36).
 */
function copyLong(to: i32, from: i32, length: i32): void {
  if (length < WHOLE_PAGE || <u32>(to - from) < <u32>length || <u32>(from - to) < <u32>length) {
    memory.copy(to, from, length)
    return
  }
  const end = from + length - 128
  const ahead = to - from
  for (let at = from; at < end; at += 128) copy128(at + ahead, at)
  copy128(end + ahead, end)
}

// @ts-ignore: decorator
@inline
function copy128(to: i32, from: i32): void {
  const a = v128.load(from)
  const b = v128.load(from, 16)
  const c = v128.load(from, 32)
  const d = v128.load(from, 48)
  const e = v128.load(from, 64)
  const f = v128.load(from, 80)
  const g = v128.load(from, 96)
  const h = v128.load(from, 112)
  v128.store(to, a)
  v128.store(to, b, 16)
  v128.store(to, c, 32)
  v128.store(to, d, 48)
  v128.store(to, e, 64)
  v128.store(to, f, 80)
  v128.store(to, g, 96)
  v128.store(to, h, 112)
}

function copyUnder32(to: i32, from: i32, length: i32): void {
  if (length >= 16) {
    const a = v128.load(from)
    const z = v128.load(from + length - 16)
    v128.store(to, a)
    v128.store(to + length - 16, z)
  } else if (length >= 8) {
    const a = load<u64>(from)
    const z = load<u64>(from + length - 8)
    store<u64>(to, a)
    store<u64>(to + length - 8, z)
  } else if (length >= 4) {
    const a = load<u32>(from)
    const z = load<u32>(from + length - 4)
    store<u32>(to, a)
    store<u32>(to + length - 4, z)
  } else if (length >= 2) {
    const a = load<u16>(from)
    const z = load<u16>(from + length - 2)
    store<u16>(to, a)
    store<u16>(to + length - 2, z)
  } else if (length == 1) store<u8>(to, load<u8>(from))
}

/** As memmove over machine memory. */
export function copy(to: i32, from: i32, length: i32): void {
  copyBytes(to, from, length)
}

/**
 * The guest's end of access for `count` slots at `queue` of the table of entry addresses at `entries`: flags to 0 by one
 * exchange, unless somebody uses the page. `results` gets 1 for ended, 0 for in use. How many are in use.
 */
export function endGrants(entries: i32, queue: i32, count: i32, results: i32): i32 {
  return alone() ? endAll(entries, queue, count, results, true) : endAll(entries, queue, count, results, false)
}

// @ts-ignore: decorator
@inline
function endAll(entries: i32, queue: i32, count: i32, results: i32, alone: bool): i32 {
  let busy = 0
  const bytes = count << 2
  for (let at = 0; at < bytes; at += 4) {
    const ended = endGrant(load<i32>(entries + (load<i32>(queue + at) << 2)), alone)
    store<i32>(results + at, ended)
    busy += 1 - ended
  }
  return busy
}

// @ts-ignore: decorator
@inline
function endGrant(entry: i32, alone: bool): i32 {
  let flags = <i32>load<u16>(entry)
  if (alone) {
    if ((flags & (GTF_READING | GTF_WRITING)) != 0) return 0
    store<u16>(entry, 0)
    return 1
  }
  while ((flags & (GTF_READING | GTF_WRITING)) == 0) {
    const seen = <i32>atomic.cmpxchg<u16>(entry, <u16>flags, 0)
    if (seen == flags) return 1
    flags = seen
  }
  return 0
}

/** RFC 1071, folded, not inverted, big-endian words. */
export function checksum(address: i32, length: i32, initial: i32): i32 {
  // One's complement addition does not mind the byte order of its words: swap the folded sum once (RFC 1071 section 2B).
  return fold(<u64>swap16(fold(sumOf(address, length))) + <u64>(<u32>initial))
}

/** Sum of the little-endian 16-bit words, not folded. */
function sumOf(address: i32, length: i32): u64 {
  let sum: u64 = 0
  let at = address
  const end = address + length
  if (length >= 64) {
    let a = i32x4.splat(0)
    let b = i32x4.splat(0)
    const blocks = end - 63
    for (; at < blocks; at += 64) {
      a = i32x4.add(a, i32x4.add(biased(v128.load(at)), biased(v128.load(at, 16))))
      b = i32x4.add(b, i32x4.add(biased(v128.load(at, 32)), biased(v128.load(at, 48))))
    }
    sum = unbiased(i32x4.add(a, b), at - address)
  }
  for (; at + 8 <= end; at += 8) sum += pair(load<u64>(at))
  if (at + 4 <= end) {
    sum += <u64>load<u32>(at)
    at += 4
  }
  if (at + 2 <= end) {
    sum += <u64>load<u16>(at)
    at += 2
  }
  return at < end ? sum + <u64>load<u8>(at) : sum
}

/**
 * Sums of neighbouring 16-bit words, 32,768 too low for each word: the multiplication by 1 that adds is of signed words
 * (pmaddwd, one instruction where the unsigned sum takes three). Lanes have room for 2 MiB.
 */
// @ts-ignore: decorator
@inline
function biased(words: v128): v128 {
  return i32x4.dot_i16x8_s(v128.xor(words, i16x8.splat(-32768)), i16x8.splat(1))
}

/** The four lanes of {@link biased} sums over `bytes` bytes. */
// @ts-ignore: decorator
@inline
function unbiased(lanes: v128, bytes: i32): u64 {
  const sum =
    <i64>i32x4.extract_lane(lanes, 0) +
    <i64>i32x4.extract_lane(lanes, 1) +
    <i64>i32x4.extract_lane(lanes, 2) +
    <i64>i32x4.extract_lane(lanes, 3)
  return <u64>(sum + (<i64>bytes << 14))
}

/**
 * Carries out `count` frame moves at `list`: copies each frame, and on the way sums it, finds out whether it is plain, and
 * fills in or checks its checksum. What is found is found of the copy, which nobody else can reach.
 */
export function moveFrames(list: i32, count: i32): void {
  const end = list + (count << MOVE_SHIFT)
  let plainBefore = false
  let macBefore: u64 = 0
  let addressesBefore: u64 = 0
  let portsBefore: u64 = 0
  for (let move = list; move < end; move += MOVE_BYTES) {
    const to = load<i32>(move, MOVE_TO)
    const length = load<i32>(move, MOVE_LENGTH)
    const sum = copySumming(to, load<i32>(move, MOVE_FROM), length)
    // Here and below no load crosses what one store of the copy has written: it would wait for the store to be through.
    const macLow = bswap<u32>(<u32>load<u16>(to, 2) | (<u32>load<u16>(to, 4) << 16))
    const macHigh = swap16(<i32>load<u16>(to))
    let found = plainOf(to, length)
    if (found >= 0) {
      found |= checksums(to, found, length, sum, load<i32>(move, MOVE_FILL) != 0)
      const mac = (<u64>macLow << 32) | <u64>(<u32>(macHigh << 8)) | <u64>load<u8>(to, 23)
      const addresses = (<u64>load<u32>(to, 26) << 16) | <u64>load<u16>(to, 30)
      const ports = (<u64>load<u32>(to, 32) << 16) | <u64>load<u16>(to, 36)
      if (plainBefore && mac == macBefore && addresses == addressesBefore && ports == portsBefore)
        found |= FOUND_SAME
      macBefore = mac
      addressesBefore = addresses
      portsBefore = ports
    }
    plainBefore = found >= 0
    store<i32>(move, found, MOVE_FOUND)
    store<i32>(move, macLow, MOVE_MAC_LOW)
    store<i32>(move, macHigh, MOVE_MAC_HIGH)
  }
}

/** Copies `length` bytes; the sum of their little-endian 16-bit words, not folded. */
// @ts-ignore: decorator
@inline
function copySumming(to: i32, from: i32, length: i32): u64 {
  let a = i32x4.splat(0)
  let b = i32x4.splat(0)
  let at = from
  const ahead = to - from
  const end = from + length
  for (const blocks = end - 63; at < blocks; at += 64) {
    const p = v128.load(at)
    const q = v128.load(at, 16)
    const r = v128.load(at, 32)
    const s = v128.load(at, 48)
    v128.store(at + ahead, p)
    v128.store(at + ahead, q, 16)
    v128.store(at + ahead, r, 32)
    v128.store(at + ahead, s, 48)
    a = i32x4.add(a, i32x4.add(biased(p), biased(q)))
    b = i32x4.add(b, i32x4.add(biased(r), biased(s)))
  }
  for (; at + 16 <= end; at += 16) {
    const p = v128.load(at)
    v128.store(at + ahead, p)
    a = i32x4.add(a, biased(p))
  }
  let sum = unbiased(i32x4.add(a, b), at - from)
  if (at + 8 <= end) {
    const word = load<u64>(at)
    store<u64>(at + ahead, word)
    sum += pair(word)
    at += 8
  }
  if (at + 4 <= end) {
    const word = load<u32>(at)
    store<u32>(at + ahead, word)
    sum += <u64>word
    at += 4
  }
  if (at + 2 <= end) {
    const word = load<u16>(at)
    store<u16>(at + ahead, word)
    sum += <u64>word
    at += 2
  }
  if (at < end) {
    const byte = load<u8>(at)
    store<u8>(at + ahead, byte)
    sum += <u64>byte
  }
  return sum
}

/** Twin of packet's plainTransport: untagged IPv4 without options or fragments, TCP or UDP, all well formed; or -1. */
// @ts-ignore: decorator
@inline
function plainOf(frame: i32, length: i32): i32 {
  if (length < 42) return -1
  // Ethertype, version and header length, but not the type of service behind them.
  if ((load<u32>(frame, 12) & 0xffffff) != 0x450008) return -1
  const total = swap16(<i32>load<u16>(frame, 16))
  if (total > length - 14) return -1
  const room = total - 20
  // More fragments, fragment offset; protocol.
  const fragment = load<u32>(frame, 20) & 0xff00ff3f
  if (fragment == 0x11000000) {
    const size = swap16(<i32>load<u16>(frame, 38))
    return size < 8 || size > room ? -1 : (size - 8) << 1
  }
  if (fragment != 0x06000000 || room < 20) return -1
  const header = (<i32>load<u8>(frame, 46) >>> 4) << 2
  return header < 20 || header > room ? -1 : ((room - header) << 1) | 1
}

/** The FOUND_* flags of a plain frame's two checksums. `sum`: of the whole frame. */
// @ts-ignore: decorator
@inline
function checksums(frame: i32, plain: i32, length: i32, sum: u64, fill: bool): i32 {
  const isTcp = (plain & 1) != 0
  const ethernet = pair(load<u64>(frame)) + <u64>load<u32>(frame, 8) + <u64>load<u16>(frame, 12)
  const header =
    <u64>load<u16>(frame, 14) + pair(load<u64>(frame, 16)) + pair(load<u64>(frame, 24)) + <u64>load<u16>(frame, 32)
  const flags = fold(header) == 0xffff ? FOUND_HEADER : 0
  const covered = isTcp ? swap16(<i32>load<u16>(frame, 16)) - 20 : (plain >>> 1) + 8
  // What the transport's sum does not cover: the headers before it, and what stands behind the packet, as padding does.
  let beside = ethernet + header
  if (covered + 34 < length) beside += tailSum(frame, covered + 34, length)
  const pseudo =
    <u64>load<u16>(frame, 26) +
    <u64>load<u32>(frame, 28) +
    <u64>load<u16>(frame, 32) +
    <u64>(<u32>swap16(covered)) +
    (<u64>load<u8>(frame, 23) << 8)
  const field = frame + (isTcp ? 50 : 40)
  const stands = <i32>load<u16>(field)
  if (fill) {
    const filled = ~fold(sum + pseudo + less(beside + <u64>stands)) & 0xffff
    store<u16>(field, filled == 0 ? 0xffff : <u16>filled)
    return flags | FOUND_TRANSPORT
  }
  if (!isTcp && stands == 0) return flags | FOUND_TRANSPORT
  return fold(sum + pseudo + less(beside)) == 0xffff ? flags | FOUND_TRANSPORT : flags
}

/** What takes `sum` away from another, modulo 65,535. */
// @ts-ignore: decorator
@inline
function less(sum: u64): u64 {
  return <u64>(0xffff - fold(sum))
}

/** What the bytes from `from` on add to the sum of a frame of `length` bytes. */
function tailSum(frame: i32, from: i32, length: i32): u64 {
  // An odd first byte is the high half of its word.
  if ((from & 1) == 0) return sumOf(frame + from, length - from)
  return (<u64>load<u8>(frame + from) << 8) + sumOf(frame + from + 1, length - from - 1)
}

// @ts-ignore: decorator
@inline
function swap16(word: i32): i32 {
  return ((word & 0xff) << 8) | (word >>> 8)
}

// @ts-ignore: decorator
@inline
function pair(word: u64): u64 {
  return (word & 0xffffffff) + (word >> 32)
}

// @ts-ignore: decorator
@inline
function fold(sum: u64): i32 {
  sum = (sum & 0xffffffff) + (sum >> 32)
  sum = (sum & 0xffff) + ((sum >> 16) & 0xffff) + (sum >> 32)
  sum = (sum & 0xffff) + (sum >> 16)
  sum = (sum & 0xffff) + (sum >> 16)
  return <i32>sum
}
