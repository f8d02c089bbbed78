import type { PathObserver } from '@netaccel/netfront'
import {
  type Frame,
  IP_PROTOCOL_TCP,
  IP_PROTOCOL_UDP,
  PacketInfo,
  parsePacket,
  plainIsTcp,
  plainPayload,
  plainTransport,
} from '@netaccel/packet'

/** What has gone one way by one path. */
export interface PathCount {
  frames: number
  /** Wire segments. */
  segments: number
  bytes: number
  /** Bytes of TCP payload. */
  tcpPayloadBytes: number
  udpFrames: number
}

export function noPathCount(): PathCount {
  return { frames: 0, segments: 0, bytes: 0, tcpPayloadBytes: 0, udpFrames: 0 }
}

/** Counts one queue's frames at the fork and at their delivery, slow and fast apart. Allocates nothing per frame. */
export class PathMeter implements PathObserver {
  readonly tx = { slow: noPathCount(), fast: noPathCount() }
  readonly rx = { slow: noPathCount(), fast: noPathCount() }
  /** Sees the same frames, after they were counted. Null: nobody else observes. */
  next: PathObserver | null = null
  private readonly info = new PacketInfo()

  sent(frame: Frame, path: 'slow' | 'fast'): void {
    this.count(path === 'slow' ? this.tx.slow : this.tx.fast, frame)
    if (this.next !== null) this.next.sent(frame, path)
  }

  received(frame: Frame, path: 'slow' | 'fast'): void {
    this.count(path === 'slow' ? this.rx.slow : this.rx.fast, frame)
    if (this.next !== null) this.next.received(frame, path)
  }

  private count(into: PathCount, frame: Frame): void {
    into.frames += 1
    into.segments += frame.segments
    into.bytes += frame.length
    const plain = plainTransport(frame)
    if (plain < 0) this.countParsed(into, frame)
    else if (plainIsTcp(plain)) into.tcpPayloadBytes += plainPayload(plain)
    else into.udpFrames += 1
  }

  /** Any other shape: tagged, IPv6, with options, a fragment. */
  private countParsed(into: PathCount, frame: Frame): void {
    const info = this.info
    if (!parsePacket(frame, info)) return
    if (info.protocol === IP_PROTOCOL_TCP) into.tcpPayloadBytes += info.payloadLength
    else if (info.protocol === IP_PROTOCOL_UDP) into.udpFrames += 1
  }
}
