import { CONTRACT_VERSIONS } from '@netaccel/core'
import type { VersionRange } from '@netaccel/core'
import type { Scene } from '../bench/scene.js'
import type { Act } from '../kit/act.js'

/** A host that provides one version of the contract, and what came of a load there. */
export interface AtVersion {
  readonly version: number
  /** Every half's range has it. */
  readonly inside: boolean
  /** This kit knows the doors of that version. */
  readonly known: boolean
  readonly scene: Scene
}

/** Hosts at one below, the lowest, the highest, and one above of what the manifest says. */
export const versions: Act<readonly AtVersion[]> = {
  name: 'versions',
  title: 'loaded into hosts that provide older and newer versions of the contract',
  bare: true,
  async run(kit) {
    const { frontend, backend } = kit.subject.manifest.apiVersion
    const ranges = [frontend, backend].filter((range): range is VersionRange => range !== undefined)
    const asked = new Set(ranges.flatMap(([min, max]) => [min - 1, min, max, max + 1]))
    const found: AtVersion[] = []
    for (const version of [...asked].filter((each) => each >= 1).toSorted((a, b) => a - b)) {
      const inside = ranges.every(([min, max]) => min <= version && version <= max)
      const bench = await kit.bench({ versions: [version, version] })
      await bench.load()
      await bench.for(1)
      const scene = await bench.finish('versions')
      found.push({ version, inside, known: version <= CONTRACT_VERSIONS[1], scene })
    }
    return found
  },
}
