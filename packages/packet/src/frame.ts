import { PacketError } from './errors.js'
import type { Fragments } from './fragments.js'
import type { View, WordView } from './memory.js'

/**
 * What is known of a frame's layer 4 checksum.
 * 'none': nothing; the bytes hold what the sender wrote, to be checked by whoever cares.
 * 'blank': the field holds only the pseudo-header sum and must be filled in before a wire sees it.
 * 'verified': checked by someone we trust; need not be checked again.
 */
export type ChecksumState = 'none' | 'blank' | 'verified'

/** What a frame longer than the MTU is to be cut as. */
export type GsoType = 'none' | 'tcpv4' | 'tcpv6'

/** Who takes a frame back when its last reference is released. A {@link FramePool} is one. */
export interface FrameOwner {
  reclaim(frame: Frame): void
}

/**
 * One Ethernet frame: a view on a buffer that it is given and never owns. Contiguous, but for {@link fragments}, up to
 * 64 KiB.
 *
 * The buffer is `capacity` bytes at `start`; the frame is `length` bytes at `offset` within it. What lies before
 * is headroom, what lies behind is tailroom. All offsets count from the beginning of the whole memory, except
 * `checksumStart`, which counts from the beginning of the frame.
 *
 * A frame has one owner at a time, who alone may write it, and ends with {@link release}. Who wants to keep it
 * beyond that takes a {@link hold}.
 */
export class Frame implements View {
  /** The whole memory in which the frame lies; made once and shared by all frames of it. */
  readonly view: DataView
  readonly bytes: Uint8Array
  readonly words: WordView
  /** First byte and size of the buffer. */
  readonly start: number
  readonly capacity: number
  /** Place of this buffer in its pool, 0 up. */
  readonly index: number
  offset: number
  length: number
  checksum: ChecksumState
  /** When 'blank': where the sum begins, from the start of the frame, and where the field is, from there. */
  checksumStart: number
  checksumOffset: number
  /** Payload bytes of each segment to be cut (the MSS); 0: the frame is not to be cut. */
  gsoSize: number
  gsoType: GsoType
  /**
   * The bytes behind the head, if they do not lie in the buffer; null, nearly always: they do. The buffer has room for them,
   * and the head has all headers. Set and cleared by the frame's owner, and given only to those who say that they take it
   * (`scatter` of a bridge's port): everybody else is given frames that are in one piece.
   */
  fragments: Fragments | null
  /** How many frames on the wire this one stands for: the unit of every count. */
  segments: number
  /** A number for tracing, given by whoever brings the frame in; 0: none. */
  id: number
  /** Where the frame came in, in the host's own numbering. */
  origin: number
  /** Flow hash (see `flowHash`), below 2^31 so that no engine boxes it; 0: not computed. */
  hash: number
  /** Link for the queue in which the frame stands; a frame stands in one queue at most. */
  next: Frame | null
  /** Its place in the table of whoever has lent it out; means something only where that table names this frame there. */
  place: number
  private references: number
  private readonly owner: FrameOwner | null

  /** A free frame over a buffer; pools make them. `owner` null: released frames are not taken back by anyone. */
  constructor(words: WordView, start: number, capacity: number, index: number, owner: FrameOwner | null) {
    this.view = words.view
    this.bytes = words.bytes
    this.words = words
    this.start = start
    this.capacity = capacity
    this.index = index
    this.offset = start
    this.length = 0
    this.checksum = 'none'
    this.checksumStart = 0
    this.checksumOffset = 0
    this.gsoSize = 0
    this.gsoType = 'none'
    this.fragments = null
    this.segments = 1
    this.id = 0
    this.origin = 0
    this.hash = 0
    this.next = null
    this.place = 0
    this.references = 0
    this.owner = owner
  }

  /** Make a free frame new: empty, `headroom` bytes into its buffer, with one reference. For its owner only. */
  reset(headroom: number): void {
    if (this.references !== 0) throw inUse(this)
    this.offset = this.start + headroom
    this.length = 0
    this.checksum = 'none'
    this.checksumStart = 0
    this.checksumOffset = 0
    this.gsoSize = 0
    this.gsoType = 'none'
    this.segments = 1
    this.id = 0
    this.origin = 0
    this.hash = 0
    this.next = null
    this.references = 1
  }

  get headroom(): number {
    return this.offset - this.start
  }

  get tailroom(): number {
    return this.start + this.capacity - this.offset - this.length
  }

  /** How many holders would have to release the frame; 0: free. */
  get holders(): number {
    return this.references
  }

  /** Where its last release returns it to; null: nowhere. */
  get home(): FrameOwner | null {
    return this.owner
  }

  /** Keep the frame beyond its owner's release; each hold is ended by one release. */
  hold(): void {
    if (this.references === 0) throw isFree(this)
    this.references++
  }

  /** Give up one reference; the last one returns the frame to its pool, and nobody may touch it any more. */
  release(): void {
    if (this.references === 0) throw releasedTwice(this)
    if (--this.references === 0 && this.owner !== null) this.owner.reclaim(this)
  }

  /** Take over what is known about `from` (checksum, GSO, segments, id, origin, hash), not its bytes or length. */
  describeAs(from: Frame): void {
    this.checksum = from.checksum
    this.checksumStart = from.checksumStart
    this.checksumOffset = from.checksumOffset
    this.gsoSize = from.gsoSize
    this.gsoType = from.gsoType
    this.segments = from.segments
    this.id = from.id
    this.origin = from.origin
    this.hash = from.hash
  }
}

// The errors are made out here: what only a mistake needs would keep the methods from being inlined where they are called.

function inUse(frame: Frame): PacketError {
  return new PacketError(
    'FRAME_QUEUED',
    `frame ${frame.index} is still in use: only a free frame can be reset`,
  )
}

function isFree(frame: Frame): PacketError {
  return new PacketError(
    'FRAME_FREE',
    `frame ${frame.index} is free: it cannot be held after its last release`,
  )
}

function releasedTwice(frame: Frame): PacketError {
  return new PacketError('DOUBLE_RELEASE', `frame ${frame.index} was released more often than it was held`)
}
