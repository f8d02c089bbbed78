import type { Arena, BackendVif, Closable, FrontendVif, GrantRef, Page, Vi } from '@netaccel/core'
import type { Scene } from '../bench/scene.js'
import type { Act } from '../kit/act.js'
import { around } from '../record/around.js'
import { vary } from '../record/vary.js'

export interface Torn {
  readonly scene: Scene
  /** Pages that a VI was given to reach. */
  readonly reachable: number
  /** Of those, let go while it was not quiet. */
  readonly early: number
  /** Pages whose grants could not be ended, and of those the ones written to afterwards. */
  readonly withheld: number
  readonly written: number
}

const PAGE = 4096
const PATTERN = 0xa5

export const torn: Act<Torn> = {
  name: 'torn',
  title: 'detaching under load; each grant that a half ends itself is still in use at the other end',
  async run(kit) {
    const order = new Order()
    const grants = new Withheld()
    const bench = await kit.bench({
      rig: around(() => ({
        backendVif: (doors) => vary<BackendVif>(doors, order.watch(doors, [])),
        frontendVif: (doors) => grants.watch(doors),
        vif: (inner) =>
          vary(inner, {
            async remove(reason, signal) {
              await inner.remove(reason, signal)
              grants.look()
            },
          }),
      })),
    })
    await bench.load()
    for (let cycle = 0; cycle < (kit.full ? 6 : 2); cycle += 1) {
      bench.start({ flows: 8, gapNs: 60_000 })
      await bench.for(2)
      await bench.unload()
      await bench.load()
    }
    const scene = await bench.finish('torn')
    const { reachable, early } = order
    return { scene, reachable, early, withheld: grants.count, written: grants.written }
  },
}

/** In which order a backend half takes down what a VI can reach. */
class Order {
  reachable = 0
  early = 0
  /** The VI that may reach a page still. */
  private readonly reaches = new Map<Page, Vi>()

  /** `own`: pages that were mapped, or taken as memory, through these doors; those of a child are judged when it closes. */
  watch(doors: BackendVif, own: Page[]): Partial<BackendVif> {
    return {
      arena: (pages) => {
        const arena = doors.arena(pages)
        own.push(...arena.pages)
        return arena
      },
      map: (refs, access, from) => {
        const mapping = doors.map(refs, access, from)
        if (typeof mapping !== 'number') own.push(...mapping.pages.map(({ page }) => page))
        return mapping
      },
      createVi: (request) => {
        const vi = doors.createVi(request)
        if (typeof vi !== 'string') this.follow(vi)
        return vi
      },
      child: (name) => {
        const pages: Page[] = []
        const child = doors.child(name)
        return vary<BackendVif & Closable>(child, {
          ...this.watch(child, pages),
          close: () => {
            this.release(pages)
            return child.close()
          },
        })
      },
    }
  }

  /** Filters are for the door's own object, so it is changed and not varied. */
  private follow(vi: Vi): void {
    const register = vi.register.bind(vi)
    const quiesce = vi.quiesce.bind(vi)
    const close = vi.close.bind(vi)
    vi.register = (pages) => {
      for (const page of pages) this.reaches.set(page, vi)
      this.reachable += pages.length
      return register(pages)
    }
    vi.quiesce = async (signal) => {
      await quiesce(signal)
      this.forget(vi)
    }
    vi.close = () => {
      this.forget(vi)
      close()
    }
  }

  private forget(vi: Vi): void {
    for (const [page, by] of this.reaches) if (by === vi) this.reaches.delete(page)
  }

  private release(pages: readonly Page[]): void {
    for (const page of pages) if (this.reaches.delete(page)) this.early += 1
  }
}

/** Grants that a frontend half ends itself: the host says that they are in use still. */
class Withheld {
  count = 0
  written = 0
  private readonly arenas: Arena[] = []
  private readonly pageOf = new Map<GrantRef, Page>()
  private readonly watched: { readonly arena: Arena; readonly at: number }[] = []

  watch(doors: FrontendVif): FrontendVif {
    return vary(doors, {
      arena: (pages) => {
        const arena = doors.arena(pages)
        this.arenas.push(arena)
        return arena
      },
      grant: (page, access, to) => {
        const ref = doors.grant(page, access, to)
        this.pageOf.set(ref, page)
        return ref
      },
      endGrant: (ref) => {
        const page = this.pageOf.get(ref)
        const arena = this.arenas.findLast(({ pages }) => page !== undefined && pages.includes(page))
        if (page === undefined || arena === undefined) return doors.endGrant(ref)
        const at = arena.offset + arena.pages.indexOf(page) * PAGE
        arena.bytes.fill(PATTERN, at, at + PAGE)
        this.watched.push({ arena, at })
        this.count += 1
        return false
      },
    })
  }

  look(): void {
    for (const { arena, at } of this.watched.splice(0))
      if (arena.bytes.subarray(at, at + PAGE).some((byte) => byte !== PATTERN)) this.written += 1
  }
}
