import type { HalfName } from '@netaccel/core'
import type { Scene } from '../bench/scene.js'
import type { Act } from '../kit/act.js'
import { kitOf } from '../kit/act.js'
import { readSubject } from '../plugin/subject.js'

export interface Twin {
  readonly scene: Scene
  /** The half that speaks another version. */
  readonly half: HalfName
}

/** One half speaks another version of the conversation than the other. */
export const twins: Act<readonly Twin[]> = {
  name: 'twins',
  title: 'one half speaks another version than the other',
  bare: true,
  unfit: ({ source }) => ((source.twins ?? []).length > 0 ? undefined : 'no twin was given'),
  async run(kit) {
    const { source } = kit.subject
    const found: Twin[] = []
    for (const twin of source.twins ?? []) {
      const subject = readSubject({ ...source, patches: [...(source.patches ?? []), ...twin] })
      const bench = await kitOf({ ...kit, subject }, kit.full).bench()
      await bench.bringIn('a')
      found.push({ scene: await bench.finish('twins'), half: twin[0].half })
    }
    return found
  },
}
