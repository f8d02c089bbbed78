import type { Frame, PacketInfo } from '@netaccel/packet'
import {
  parsePacket,
  PLAIN_L4,
  plainIsTcp,
  plainPayload,
  plainTransport,
  setBlank,
  TCP_CHECKSUM,
  UDP_CHECKSUM,
} from '@netaccel/packet'
import { XEN_NETIF_GSO_TYPE_TCPV4 } from './netif.js'

/** What the slots of a packet say about it (flags and the GSO extra info); nothing of it has been checked. */
export interface RingOffload {
  /** XEN_NETTXF_csum_blank, XEN_NETRXF_csum_blank. */
  blank: boolean
  /** XEN_NETTXF_data_validated, XEN_NETRXF_data_validated. */
  verified: boolean
  /** 0: no GSO extra. */
  gsoSize: number
  /** XEN_NETIF_GSO_TYPE_*. */
  gsoType: number
}

/** Smallest segment a GSO frame may ask for: Linux's least MSS (tcp_min_snd_mss). Below it one frame is a storm. */
const LEAST_MSS = 48

/**
 * 'fixed': taken, after the checksum that a GSO packet must have blank was made blank.
 * The last two: the bytes do not bear it out; the frame is still the caller's, to drop.
 */
export type OffloadResult = 'ok' | 'fixed' | 'bad-checksum' | 'bad-gso'

/**
 * Describe a received frame as its ring slots say, if its bytes bear it out: a blank checksum needs TCP or UDP headers
 * to stand in (Linux skb_checksum_setup), GSO needs TCP of the right version and is always blank. Both ends of the ring
 * use it: netback for what a guest sends, netfront for what it is sent. `info` may be overwritten.
 */
export function applyOffload(frame: Frame, ring: RingOffload, info: PacketInfo): OffloadResult {
  if (ring.gsoSize === 0 && applyChecksum(frame, ring.blank, ring.verified)) return 'ok'
  if (ring.blank) {
    const plain = plainTransport(frame)
    if (plain >= 0) {
      makeBlank(frame, PLAIN_L4, plainIsTcp(plain))
      return plainIsTcp(plain) ? applyGso(frame, ring, 4, plainPayload(plain)) : 'bad-gso'
    }
  }
  return applyParsed(frame, ring, info)
}

/**
 * The fast lane of {@link applyOffload}, for a frame without GSO. False: nothing was done, since its checksum is blank and
 * it is not plain (see `plainTransport`): {@link applyOffload} finds out what it is.
 */
export function applyChecksum(frame: Frame, blank: boolean, verified: boolean): boolean {
  if (!blank) {
    frame.checksum = verified ? 'verified' : 'none'
    return true
  }
  const plain = plainTransport(frame)
  if (plain < 0) return false
  makeBlank(frame, PLAIN_L4, plainIsTcp(plain))
  return true
}

/** As {@link applyOffload}, for a frame of any shape: its headers are parsed. */
function applyParsed(frame: Frame, ring: RingOffload, info: PacketInfo): OffloadResult {
  if (!parsePacket(frame, info) || !info.l4) return ring.gsoSize === 0 ? 'bad-checksum' : 'bad-gso'
  let result: OffloadResult = 'ok'
  if (ring.blank) makeBlank(frame, info.l4Offset, info.isTcp)
  else {
    if (!setBlank(frame, info)) return 'bad-checksum'
    result = 'fixed'
  }
  if (ring.gsoSize === 0) return result
  if (!info.isTcp || applyGso(frame, ring, info.ipVersion, info.payloadLength) !== 'ok') return 'bad-gso'
  return result
}

function makeBlank(frame: Frame, l4Offset: number, isTcp: boolean): void {
  frame.checksum = 'blank'
  frame.checksumStart = l4Offset
  frame.checksumOffset = isTcp ? TCP_CHECKSUM : UDP_CHECKSUM
}

/** A TCP frame of IP version `ipVersion` is to be cut. */
function applyGso(frame: Frame, ring: RingOffload, ipVersion: number, payload: number): 'ok' | 'bad-gso' {
  const v4 = ring.gsoType === XEN_NETIF_GSO_TYPE_TCPV4
  if (ipVersion !== (v4 ? 4 : 6) || ring.gsoSize < LEAST_MSS || payload < 1) return 'bad-gso'
  frame.gsoSize = ring.gsoSize
  frame.gsoType = v4 ? 'tcpv4' : 'tcpv6'
  frame.segments = Math.ceil(payload / ring.gsoSize)
  return 'ok'
}
