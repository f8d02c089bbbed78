import { MAX_MAPTRACK_FRAMES } from './grant-abi.js'
import {
  DOMAIN_MAPTRACK_FREE,
  DOMAIN_MAPTRACK_LIMIT,
  DOMAIN_MAPTRACK_LOCK,
  DOMAIN_MAPTRACK_TABLE,
  DOMAIN_MAPTRACK_USED,
  MAPTRACK_DOMID,
  MAPTRACK_ENTRY_SHIFT,
  MAPTRACK_FLAGS,
  MAPTRACK_FRAME_SHIFT,
  PIN_LOCKED,
} from './hypervisor-layout.js'
import type { Machine } from './machine.js'

const ENTRIES_PER_FRAME = 1 << MAPTRACK_FRAME_SHIFT

export interface Mapping {
  readonly handle: number
  readonly domid: number
  readonly ref: number
  /** GNTMAP_*; 0 never. */
  readonly flags: number
}

/**
 * What one domain has mapped: handle to (domain, reference, flags). Lies in hypervisor pages; grows a frame at a time up
 * to the limit. A hypercall's thread takes the domain's lock for the free list.
 */
export class Maptrack {
  #machine: Machine
  #domid: number
  #record: number
  #maxFrames: number

  constructor(machine: Machine, domid: number, maxFrames = MAX_MAPTRACK_FRAMES) {
    this.#machine = machine
    this.#domid = domid
    this.#record = machine.record(domid)
    this.#maxFrames = Math.min(maxFrames, MAX_MAPTRACK_FRAMES)
  }

  get used(): number {
    return Atomics.load(this.#machine.words, this.#word(DOMAIN_MAPTRACK_USED))
  }

  /** See to it that `count` handles are free, if the limit lets the table grow so far. */
  reserve(count: number): void {
    const { words } = this.#machine
    while (words[this.#word(DOMAIN_MAPTRACK_LIMIT)] - this.used < count) {
      this.#lock()
      try {
        if (!this.#grow()) return
      } finally {
        this.#unlock()
      }
    }
  }

  /** A free handle with its entry's flags still 0; -1 when the table is full. */
  take(): number {
    const { words } = this.#machine
    this.#lock()
    try {
      if (this.#free === -1) this.#grow()
    } catch (error) {
      this.#unlock()
      throw error
    }
    const handle = this.#free
    if (handle >= 0) {
      words[this.#word(DOMAIN_MAPTRACK_FREE)] = words[this.#entry(handle) >> 2]!
      Atomics.add(words, this.#word(DOMAIN_MAPTRACK_USED), 1)
    }
    this.#unlock()
    return handle
  }

  set(handle: number, domid: number, ref: number, flags: number): void {
    const at = this.#entry(handle)
    this.#machine.words[at >> 2] = ref
    Atomics.store(this.#machine.words, (at + MAPTRACK_FLAGS) >> 2, flags | (domid << 16))
  }

  /** Flags of a handle: 0 when it is no mapping, which is also the answer for a handle out of range. */
  flags(handle: number): number {
    if (handle >>> 0 >= this.#machine.words[this.#word(DOMAIN_MAPTRACK_LIMIT)]) return 0
    return Atomics.load(this.#machine.words, (this.#entry(handle) + MAPTRACK_FLAGS) >> 2) & 0xffff
  }

  domid(handle: number): number {
    return this.#machine.halves[(this.#entry(handle) + MAPTRACK_DOMID) >> 1]
  }

  ref(handle: number): number {
    return this.#machine.words[this.#entry(handle) >> 2] >>> 0
  }

  /** The handle is free again. */
  give(handle: number): void {
    const { words } = this.#machine
    const at = this.#entry(handle)
    this.#lock()
    Atomics.store(words, (at + MAPTRACK_FLAGS) >> 2, 0)
    words[at >> 2] = words[this.#word(DOMAIN_MAPTRACK_FREE)]!
    words[this.#word(DOMAIN_MAPTRACK_FREE)] = handle
    Atomics.sub(words, this.#word(DOMAIN_MAPTRACK_USED), 1)
    this.#unlock()
  }

  /** Every mapping the domain holds, by handle. */
  list(): Mapping[] {
    const found: Mapping[] = []
    const limit = this.#machine.words[this.#word(DOMAIN_MAPTRACK_LIMIT)]
    for (let handle = 0; handle < limit; handle++) {
      const flags = this.flags(handle)
      if (flags !== 0) found.push({ handle, domid: this.domid(handle), ref: this.ref(handle), flags })
    }
    return found
  }

  /** The first free handle, -1: there is none. The lock is held. */
  get #free(): number {
    const { words } = this.#machine
    const none = words[this.#word(DOMAIN_MAPTRACK_LIMIT)] === 0
    return none ? -1 : words[this.#word(DOMAIN_MAPTRACK_FREE)]
  }

  /** A frame more, in front of what is free; false: there are as many as may be. */
  #grow(): boolean {
    const machine = this.#machine
    const { words } = machine
    const limit = words[this.#word(DOMAIN_MAPTRACK_LIMIT)]
    const frame = limit / ENTRIES_PER_FRAME
    if (frame >= this.#maxFrames) return false
    const free = this.#free
    if (frame === 0) words[this.#word(DOMAIN_MAPTRACK_TABLE)] = machine.takePages(1)
    words[(words[this.#word(DOMAIN_MAPTRACK_TABLE)] >> 2) + frame] = machine.takePages(1)
    for (let handle = limit; handle < limit + ENTRIES_PER_FRAME; handle++)
      words[this.#entry(handle) >> 2] = handle + 1 < limit + ENTRIES_PER_FRAME ? handle + 1 : free
    words[this.#word(DOMAIN_MAPTRACK_FREE)] = limit
    Atomics.store(words, this.#word(DOMAIN_MAPTRACK_LIMIT), limit + ENTRIES_PER_FRAME)
    return true
  }

  #entry(handle: number): number {
    const { words } = this.#machine
    const frame = words[(words[this.#word(DOMAIN_MAPTRACK_TABLE)] >> 2) + (handle >>> MAPTRACK_FRAME_SHIFT)]
    return frame + ((handle & (ENTRIES_PER_FRAME - 1)) << MAPTRACK_ENTRY_SHIFT)
  }

  #word(field: number): number {
    return (this.#record + field) >> 2
  }

  #lock(): void {
    const { words } = this.#machine
    while (
      Atomics.compareExchange(words, this.#word(DOMAIN_MAPTRACK_LOCK), 0, PIN_LOCKED | this.#domid) !== 0
    );
  }

  #unlock(): void {
    Atomics.store(this.#machine.words, this.#word(DOMAIN_MAPTRACK_LOCK), 0)
  }
}

/** Give back the maptrack pages of a domain that holds no mapping any more. */
export function discardMaptrack(machine: Machine, domid: number): void {
  const { words } = machine
  const record = machine.record(domid)
  const table = words[(record + DOMAIN_MAPTRACK_TABLE) >> 2]
  const frames = words[(record + DOMAIN_MAPTRACK_LIMIT) >> 2] / ENTRIES_PER_FRAME
  if (table === 0) return
  for (let frame = 0; frame < frames; frame++) machine.givePages(words[(table >> 2) + frame], 1)
  machine.givePages(table, 1)
}
