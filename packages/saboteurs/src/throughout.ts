import type { BackendVif, Closable } from '@netaccel/core'
import { vary } from '@netaccel/testkit'

/** Varies the doors of a backend vif, and those of every child that is made of them. */
export function throughout(vif: BackendVif, over: (doors: BackendVif) => Partial<BackendVif>): BackendVif {
  return vary(vif, {
    ...over(vif),
    child(name) {
      const child = vif.child(name)
      return vary<BackendVif & Closable>(child, {
        ...throughoutOf(child, over),
      })
    },
  })
}

function throughoutOf(
  child: BackendVif & Closable,
  over: (doors: BackendVif) => Partial<BackendVif>,
): Partial<BackendVif & Closable> {
  return { ...over(child), child: (name) => throughout(child, over).child(name) }
}
