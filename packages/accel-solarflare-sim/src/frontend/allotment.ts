import { MAPBUF_MAX_PAGES } from '../shared/words.js'

/** How the pages that the NIC may reach are divided. All counts in pages of 4096 bytes. */
export interface Allotment {
  /** Pages of the stack's own buffers, registered so that sending copies nothing; 0: frames are copied. */
  readonly shared: number
  /** Pages that frames are copied into before they are sent. */
  readonly copy: number
  /** Pages of receive buffers, two in each. */
  readonly receive: number
  readonly total: number
}

export interface AllotmentWish {
  /** Pages of the stack's own buffers. */
  readonly stack: number
  /** Pages of receive buffers wished for; 192 make the original's 384 buffers. */
  readonly receive: number
  /** Copy even if the quota would do without. */
  readonly copy: boolean
}

/** Receive buffers come in batches of 16. */
const UNIT = 8
/** Fewer receive buffers than 64 would stop the wire at every burst. */
const LEAST_RECEIVE = 32
/** A ring of 128 KiB takes a frame of 64 KiB wherever its free space begins. */
const LEAST_COPY = 32
const MOST_COPY = 192

/**
 * Divides the quota that the backend half offers. Undefined: it is too small to be of use.
 *
 * Sending without a copy comes first: receive buffers are given up for it, down to 64. Below that the original's way:
 * half of the pages for sending, into which frames are copied (`buffer_split` 2).
 */
export function allot(offer: number, wish: AllotmentWish): Allotment | undefined {
  const wished = roundDown(wish.receive)
  const left = offer - wish.stack
  if (!wish.copy && left >= Math.min(LEAST_RECEIVE, wished)) {
    const receive = Math.min(wished, roundDown(left))
    return { shared: wish.stack, copy: 0, receive, total: wish.stack + receive }
  }
  const receive = Math.min(wished, roundDown(offer >>> 1))
  const copy = Math.min(MOST_COPY, offer - receive)
  if (copy < LEAST_COPY || receive < LEAST_RECEIVE) return undefined
  return { shared: 0, copy, receive, total: copy + receive }
}

function roundDown(pages: number): number {
  return pages - (pages % UNIT)
}

/** Pages of the next request: the largest power of two that is left, 8 at most. Every total can be made so (CT-06). */
export function chunkOf(left: number): number {
  if (left >= MAPBUF_MAX_PAGES) return MAPBUF_MAX_PAGES
  if (left >= 4) return 4
  return left >= 2 ? 2 : left
}
