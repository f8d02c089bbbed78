import type { Arena, FrontendVif, GrantRef, Page } from '@netaccel/core'
import type { Scene } from '../bench/scene.js'
import type { Act } from '../kit/act.js'
import { around } from '../record/around.js'
import { vary } from '../record/vary.js'
import { Takedown } from './takedown.js'

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
    const takedown = new Takedown()
    const grants = new Withheld()
    const bench = await kit.bench({
      rig: around(() => ({
        backendVif: (doors) => takedown.watch(doors),
        probed: (inner, doors) => takedown.leaving(inner, doors),
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
    bench.start({ flows: 8, gapNs: 60_000 })
    for (let cycle = 0; cycle < (kit.full ? 6 : 2); cycle += 1) {
      await bench.for(2)
      await bench.unload()
      await bench.load()
    }
    const scene = await bench.finish('torn')
    const { reachable, early } = takedown
    return { scene, reachable, early, withheld: grants.count, written: grants.written }
  },
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
