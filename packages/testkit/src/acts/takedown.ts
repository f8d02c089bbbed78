import type { BackendVif, Closable, Mapping, Page, ProbedVif, Vi } from '@netaccel/core'
import { vary } from '../record/vary.js'

/** What was taken through the doors of one scope, oldest first: it goes newest first when the scope closes. */
interface Holding {
  readonly taken: (readonly Page[] | Vi | Holding)[]
  /** The VI that may reach a page still; one for all scopes of a vif. Pages are numbered by host. */
  readonly reaches: Map<Page, Vi>
}

/** In which order a backend half takes down what a VI can reach, by itself or by leaving it to its scopes. */
export class Takedown {
  /** Pages that a VI was given to reach. */
  reachable = 0
  /** Of those, let go while it was not quiet. */
  early = 0
  private readonly scopes = new WeakMap<BackendVif, Holding>()

  watch(doors: BackendVif): BackendVif {
    const holding: Holding = { taken: [], reaches: new Map() }
    const watched = vary(doors, this.doors(doors, holding))
    this.scopes.set(watched, holding)
    return watched
  }

  /** The host closes the vif's own scope when the half has left. */
  leaving(inner: ProbedVif, watched: BackendVif): ProbedVif {
    return vary(inner, {
      remove: async (reason, signal) => {
        try {
          await inner.remove(reason, signal)
        } finally {
          const holding = this.scopes.get(watched)
          if (holding !== undefined) this.close(holding)
        }
      },
    })
  }

  private doors(doors: BackendVif, holding: Holding): Partial<BackendVif> {
    const { taken } = holding
    return {
      arena: (pages) => {
        const arena = doors.arena(pages)
        taken.push(arena.pages)
        return arena
      },
      map: (refs, access, from) => {
        const mapping = doors.map(refs, access, from)
        return typeof mapping === 'number' ? mapping : this.mapped(mapping, holding)
      },
      createVi: (request) => {
        const vi = doors.createVi(request)
        if (typeof vi === 'string') return vi
        this.follow(vi, holding.reaches)
        taken.push(vi)
        return vi
      },
      child: (name) => {
        const child = doors.child(name)
        const inner: Holding = { taken: [], reaches: holding.reaches }
        taken.push(inner)
        return vary<BackendVif & Closable>(child, {
          ...this.doors(child, inner),
          close: () => {
            this.close(inner)
            return child.close()
          },
        })
      },
    }
  }

  /** Rings may lie in a mapping, and filters are for a VI: both are asked for by the door's own object, which is changed. */
  private mapped(mapping: Mapping, { taken, reaches }: Holding): Mapping {
    const pages = mapping.pages.map(({ page }) => page)
    taken.push(pages)
    const unmap = mapping.unmap.bind(mapping)
    mapping.unmap = () => {
      this.letGo(pages, reaches)
      unmap()
    }
    return mapping
  }

  private follow(vi: Vi, reaches: Holding['reaches']): void {
    const register = vi.register.bind(vi)
    const unregister = vi.unregister.bind(vi)
    const quiesce = vi.quiesce.bind(vi)
    const close = vi.close.bind(vi)
    const at = new Map<number, readonly Page[]>()
    vi.register = (pages) => {
      const address = register(pages)
      if (address < 0) return address
      at.set(address, [...pages])
      for (const page of pages) reaches.set(page, vi)
      this.reachable += pages.length
      return address
    }
    vi.unregister = (address, pages) => {
      unregister(address, pages)
      for (const page of at.get(address) ?? []) reaches.delete(page)
      at.delete(address)
    }
    vi.quiesce = async (signal) => {
      await quiesce(signal)
      forget(vi, reaches)
    }
    vi.close = () => {
      forget(vi, reaches)
      close()
    }
  }

  private close({ taken, reaches }: Holding): void {
    for (const entry of taken.splice(0).reverse()) {
      if ('taken' in entry) this.close(entry)
      else if ('register' in entry) forget(entry, reaches)
      else this.letGo(entry, reaches)
    }
  }

  private letGo(pages: readonly Page[], reaches: Holding['reaches']): void {
    for (const page of pages) if (reaches.delete(page)) this.early += 1
  }
}

/** The VI is quiet. */
function forget(vi: Vi, reaches: Holding['reaches']): void {
  for (const [page, by] of reaches) if (by === vi) reaches.delete(page)
}
