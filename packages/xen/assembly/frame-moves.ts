// Frames that are copied from one memory to another, and looked at on the way. Twin of src/frame-moves-typescript.ts.
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
import { biased, fold, pair, sumOf, swap16, unbiased } from './sums'

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
