// Runs of bytes that are moved, as memmove does.
import { SMALL_COPY } from '../src/hypervisor-layout'

/** From here on a copy is taken for that of a whole page. */
const WHOLE_PAGE: i32 = 3072

/**
 * As memmove. The block copy costs a call out of wasm, so short runs are moved here: every load before the first store,
 * so that overlap does no harm, and no loop, whose every turn would look for interrupts.
 */
// @ts-ignore: decorator
@inline
export function copyBytes(to: i32, from: i32, length: i32): void {
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
