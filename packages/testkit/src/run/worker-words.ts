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
  readonly traits: boolean
  /** Where the hook last entered is written. */
  readonly mark: SharedArrayBuffer
}

/** To the worker: the name of the act that it shall run next. */
export type WorkerTask = string

export type WorkerWord =
  /** It waits for a task. */
  | { readonly kind: 'ready' }
  | { readonly kind: 'ends'; readonly shown: readonly Shown[] }
  /** The act could not be carried out. */
  | { readonly kind: 'broken'; readonly error: string }
