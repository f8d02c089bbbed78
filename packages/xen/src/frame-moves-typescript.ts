import type { WordView } from '@netaccel/packet'
import {
  copyBytes,
  foldSum,
  Frame,
  IP_PROTOCOL_TCP,
  IP_PROTOCOL_UDP,
  PLAIN_L3,
  PLAIN_L4,
  plainIsTcp,
  plainPayload,
  plainTransport,
  pseudoSum4,
  sumBytes,
  TCP_CHECKSUM,
  UDP_CHECKSUM,
  UDP_HEADER,
  verifyIpv4Checksum,
} from '@netaccel/packet'
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
  MOVE_TO,
} from './frame-moves.js'

/** Stretches of a plain frame that together say whose it is: first byte and length. */
const OWNERSHIP: readonly (readonly [number, number])[] = [
  [0, 6],
  [23, 1],
  [26, 12],
]

/** Frame moves in plain TypeScript, by the header views of packet: what the wasm module is tested against. */
export class FrameMoves {
  readonly #words: WordView

  constructor(words: WordView) {
    this.#words = words
  }

  carryOut(list: number, count: number): void {
    const { view } = this.#words
    let before: Frame | null = null
    for (let index = 0; index < count; index++) {
      const move = list + index * MOVE_BYTES
      const frame = this.copied(move)
      let found = plainTransport(frame)
      if (found >= 0) {
        found |= this.checksums(frame, found, view.getInt32(move + MOVE_FILL, true) !== 0)
        if (before !== null && sameOwner(before, frame)) found |= FOUND_SAME
      }
      before = found >= 0 ? frame : null
      view.setInt32(move + MOVE_FOUND, found, true)
      view.setInt32(move + MOVE_MAC_LOW, view.getInt32(frame.offset + 2), true)
      view.setInt32(move + MOVE_MAC_HIGH, view.getUint16(frame.offset), true)
    }
  }

  private copied(move: number): Frame {
    const { view } = this.#words
    const to = view.getInt32(move + MOVE_TO, true)
    const length = view.getInt32(move + MOVE_LENGTH, true)
    copyBytes(this.#words, to, this.#words, view.getInt32(move + MOVE_FROM, true), length)
    const frame = new Frame(this.#words, to, length, 0, null)
    frame.length = length
    return frame
  }

  private checksums(frame: Frame, plain: number, fill: boolean): number {
    const { view } = this.#words
    const l3 = frame.offset + PLAIN_L3
    const l4 = frame.offset + PLAIN_L4
    const isTcp = plainIsTcp(plain)
    const length = isTcp ? view.getUint16(l3 + 2) - (PLAIN_L4 - PLAIN_L3) : plainPayload(plain) + UDP_HEADER
    const field = l4 + (isTcp ? TCP_CHECKSUM : UDP_CHECKSUM)
    const pseudo = pseudoSum4(view, l3, isTcp ? IP_PROTOCOL_TCP : IP_PROTOCOL_UDP, length)
    const flags = verifyIpv4Checksum(view, l3) ? FOUND_HEADER : 0
    if (fill) {
      view.setUint16(field, 0)
      const sum = ~foldSum(sumBytes(this.#words, l4, length) + pseudo) & 0xffff
      view.setUint16(field, sum === 0 ? 0xffff : sum)
      return flags | FOUND_TRANSPORT
    }
    const isRight =
      (!isTcp && view.getUint16(field) === 0) ||
      foldSum(sumBytes(this.#words, l4, length) + pseudo) === 0xffff
    return isRight ? flags | FOUND_TRANSPORT : flags
  }
}

function sameOwner(a: Frame, b: Frame): boolean {
  return OWNERSHIP.every(([first, length]) => {
    for (let at = first; at < first + length; at++)
      if (a.bytes[a.offset + at] !== b.bytes[b.offset + at]) return false
    return true
  })
}
