import type { Frame, FramePool } from '@netaccel/packet'
import { copyBytes, Random } from '@netaccel/packet'
import type { Engine, Timer } from '@netaccel/xen'

/** Chances, each 0 to 1. */
export interface NoiseSettings {
  readonly loss: number
  readonly corrupt: number
  readonly duplicate: number
  readonly reorder: number
}

/** Frames that one kind of harm has met. */
export class HarmCount {
  frames = 0
  bytes = 0
  /** Of the frames, those to a group address: a bridge behind the wire may have shown them to many. */
  groups = 0

  add(frame: Frame): void {
    this.frames++
    this.bytes += frame.length
    if ((frame.view.getUint8(frame.offset) & 1) !== 0) this.groups++
  }
}

/** A frame that is held back is passed by one to this many later ones, */
const MOST_OVERTAKERS = 3
/** and goes on after this when too few follow to pass it. */
const HOLD_NS = 100_000

/**
 * What one direction of a wire does to frames on purpose, drawn from its seed. Duplication and reordering have streams
 * of their own: whether a frame is doubled does not move which ones are lost.
 */
export class WireNoise {
  /** `wire_loss`, which is a drop as well. */
  readonly lost = new HarmCount()
  /** `wire_corrupt`: delivered with one bit turned over and a bad check sequence, for the receiver to drop. */
  readonly corrupted = new HarmCount()
  /** `wire_duplicate`: delivered once more. Never one that is garbled, so that each harm accounts for itself. */
  readonly duplicated = new HarmCount()
  /** `wire_reorder`: delivered behind a later one. */
  readonly reordered = new HarmCount()
  /** False: every frame passes unharmed, and nothing need be asked. */
  readonly any: boolean
  private readonly settings: NoiseSettings
  private readonly engine: Engine
  private readonly pool: FramePool
  private readonly fly: (slot: Frame) => void
  private readonly badCheck: Uint8Array
  private readonly harm: Random
  private readonly doubles: Random
  private readonly holds: Random
  private readonly whenHeld: () => void
  /** A frame that is held back, how many are to pass it, and how many have. */
  private held: Frame | null
  private overtakers: number
  private passed: number
  private timer: Timer | null

  /** `pool`: the wire's slots, for the second of two. `fly` puts a slot on its way. */
  constructor(
    settings: NoiseSettings,
    seed: string,
    engine: Engine,
    pool: FramePool,
    fly: (slot: Frame) => void,
  ) {
    const { loss, corrupt, duplicate, reorder } = settings
    this.any = loss > 0 || corrupt > 0 || duplicate > 0 || reorder > 0
    this.settings = settings
    this.engine = engine
    this.pool = pool
    this.fly = fly
    this.badCheck = new Uint8Array(pool.size)
    this.harm = new Random(seed)
    this.doubles = this.harm.fork('duplicate')
    this.holds = this.harm.fork('reorder')
    this.whenHeld = () => this.letGo()
    this.held = null
    this.overtakers = 0
    this.passed = 0
    this.timer = null
  }

  /** Frames held back: 0 or 1. */
  get holding(): number {
    return this.held === null ? 0 : 1
  }

  /** True if the check sequence of this slot's frame is wrong. */
  isCorrupt(slot: Frame): boolean {
    return this.badCheck[slot.index] !== 0
  }

  /** The frame is lost here; the caller drops it. */
  loses(slot: Frame): boolean {
    const { loss } = this.settings
    if (loss === 0 || !this.harm.chance(loss)) return false
    this.lost.add(slot)
    return true
  }

  /** Does the rest of its harm to a frame and puts it on its way: now or later, once or twice. */
  pass(slot: Frame): void {
    const { corrupt, duplicate, reorder } = this.settings
    this.badCheck[slot.index] = 0
    if (corrupt > 0 && this.harm.chance(corrupt)) this.garble(slot)
    const twice = duplicate > 0 && this.doubles.chance(duplicate) && !this.isCorrupt(slot)
    if (reorder > 0 && this.holds.chance(reorder) && this.held === null) return this.hold(slot)
    // Before the slot is given away: what has landed may be taken and its slot filled anew within the call.
    const copy = twice ? this.copyOf(slot) : undefined
    this.fly(slot)
    if (copy !== undefined) this.fly(copy)
    if (this.held !== null && ++this.passed === this.overtakers) this.letGo()
  }

  /** A frame that is held back goes on now. */
  letGo(): void {
    const slot = this.held
    if (slot === null) return
    this.timer?.cancel()
    this.timer = null
    this.held = null
    if (this.passed > 0) this.reordered.add(slot)
    this.fly(slot)
  }

  private hold(slot: Frame): void {
    this.held = slot
    this.overtakers = 1 + this.holds.below(MOST_OVERTAKERS)
    this.passed = 0
    this.timer = this.engine.after(HOLD_NS, this.whenHeld)
  }

  /** Undefined: no slot is free for a second one, and the frame stays single. */
  private copyOf(slot: Frame): Frame | undefined {
    const copy = this.pool.take()
    if (copy === undefined) return undefined
    copyBytes(copy.words, copy.offset, slot.words, slot.offset, slot.length)
    copy.describeAs(slot)
    copy.length = slot.length
    this.badCheck[copy.index] = 0
    this.duplicated.add(slot)
    return copy
  }

  private garble(slot: Frame): void {
    this.corrupted.add(slot)
    const at = slot.offset + this.harm.below(slot.length)
    slot.bytes[at] ^= 1 << this.harm.below(8)
    slot.checksum = 'none'
    this.badCheck[slot.index] = 1
  }
}
