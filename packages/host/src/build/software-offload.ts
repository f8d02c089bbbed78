// Stage 6s of a frame's way out, for hardware that neither cuts nor sums: what Linux does in validate_xmit_skb.
import { copyBytes, fillChecksum, type Frame, FramePool, poolBytes, Segmenter } from '@netaccel/packet'
import { type Arena, type Domain, PAGE_SIZE } from '@netaccel/xen'

/** Frames for segments and for checksums that are filled in a copy: what stands in a queue of this class. */
const FRAMES = 64
const BYTES = 2048

/**
 * Makes of each frame what any Ethernet NIC can send: segments of the wire with finished checksums. It holds one frame at
 * a time, of which some segments may have been taken and others not.
 */
export class SoftwareOffload {
  readonly #domain: Domain
  readonly #arena: Arena
  readonly #pool: FramePool<Arena>
  readonly #segmenter = new Segmenter()
  readonly #out: (frame: Frame) => 'taken' | 'full'
  #cut: Frame | null = null
  #next = 0
  /** A finished piece that found no room. */
  #piece: Frame | null = null
  #closed = false

  /** `out`: takes a piece, or says that there is no room. Throws what the extent throws for want of pages. */
  constructor(domain: Domain, out: (frame: Frame) => 'taken' | 'full', room: () => void) {
    this.#domain = domain
    this.#out = out
    this.#arena = domain.extent.allocPages(Math.ceil(poolBytes(FRAMES, BYTES) / PAGE_SIZE))
    this.#pool = new FramePool(this.#arena, { frames: FRAMES, bytesEach: BYTES })
    this.#pool.onFree = () => {
      if (this.#closed) this.#giveBack()
      else room()
    }
  }

  /** 'taken': it goes out whole, now or as room appears. 'full': the caller's. */
  transmit(frame: Frame): 'taken' | 'full' {
    if (!this.flush()) return 'full'
    if (frame.gsoSize > 0 && this.#segmenter.begin(frame) && this.#segmenter.longest <= BYTES) {
      this.#cut = frame
      this.#next = 0
      this.flush()
      return 'taken'
    }
    if (frame.checksum !== 'blank') return this.#out(frame)
    const { engine } = this.#domain
    if (frame.holders === 1) {
      fillChecksum(frame)
      engine.charge('byteSummed', frame.length)
      return this.#out(frame)
    }
    // No NIC of this kind sends it: the cable says so, and drops it.
    if (frame.length > BYTES) return this.#out(frame)
    const copy = this.#pool.take()
    if (copy === undefined) return 'full'
    copy.length = frame.length
    copy.describeAs(frame)
    copyBytes(copy.words, copy.offset, frame.words, frame.offset, frame.length)
    fillChecksum(copy)
    engine.charge('byteCopied', copy.length)
    engine.charge('byteSummed', copy.length)
    frame.release()
    this.#piece = copy
    this.flush()
    return 'taken'
  }

  /** Send on what is held. True: nothing is. */
  flush(): boolean {
    for (;;) {
      // Out of the field first: hardware that drops it at once gives it back, and that asks for the next one.
      const held = this.#piece
      this.#piece = null
      if (held !== null && this.#out(held) === 'full') {
        this.#piece = held
        return false
      }
      const frame = this.#cut
      if (frame === null) return true
      const piece = this.#pool.take()
      if (piece === undefined) return false
      this.#segmenter.write(this.#next, piece)
      piece.checksum = 'none'
      this.#domain.engine.charge('byteCopied', piece.length)
      this.#domain.engine.charge('byteSummed', piece.length)
      this.#piece = piece
      if (++this.#next < this.#segmenter.count) continue
      this.#segmenter.end()
      this.#cut = null
      frame.release()
    }
  }

  /** What is held is given up: its wire segments. The pages go back when the hardware has let go of the last piece. */
  close(): number {
    const left = this.#cut === null ? 0 : this.#segmenter.count - this.#next
    const held = left + (this.#piece === null ? 0 : 1)
    const [cut, piece] = [this.#cut, this.#piece]
    this.#cut = null
    this.#piece = null
    this.#closed = true
    cut?.release()
    if (piece === null) this.#giveBack()
    else piece.release()
    return held
  }

  #giveBack(): void {
    if (this.#pool.free === this.#pool.size) this.#domain.extent.freePages(this.#arena)
  }
}
