import { FailDoor } from '@netaccel/core'
import type { Scene } from '../bench/scene.js'
import type { Act, Kit } from '../kit/act.js'

/** One failed attachment, and the next one in the same generation. */
export interface Refused {
  readonly scene: Scene
  /** The door that failed, and which call of its half that was. Undefined: the half makes fewer calls. */
  readonly door: string | undefined
  readonly call: number
  /** Phase of the first guest's vif after the failure, and after it was asked to attach again. */
  readonly failed: string
  readonly next: string
}

/** A door fails while the frontend half attaches; then the vif is asked to attach again, to the same generation. */
export const refused: Act<readonly Refused[]> = {
  name: 'refused',
  title: 'a call of a door fails while the guest attaches, then it attaches again',
  async run(kit) {
    const found: Refused[] = []
    const calls = kit.full ? Array.from({ length: 24 }, (_, call) => call) : [0, 2, 5]
    for (const call of calls) {
      const one = await refuse(kit, call)
      found.push(one)
      if (one.door === undefined) break
    }
    return found
  },
}

async function refuse(kit: Kit, call: number): Promise<Refused> {
  const fails = new FailDoor(call)
  let due = true
  const bench = await kit.bench({
    faultsOf: (side) => {
      if (side !== 'frontend' || !due) return null
      due = false
      return fails
    },
  })
  const [vif] = bench.vifs
  await bench.bringIn('a')
  const failed = vif.phase
  await bench.wishOf(vif.path, false)
  await bench.wishOf(vif.path, true)
  const next = vif.phase
  return { scene: await bench.finish('refused'), door: fails.failed, call, failed, next }
}
