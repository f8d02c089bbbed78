import type { Closable, VifScope, View } from '@netaccel/core'
import type { Random } from '@netaccel/packet'
import { vary } from '../record/vary.js'

/** One word of a page. */
export interface Word {
  readonly view: DataView
  /** Byte offset. */
  readonly at: number
}

/**
 * The pages that one half has mapped of the other end. Those that it may only read (`ro`) are rings that hardware writes;
 * those that it may write (`rw`), rings that hardware reads.
 */
export class MappedPages {
  readonly pages: View[] = []
  private readonly access: 'ro' | 'rw'
  private readonly rings: () => void
  /** What stood in each at the last {@link note}. */
  private readonly before: Uint32Array[] = []

  /** `rings`: called before each write to a doorbell that the half has mapped. */
  constructor(access: 'ro' | 'rw', rings: () => void = () => undefined) {
    this.access = access
    this.rings = rings
  }

  /** Doors of a vif, or of a child of one, that note what is mapped through them. */
  watch(doors: VifScope): Partial<VifScope> {
    return {
      map: (refs, access, from) => {
        const mapping = doors.map(refs, access, from)
        if (typeof mapping !== 'number' && access === this.access) {
          this.pages.push(...mapping.pages)
          this.note()
        }
        return mapping
      },
      mapIo: (ref) => {
        const page = doors.mapIo(ref)
        if (typeof page === 'number') return page
        return vary(page, {
          write32: (offset, value) => {
            this.rings()
            page.write32(offset, value)
          },
        })
      },
      child: (name) => {
        const child = doors.child(name)
        return vary<VifScope & Closable>(child, this.watch(child))
      },
    }
  }

  /** Words that are other ones than at the last {@link note}. */
  written(): Word[] {
    const found: Word[] = []
    for (const [index, { view, offset, length }] of this.pages.entries())
      for (let word = 0; word < length >>> 2; word += 1)
        if (view.getUint32(offset + 4 * word) !== this.before[index][word])
          found.push({ view, at: offset + 4 * word })
    return found
  }

  /** What stands there now has been seen. */
  note(): void {
    for (const [index, { view, offset, length }] of this.pages.entries()) {
      this.before[index] ??= new Uint32Array(length >>> 2)
      const words = this.before[index]
      for (let word = 0; word < words.length; word += 1) words[word] = view.getUint32(offset + 4 * word)
    }
  }

  /** Writes the same word everywhere. */
  fill(word: number): void {
    for (const { view, offset, length } of this.pages)
      for (let at = offset; at < offset + length; at += 4) view.setUint32(at, word)
  }
}

/** Turns one bit over, and gives what turns it back if nobody has written there since. */
export function flip({ view, at }: Word, random: Random): () => void {
  const before = view.getUint32(at)
  const after = (before ^ (1 << random.below(32))) >>> 0
  view.setUint32(at, after)
  return () => {
    if (view.getUint32(at) === after) view.setUint32(at, before)
  }
}
