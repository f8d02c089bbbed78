import type { IoPage, View, VifScope } from '@netaccel/core'
import { ALL_RING_PAGES, BUFFERS, COMPLETIONS, ENTRY_BYTES, PAGE, RING_PAGES, SENDS } from '../layout.js'

/** A ring of the NIC's, page by page, as the guest has it mapped. */
export class MappedRing {
  readonly capacity: number
  private readonly views: readonly DataView[]
  private readonly offsets: Int32Array

  constructor(pages: readonly View[], capacity: number) {
    this.capacity = capacity
    this.views = pages.map(({ view }) => view)
    this.offsets = Int32Array.from(pages, ({ offset }) => offset)
  }

  read(index: number, word: 0 | 4): number {
    const at = (index & (this.capacity - 1)) * ENTRY_BYTES
    const page = at >>> 12
    return this.views[page].getInt32(this.offsets[page] + (at & (PAGE - 1)) + word, true)
  }

  write(index: number, word0: number, word1: number): void {
    const at = (index & (this.capacity - 1)) * ENTRY_BYTES
    const page = at >>> 12
    const offset = this.offsets[page] + (at & (PAGE - 1))
    this.views[page].setInt32(offset, word0, true)
    this.views[page].setInt32(offset + 4, word1, true)
  }
}

/** The queues of the NIC that this guest has. */
export interface MappedQueues {
  /** Address of the first page that was registered for sending, and for receiving. */
  readonly sendBase: number
  readonly receiveBase: number
  readonly done: MappedRing
  readonly sends: MappedRing
  readonly posts: MappedRing
  readonly bell: IoPage
}

/** Map what the driver domain's key names. A string: why not. */
export function mapQueues(scope: VifScope, numbers: readonly number[]): MappedQueues | string {
  const [sendBase, receiveBase, ...refs] = numbers
  if (refs.length !== ALL_RING_PAGES + 1) return `${refs.length} pages of rings`
  const { completions, sends } = RING_PAGES
  const done = scope.map(refs.slice(0, completions), 'ro')
  const rest = scope.map(refs.slice(completions, ALL_RING_PAGES), 'rw')
  const bell = scope.mapIo(refs[ALL_RING_PAGES])
  if (typeof done === 'number' || typeof rest === 'number' || typeof bell === 'number')
    return 'the pages of its rings cannot be mapped'
  return {
    sendBase,
    receiveBase,
    done: new MappedRing(done.pages, COMPLETIONS),
    sends: new MappedRing(rest.pages.slice(0, sends), SENDS),
    posts: new MappedRing(rest.pages.slice(sends), BUFFERS),
    bell,
  }
}
