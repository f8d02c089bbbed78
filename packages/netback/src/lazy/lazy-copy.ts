import { Random, wordsOf } from '@netaccel/packet'
import type { Frame, WordView } from '@netaccel/packet'
import { MAP_BATCH } from '@netaccel/xen'
import type { CopyEngine, Domain, Engine, GrantMapBatch, Timer, VmArea, Work } from '@netaccel/xen'
import type { BackQueueCounters } from '../counters.js'
import { AgeList } from './age-list.js'
import { NetbackError } from '../errors.js'
import type { TxResponses } from '../tx-responses.js'
import { COPIED, GuestFragments } from './guest-fragments.js'
import type { FragmentOwner } from './guest-fragments.js'
import { LocalPages } from './local-pages.js'
import type { LazyCopyMode } from './modes.js'
import { MAX_PENDING, NONE, PendingSlots } from './pending-slots.js'

/** A page that has been with a packet for so long is copied, ns (Linux 2.6.18-xen netback.c: HZ / 2). */
export const COPY_AGE_NS = 0.5e9
/** So long after the oldest page came it is looked whether it is still there, ns (HZ). */
export const COPY_TIMER_NS = 1e9
/** When a round could not copy all that is old, the next one comes not sooner, ns: a tick. */
const RETRY_NS = 10e6
/** Pages of the VM area: one for each slot, the rest for copies. */
const AREA_PAGES = 1024

export interface LazyCopyParts {
  readonly domain: Domain
  /** The queue's. */
  readonly engine: Engine
  readonly guest: number
  readonly mode: LazyCopyMode
  readonly counters: BackQueueCounters
  readonly work: Work
  readonly responses: TxResponses
  /** Frames of the queue's pool. */
  readonly frames: number
  /** A seed: requests whose pages are let go together are answered in any order, for finding frontends that count on one. */
  readonly permuteReturns?: number | undefined
}

/** What became of an attempt to copy a page, by the errno of the original's gnttab_copy_grant_page. */
export type CopyOutcome = 'copied' | 'ENOENT' | 'EBUSY' | 'ENOMEM'

/**
 * Lazy copying (Herbert Xu, May 2007): the pages of what a guest sends stay mapped while the packet is on its way. Most
 * leave soon. One that lingers is copied: a page of our own is put under the packet, whose readers notice nothing, and the
 * guest gets its page back while the packet lives.
 */
export class LazyCopy implements FragmentOwner {
  readonly mode: LazyCopyMode
  readonly slots: PendingSlots
  readonly area: VmArea
  readonly maps: GrantMapBatch
  readonly words: WordView
  readonly table: Int32Array
  readonly grefs: Uint32Array
  readonly copies: CopyEngine
  readonly base: number
  readonly bytes: Uint8Array
  /** Schedules the queue's poll, which calls {@link action}; null: the guest is not connected, and nobody polls. */
  wake: (() => void) | null
  private readonly parts: LazyCopyParts
  private readonly engine: Engine
  private readonly local: LocalPages
  /** By frame. */
  private readonly fragments: readonly GuestFragments[]
  private readonly random: Random | null
  /** Packets that may have to be copied: in the mode 'delayed', and not those that a device reads. */
  private readonly ages: AgeList
  private readonly time: Float64Array
  private flying: number
  private timer: Timer | null
  private waiting: boolean
  private closing: boolean
  private disposed: boolean

  /** Throws what the extent and the machine throw when they have not the pages; nothing is kept then. */
  constructor(parts: LazyCopyParts) {
    const { domain, frames, guest, mode, permuteReturns } = parts
    const { extent, grantOps, machine } = domain
    this.parts = parts
    this.mode = mode
    this.engine = parts.engine
    this.slots = new PendingSlots()
    this.grefs = this.slots.gref
    this.area = domain.vmArea(AREA_PAGES)
    this.table = this.area.table
    this.words = wordsOf(machine.bytes)
    this.copies = grantOps.engine
    this.base = extent.base
    this.bytes = extent.bytes
    try {
      this.maps = domain.mapBatch(this.area)
    } catch (error) {
      this.area.dispose()
      throw error
    }
    this.local = new LocalPages(domain, this.area, MAX_PENDING)
    this.fragments = Array.from({ length: frames }, (_, frame) => new GuestFragments(this, frame, guest))
    this.random = permuteReturns === undefined ? null : new Random(permuteReturns)
    this.ages = new AgeList(frames)
    this.time = new Float64Array(1)
    this.wake = null
    this.flying = 0
    this.timer = null
    this.waiting = false
    this.closing = false
    this.disposed = false
  }

  /** Packets whose pages are mapped for their sake: what keeps a guest's memory (Linux inflight_packets). */
  get inflight(): number {
    return this.flying
  }

  /** Pages of our own that have taken the place of guests' pages. */
  get localPages(): number {
    return this.local.used
  }

  /** The fragments of a frame that has just been taken, empty. */
  fragmentsOf(frame: Frame): GuestFragments {
    const fragments = this.fragments[frame.index]
    fragments.begin()
    return fragments
  }

  /** Once for each batch: the time for {@link launch}. */
  stamp(): void {
    this.engine.stamp(this.time, 0)
  }

  /** The pages of the frame's fragments are mapped, and it goes on its way. */
  launch(frame: Frame, fragments: GuestFragments): void {
    frame.fragments = fragments
    this.flying++
    this.parts.counters.tx_zerocopy_sent++
    if (this.mode === 'delayed') this.ages.add(frame.index, this.time)
  }

  /** The last release of a frame: before it can be taken again. */
  departed(frame: Frame): void {
    const fragments = this.fragments[frame.index]
    if (!fragments.live) return
    frame.fragments = null
    this.letGo(fragments)
    this.told()
  }

  linearised(fragments: GuestFragments): void {
    fragments.copied = true
    // A device still reads the pages: they go when the frame has left.
    if (fragments.dma !== 0) return
    this.letGo(fragments)
    this.told()
  }

  /** What a poll does beside taking packets: let go what has left, copy what lingers, see to the timer. */
  action(): void {
    this.copyOld(COPY_AGE_NS)
    if (this.ages.oldest !== NONE) this.watch()
  }

  /**
   * The guest is gone, or going. Nothing is answered any more, and what lingers is copied at once, so that its memory is
   * free; what is not to be copied, or cannot, keeps it until the packet has left.
   */
  disconnect(): void {
    this.wake = null
    this.slots.forgetIds()
    this.settle(Number.NEGATIVE_INFINITY)
  }

  /** Ends it. The area goes back with the last packet. */
  close(): void {
    this.closing = true
    this.settle(Number.NEGATIVE_INFINITY)
  }

  /**
   * Copy one page that a packet has. ENOENT: the packet has left, or the page is a copy. EBUSY: a device reads it, so nothing
   * may be put in its place. ENOMEM: there is no page for it.
   */
  copy(fragments: GuestFragments, at: number): CopyOutcome {
    const { counters, domain, work } = this.parts
    const { local, slots } = this
    const slot = fragments.slots[at]
    if (!fragments.live || slot === COPIED) return 'ENOENT'
    counters.copied_skbs++
    // Before anything is exchanged: the first version of the original swapped the page, and then asked.
    if (fragments.dma !== 0) return 'EBUSY'
    const page = local.take()
    if (page === NONE) return 'ENOMEM'
    const length = fragments.lengths[at]
    const mapped = slots.page[slot]
    this.copies.copy(this.table[page] + fragments.offsets[at], fragments.place(at), length)
    work.bytesCopied += length
    work.grantOps++
    const [under, from] = [this.area.addressOf(mapped), this.area.addressOf(page)]
    if (domain.grantOps.unmapAndReplace(slots.handle[slot], under, from) !== 0) {
      local.give(page)
      return 'EBUSY'
    }
    local.moved(page, mapped)
    slots.page[slot] = page
    slots.handle[slot] = NONE
    fragments.slots[at] = COPIED
    fragments.copied = true
    slots.end(slot)
    if (--fragments.mapped === 0) this.conclude(fragments)
    return 'copied'
  }

  /** Let go what has left, then copy what is older than `age`, and again, since what was copied is to be let go too. */
  private copyOld(age: number): void {
    const { ages, slots } = this
    this.deallocate()
    while (ages.oldest !== NONE) {
      this.engine.stamp(this.time, 0)
      this.copyRound(age)
      if (slots.endingCount === 0) return
      this.deallocate()
    }
  }

  private copyRound(age: number): void {
    const { ages } = this
    let frame = ages.oldest
    while (frame !== NONE && ages.isOld(frame, this.time, age)) {
      const next = ages.after(frame)
      if (!this.copyPacket(this.fragments[frame])) return
      ages.remove(frame)
      frame = next
    }
  }

  /** Copy what a packet has of the guest's pages, unless a device reads them. False: there was no memory for all. */
  private copyPacket(fragments: GuestFragments): boolean {
    for (let i = 0; i < fragments.count; i++) {
      const outcome = this.copy(fragments, i)
      if (outcome === 'ENOMEM') return false
    }
    return true
  }

  /** Unmap what is to be let go, answer it, and free the slots. What has been replaced needs no unmapping. */
  private deallocate(): void {
    const { maps, slots } = this
    const { handle, page } = slots
    for (let ready = slots.endingCount; ready !== 0; ready = slots.endingCount) {
      const count = ready < MAP_BATCH ? ready : MAP_BATCH
      if (this.random !== null) this.permute(this.random, ready)
      maps.resetUnmaps()
      for (let i = 0; i < count; i++) {
        const slot = slots.endingAt(i)
        if (handle[slot] === NONE) continue
        maps.unmap(page[slot], handle[slot])
        handle[slot] = NONE
      }
      this.parts.work.grantOps += maps.unmaps
      if (maps.unmaps !== 0 && maps.runUnmaps() !== 0) throw lostMapping(this.parts.guest)
      this.answer(count)
    }
    if (this.closing) this.dispose()
  }

  /** Answer the first of the slots that are to be let go, and free them. */
  private answer(count: number): void {
    const { slots } = this
    const { responses, work } = this.parts
    for (let i = 0; i < count; i++) {
      const slot = slots.endingAt(i)
      const id = slots.id[slot]
      if (id !== NONE) responses.write(id, slots.status[slot], slots.extras[slot])
      slots.give(slot)
    }
    slots.ended(count)
    work.slots += count
  }

  /** Fisher and Yates. */
  private permute(random: Random, count: number): void {
    for (let i = count - 1; i > 0; i--) this.slots.swapEnding(i, random.below(i + 1))
  }

  /** The frame needs its fragments no more. */
  private letGo(fragments: GuestFragments): void {
    const { local, slots } = this
    this.ages.remove(fragments.frame)
    fragments.live = false
    for (let i = 0; i < fragments.count; i++) {
      const slot = fragments.slots[i]
      if (slot === COPIED) local.give(fragments.pages[i])
      else slots.end(slot)
    }
    if (fragments.mapped === 0) return
    fragments.mapped = 0
    this.conclude(fragments)
  }

  /** None of its pages is needed any more. */
  private conclude(fragments: GuestFragments): void {
    const { counters } = this.parts
    this.flying--
    if (fragments.copied) counters.tx_zerocopy_fail++
    else counters.tx_zerocopy_success++
  }

  /** Something is to be let go. */
  private told(): void {
    if (this.wake !== null) this.wake()
    else this.settle(this.closing ? Number.NEGATIVE_INFINITY : COPY_AGE_NS)
  }

  /** What a poll does, without one. */
  private settle(age: number): void {
    if (this.disposed) return
    this.copyOld(age)
    this.parts.work.settle(this.engine)
    if (this.ages.oldest !== NONE) this.watch()
    if (this.closing) this.dispose()
  }

  /** Also when nothing is to be let go: the original's first version looked only then, and a lone packet was never copied. */
  private watch(): void {
    const { ages } = this
    if (this.waiting || ages.oldest === NONE) return
    this.engine.stamp(this.time, 0)
    const left = ages.sinceOf(ages.oldest) + COPY_TIMER_NS - this.time[0]
    const wait = left > RETRY_NS ? left : RETRY_NS
    this.waiting = true
    if (this.timer === null) this.timer = this.engine.after(wait, () => this.expire())
    else this.timer.again(wait)
  }

  private expire(): void {
    this.waiting = false
    this.told()
  }

  private dispose(): void {
    if (this.disposed || this.slots.free !== MAX_PENDING || this.local.used !== 0) return
    this.disposed = true
    this.timer?.cancel()
    this.maps.dispose()
    this.area.dispose()
  }
}

/** No guest can make this happen: the hypervisor has the pin, and we the handle. */
function lostMapping(guest: number): NetbackError {
  return new NetbackError(
    'BAD_MAPPING',
    `a page of domain ${guest} that was mapped cannot be unmapped: a defect`,
  )
}
