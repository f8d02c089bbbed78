import type {
  DomainId,
  Frame,
  FramePool,
  HardwareContext,
  HardwareWire,
  Mac,
  Page,
  View,
} from '../contract/index.js'
import { AcceleratorError } from '../errors.js'
import type { GenerationFacts, OpenScope } from '../loader-types.js'
import { HalfDoors } from './half-doors.js'
import type { HalfScopeParts } from './half-scope.js'
import type { PluginPool } from './plugin-pool.js'
import { takePool } from './pool-door.js'
import { ScopeBook } from './scope-book.js'
import { DoorTally } from './tally.js'

/** What a host has for the hardware of one NIC: the socket for its cable, its bus, and the way into the bridge. */
export interface HardwareBench {
  readonly mac: Mac
  readonly wire: HardwareWire
  /** The frame is the host's. */
  received(frame: Frame): void
  /** The bytes of a page that is RAM of `owner`; undefined for any other. */
  memory(page: Page, owner: DomainId): View | undefined
  ioPage(written: (offset: number, value: number) => void): Page
  freeIoPage(page: Page): void
}

/** The scope of one NIC's hardware half. */
class HardwareDoors extends HalfDoors implements HardwareContext {
  readonly mac: Mac
  readonly wire: HardwareWire
  readonly #book: ScopeBook
  readonly #bench: HardwareBench
  readonly #pools: PluginPool[] = []

  constructor(book: ScopeBook, facts: GenerationFacts, bench: HardwareBench) {
    super(book, facts)
    this.#book = book
    this.#bench = bench
    this.mac = bench.mac
    this.wire = bench.wire
  }

  received(frame: Frame): void {
    if (!this.#book.alive()) return frame.release()
    if (this.#isOurs(frame)) this.#bench.received(frame)
    else this.#book.parts.tally.violation('MEM-05')
  }

  #isOurs(frame: Frame): boolean {
    const pools = this.#pools
    for (let i = 0; i < pools.length; i++)
      if (pools[i].deliver(frame as Parameters<PluginPool['deliver']>[0])) return true
    return false
  }

  pool(frames: number, bytesEach: number): FramePool {
    const pool = takePool(this.#book, frames, bytesEach, () => this.wire.ready())
    this.#pools.push(pool)
    return pool
  }

  memory(page: Page, owner: DomainId): View {
    this.#book.enter('memory')
    const view = this.#bench.memory(page, owner)
    if (view !== undefined) return view
    throw new AcceleratorError('BAD_ARGUMENT', `memory: page ${page} is no memory of domain ${owner}`)
  }

  ioPage(written: (offset: number, value: number) => void): Page {
    const book = this.#book
    book.enter('ioPage')
    const page = this.#bench.ioPage((offset, value) => book.guardWrite(written, offset, value))
    book.take('undo', `I/O page ${page}`, () => this.#bench.freeIoPage(page))
    return page
  }
}

/** Opens the scope of one NIC's hardware half, for the loader's `openHardware`. `parts.engine` is the NIC's. */
export function openHardwareScope(
  parts: HalfScopeParts,
  bench: HardwareBench,
  facts: GenerationFacts,
): OpenScope<HardwareContext> {
  const { description, lease } = facts
  const book = new ScopeBook(facts.name, {
    ...parts,
    lease,
    capabilities: description.capabilities,
    tally: new DoorTally(facts.name),
    counter: (name) => description.counter(name),
    faults: null,
  })
  return { context: new HardwareDoors(book, facts, bench), close: (forced) => book.close(forced) }
}
