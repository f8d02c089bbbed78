// The bookkeeping of MEM-03, over doors that only hand out numbers: what is judged is the order of the calls.
import type { Arena, BackendVif, Closable, GrantRef, Mapping, Page, ProbedVif, Vi } from '@netaccel/core'
import { expect, it } from 'vitest'
import { Takedown } from './takedown.js'

type Half = (vif: BackendVif) => ProbedVif['remove']

let pages = 0
const some = (count: number): Page[] => Array.from({ length: count }, () => pages++ as Page)

function doors(): BackendVif & Closable {
  const vif: Partial<BackendVif & Closable> = {
    arena: (count) => ({ pages: some(count) }) as unknown as Arena,
    map: (refs) =>
      ({ pages: some(refs.length).map((page) => ({ page })), unmap: () => {} }) as unknown as Mapping,
    createVi: () => {
      let address = 0
      const vi: Partial<Vi> = {
        register: () => address++,
        unregister: () => {},
        quiesce: () => Promise.resolve(),
        close: () => {},
      }
      return vi as Vi
    },
    child: () => doors(),
    close: () => Promise.resolve(),
  }
  return vif as BackendVif & Closable
}

const REFS = [1, 2, 3] as GrantRef[]
const NOTHING = (): void => {}
const viOf = (vif: BackendVif): Vi =>
  vif.createVi({ owner: 1, events: 1, tx: 1, rx: 1, rings: vif.arena(1) }) as Vi
/** Registers what it maps. */
const map = (vif: BackendVif, vi: Vi): Mapping => {
  const mapping = vif.map(REFS, 'rw') as Mapping
  vi.register(mapping.pages.map(({ page }) => page))
  return mapping
}

it.each<[string, number, Half]>([
  [
    'leaves all to its own scope, and mapped before it made the VI',
    0,
    (vif) => {
      const mapping = vif.map(REFS, 'rw') as Mapping
      viOf(vif).register(mapping.pages.map(({ page }) => page))
      return NOTHING
    },
  ],
  [
    'leaves all to its own scope, and mapped afterwards',
    3,
    (vif) => {
      map(vif, viOf(vif))
      return NOTHING
    },
  ],
  [
    'unmaps by itself, before the VI is quiet',
    3,
    (vif) => {
      const vi = viOf(vif)
      const mapping = map(vif, vi)
      return async (_, signal) => {
        mapping.unmap()
        await vi.quiesce(signal)
      }
    },
  ],
  [
    'unmaps by itself, once the VI is quiet',
    0,
    (vif) => {
      const vi = viOf(vif)
      const mapping = map(vif, vi)
      return async (_, signal) => {
        await vi.quiesce(signal)
        mapping.unmap()
      }
    },
  ],
  [
    'unregisters one mapping while the VI runs, and closes that before the mapping goes',
    0,
    (vif) => {
      const vi = viOf(vif)
      const mapping = vif.map(REFS, 'rw') as Mapping
      vi.unregister(vi.register(mapping.pages.map(({ page }) => page)), 3)
      mapping.unmap()
      return () => vi.close()
    },
  ],
  [
    'closes a child with the memory of a VI that is not quiet',
    3,
    (vif) => {
      const vi = viOf(vif)
      const memory = vif.child('memory')
      map(memory, vi)
      return () => memory.close()
    },
  ],
  [
    'closes a child with a VI and what was mapped for it before',
    0,
    (vif) => {
      const child = vif.child('all')
      const mapping = child.map(REFS, 'rw') as Mapping
      viOf(child).register(mapping.pages.map(({ page }) => page))
      return () => child.close()
    },
  ],
])('MEM-03: a half that %s: %d pages early', async (_, early, half) => {
  const takedown = new Takedown()
  const watched = takedown.watch(doors())
  const probed = takedown.leaving({ remove: half(watched) }, watched)
  await probed.remove('unloaded', new AbortController().signal)
  expect([takedown.reachable, takedown.early]).toEqual([3, early])
})
