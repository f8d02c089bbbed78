// What the two threads say to each other.
import type { RuleId } from '@netaccel/core'
import type { PluginSource } from '../plugin/source.js'
import type { Shown } from './act-run.js'

export interface WorkerOrder {
  readonly plugin: PluginSource
  readonly rules: readonly RuleId[]
  readonly seed: number
  readonly hardware: string | undefined
  readonly full: boolean
  /** Where the hook last entered is written. */
  readonly mark: SharedArrayBuffer
  /** Acts that are not to be run again. */
  readonly done: readonly string[]
}

export type WorkerWord =
  | { readonly kind: 'begins'; readonly act: string }
  | { readonly kind: 'ends'; readonly act: string; readonly shown: readonly Shown[] }
  /** The act could not be carried out. */
  | { readonly kind: 'broken'; readonly act: string; readonly error: string }
  | { readonly kind: 'over' }
