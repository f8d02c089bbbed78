import type { BackendVif, Closable, GrantRef, VifScope, View } from '@netaccel/core'
import { vary } from '../record/vary.js'

type Getter = 'getUint8' | 'getInt8' | 'getUint16' | 'getInt16' | 'getUint32' | 'getInt32'
const GETTERS: readonly Getter[] = ['getUint8', 'getInt8', 'getUint16', 'getInt16', 'getUint32', 'getInt32']

/** What one word reads as, instead of what stands there. */
export interface Change {
  /** As {@link ChangingWords.words} names it. */
  readonly word: string
  readonly value: number
  /** False: at each reading. True: from the second on in one go, as when the other end writes in between. */
  readonly between: boolean
}

/**
 * Pages that two halves share, whose words can change between two readings. Only readings through a `DataView` are seen: words
 * that are read by a typed array of one's own, or by `Atomics`, are what they are. Of rings it is hardware's reading that counts:
 * a guest may look at an entry as often as it likes until it is there.
 */
export class ChangingWords {
  /** Words that were read so far: `frontend 1+28`, byte 28 of the half's first piece of memory. */
  readonly words = new Set<string>()
  change: Change | null = null
  private readonly rings = new Set<GrantRef>()
  private readonly pieces = new Map<string, number>()
  private readsInOneGo = 0

  /** A new attachment: pieces of memory are counted from 1 again. */
  begin(): void {
    this.pieces.clear()
  }

  /** Doors of a vif, or of a child of one. */
  watch(half: string, doors: VifScope): Partial<VifScope> {
    return {
      arena: (pages) => {
        const arena = doors.arena(pages)
        return { ...this.watched(half, arena), pages: arena.pages }
      },
      map: (refs, access, from) => {
        const mapping = doors.map(refs, access, from)
        if (typeof mapping === 'number' || refs.some((ref) => this.rings.has(ref))) return mapping
        const { whole } = mapping
        return {
          pages: mapping.pages.map((page) => ({ ...this.watched(half, page), page: page.page })),
          ...(whole && { whole: this.watched(half, whole) }),
          unmap: () => mapping.unmap(),
        }
      },
      child: (name) => {
        const child = doors.child(name)
        return vary<VifScope & Closable>(child, this.watch(half, child))
      },
    }
  }

  /** As {@link watch}, and what it grants of a VI is hardware's. */
  watchBackend(doors: BackendVif): Partial<BackendVif> {
    const vis = new Set<unknown>()
    const over = (inner: BackendVif): Partial<BackendVif> => ({
      ...(this.watch('backend', inner) as Partial<BackendVif>),
      createVi: (request) => {
        const vi = inner.createVi(request)
        if (typeof vi !== 'string') for (const { page } of vi.pages) vis.add(page)
        return vi
      },
      grant: (page, access, to) => {
        const ref = inner.grant(page, access, to)
        if (vis.has(page)) this.rings.add(ref)
        return ref
      },
      child: (name) => {
        const child = inner.child(name)
        return vary<BackendVif & Closable>(child, over(child))
      },
    })
    return over(doors)
  }

  private watched(half: string, { view, bytes, offset, length }: View): View {
    const piece = (this.pieces.get(half) ?? 0) + 1
    this.pieces.set(half, piece)
    const name = (at: number): string => `${half} ${piece}+${at - offset}`
    const other = new DataView(view.buffer, view.byteOffset, view.byteLength)
    for (const getter of GETTERS)
      other[getter] = (at: number, littleEndian?: boolean) =>
        this.read(name(at), getter, view[getter](at, littleEndian))
    return { view: other, bytes, offset, length }
  }

  private read(word: string, getter: Getter, stands: number): number {
    this.words.add(word)
    const { change } = this
    if (change?.word !== word) return stands
    this.readsInOneGo += 1
    if (this.readsInOneGo === 1) queueMicrotask(() => (this.readsInOneGo = 0))
    return change.between && this.readsInOneGo === 1 ? stands : as(getter, change.value)
  }
}

/** The same bits as the getter would read them. */
function as(getter: Getter, value: number): number {
  const bits = Number(getter.replace(/\D/g, ''))
  const low = bits === 32 ? value >>> 0 : value & (2 ** bits - 1)
  return getter.startsWith('getInt') && low >= 2 ** (bits - 1) ? low - 2 ** bits : low
}
