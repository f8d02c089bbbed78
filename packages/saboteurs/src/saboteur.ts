import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Manifest, RuleId } from '@netaccel/core'
import type { Patch, PluginSource, VaryHalves } from '@netaccel/testkit'

/** The sound plugins of which saboteurs are variations. */
export type Sound = 'accel-dummy' | 'accel-solarflare-sim' | 'accel-vmdq-sim'

/** A plugin that breaks one rule and no other. */
export interface Saboteur {
  readonly rule: RuleId
  /** What it does wrong: `throws at a frame of 14 bytes`. When it shows is with the rule (`Rule.marks`). */
  readonly title: string
  readonly of: Sound
  /** Either: texts of its artefacts that are replaced. */
  readonly patches?: readonly Patch[]
  /** Or: other objects at its border. */
  readonly vary?: VaryHalves
  /** What its halves are told. */
  readonly options?: Readonly<Record<string, unknown>>
  /** What its manifest says instead. */
  readonly manifest?: Partial<Manifest>
  /** Number in the list of defects that the original still had when it was last published. */
  readonly bug?: number
  /** A hook of it does not return: it is checked under the watchdog, so it is made by `patches`. */
  readonly hangs?: boolean
  /** Shows only in the surroundings of a trait: the acts run again with each. */
  readonly traits?: boolean
  /** Shows only in the full run: it acts too rarely for the quick one. */
  readonly rare?: boolean
}

/** Folder of a sound plugin's package. */
export function folderOf(sound: Sound): string {
  return dirname(fileURLToPath(import.meta.resolve(`@netaccel/${sound}/package.json`)))
}

/** What makes one half of a sound plugin speak another version to the other. */
const TWINS: Readonly<Partial<Record<Sound, PluginSource['twins']>>> = {
  'accel-solarflare-sim': [
    [
      { half: 'backend', find: '{ version: 4096, maxPages }', put: '{ version: 4097, maxPages }' },
      { half: 'backend', find: 'hello.version !== 4096', put: 'hello.version !== 4097' },
    ],
    [
      { half: 'frontend', find: '{ version: 4096, maxPages }', put: '{ version: 4097, maxPages }' },
      { half: 'frontend', find: 'version !== 4096', put: 'version !== 4097' },
    ],
  ],
}

/** A sound plugin as it is. */
export function soundSource(of: Sound): PluginSource {
  const twins = TWINS[of]
  return { folder: folderOf(of), ...(twins && { twins }) }
}

export function sourceOf({ of, patches, vary, manifest, options }: Saboteur): PluginSource {
  return {
    ...soundSource(of),
    ...(patches && { patches }),
    ...(vary && { vary }),
    ...(manifest && { manifest }),
    ...(options && { options }),
  }
}
