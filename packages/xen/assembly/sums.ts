// Sums of the Internet checksum (RFC 1071).
/** RFC 1071, folded, not inverted, big-endian words. */
export function checksum(address: i32, length: i32, initial: i32): i32 {
  // One's complement addition does not mind the byte order of its words: swap the folded sum once (RFC 1071 section 2B).
  return fold(<u64>swap16(fold(sumOf(address, length))) + <u64>(<u32>initial))
}

/** Sum of the little-endian 16-bit words, not folded. */
export function sumOf(address: i32, length: i32): u64 {
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
export function biased(words: v128): v128 {
  return i32x4.dot_i16x8_s(v128.xor(words, i16x8.splat(-32768)), i16x8.splat(1))
}

/** The four lanes of {@link biased} sums over `bytes` bytes. */
// @ts-ignore: decorator
@inline
export function unbiased(lanes: v128, bytes: i32): u64 {
  const sum =
    <i64>i32x4.extract_lane(lanes, 0) +
    <i64>i32x4.extract_lane(lanes, 1) +
    <i64>i32x4.extract_lane(lanes, 2) +
    <i64>i32x4.extract_lane(lanes, 3)
  return <u64>(sum + (<i64>bytes << 14))
}

// @ts-ignore: decorator
@inline
export function swap16(word: i32): i32 {
  return ((word & 0xff) << 8) | (word >>> 8)
}

// @ts-ignore: decorator
@inline
export function pair(word: u64): u64 {
  return (word & 0xffffffff) + (word >> 32)
}

// @ts-ignore: decorator
@inline
export function fold(sum: u64): i32 {
  sum = (sum & 0xffffffff) + (sum >> 32)
  sum = (sum & 0xffff) + ((sum >> 16) & 0xffff) + (sum >> 32)
  sum = (sum & 0xffff) + (sum >> 16)
  sum = (sum & 0xffff) + (sum >> 16)
  return <i32>sum
}
