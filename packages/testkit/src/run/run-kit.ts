import { impliedBy } from '@netaccel/core'
import type { RuleId } from '@netaccel/core'
import { monotonicNs } from '@netaccel/xen'
import { CHECKS } from '../checks/index.js'
import { TestkitError } from '../errors.js'
import { kitOf } from '../kit/act.js'
import { readable } from '../plugin/subject.js'
import type { Subject, Unreadable } from '../plugin/subject.js'
import type { PluginSource } from '../plugin/source.js'
import { isHopeless, nameOf, runAct, turnsOf, WHOLE } from './act-run.js'
import type { Shown } from './act-run.js'
import { badWaivers, resultsOf, unreadable } from './results.js'
import type { Results } from './results.js'
import type { KitReport, Waiver } from './types.js'
import { KIT_VERSION } from './version.js'
import { guarded } from './watchdog.js'
import type { HookLimits } from './watchdog.js'

export interface KitOptions {
  /** Folder of the plugin's package, or a variation of it. */
  readonly plugin: string | PluginSource
  /** What the plugin's halves are told, in each world that says nothing else. Small rings show more: they are soon full. */
  readonly options?: Readonly<Record<string, unknown>>
  /** A kind of NIC for the hosts: a folder or the name of a package. Default: what the manifest brings, else nic-sim. */
  readonly hardware?: string
  /** Only these rules, and those that they imply. Default: all. */
  readonly rules?: readonly string[]
  /** False: of `rules` these alone, without those that they imply. */
  readonly implied?: boolean
  /** More cycles, more seeds, more sizes: up to a minute instead of seconds. Default false. */
  readonly full?: boolean
  /**
   * The acts again, in their quick form: behind the tracer, behind the fault injector, and beside another plugin on other vifs.
   * Default: in a full run.
   */
  readonly traits?: boolean
  /** Rules that are not to be checked, each with a reason. */
  readonly skip?: readonly Waiver[]
  /** Default 1. */
  readonly seed?: number
  /** Called when an act begins. */
  readonly onProgress?: (act: string) => void
  /**
   * False: everything runs in this thread, without a watchdog; a hook that never returns hangs it. For many runs of plugins
   * that are known to return. Default true.
   */
  readonly isolate?: boolean
  /** When a hook counts as one that does not return; not without `isolate`. */
  readonly limits?: HookLimits
}

/**
 * Check a plugin against the rules. One whose manifest or artefacts are broken fails VN-01, and nothing else is looked at.
 * @throws TestkitError UNKNOWN_RULE, BAD_PATCH, BAD_VARIATION; AcceleratorError BAD_MANIFEST where there is no package
 */
export async function runKit(options: KitOptions): Promise<KitReport> {
  const { skip = [], full = false, seed = 1 } = options
  const plugin = pluginOf(options)
  const bad = badWaivers(skip)
  if (bad.length > 0) throw new TestkitError('UNKNOWN_RULE', bad.join('; '))
  const from = monotonicNs()
  const rules = chosen(options.rules, options.implied ?? true)
  const made = (facts: KitReport['plugin'], results: Results): KitReport => ({
    kitVersion: KIT_VERSION,
    plugin: facts,
    full,
    seed,
    seconds: Math.round((monotonicNs() - from) / 1e6) / 1000,
    ...results,
    passed: results.counts.failed === 0,
  })
  const subject = readable(plugin)
  if ('fault' in subject) return made(factsOf(subject), unreadable(subject, rules, seed))
  const all = await shownOf(subject, rules, options)
  const shown = isHopeless(all) ? all.filter(({ rule }) => rule === WHOLE) : all
  // A hook that hung breaks ER-04 and a broken package VN-01, whatever was asked for.
  const broken = new Set(shown.filter(({ evidence }) => evidence.length > 0).map(({ rule }) => rule))
  const judged = CHECKS.filter(({ rule }) => rules.has(rule) || broken.has(rule))
  return made(factsOf(subject), resultsOf(judged, shown, subject, skip))
}

function factsOf({ manifest, package: found, integrity }: Subject | Unreadable): KitReport['plugin'] {
  const { packageName, packageVersion } = found
  return { name: manifest.name, packageName, version: packageVersion, integrity }
}

/** Runs all acts that these rules need. */
async function shownOf(
  subject: Subject,
  rules: ReadonlySet<RuleId>,
  {
    skip = [],
    full = false,
    seed = 1,
    hardware,
    isolate = true,
    onProgress = ignore,
    limits = {},
    traits = full,
  }: KitOptions,
): Promise<readonly Shown[]> {
  const run = CHECKS.filter(
    ({ rule }) =>
      (rules.has(rule) || (rules.size > 0 && rule === WHOLE)) && !skip.some((waiver) => waiver.rule === rule),
  )
  const kit = kitOf({ subject, seed, hardware, mark: null }, full)
  const turns = turnsOf(run, kit, traits)
  if (isolate) {
    const { source: plugin } = subject
    if (plugin.vary !== undefined)
      throw new TestkitError('BAD_VARIATION', 'it is a function; say isolate: false')
    const order = { plugin, rules: run.map(({ rule }) => rule), seed, hardware, full, traits, limits }
    return guarded(order, turns.map(nameOf), onProgress)
  }
  const shown: Shown[] = []
  for (const turn of turns) {
    onProgress(nameOf(turn))
    shown.push(...(await runAct(turn, run, kit)))
    if (isHopeless(shown)) break
  }
  return shown
}

function ignore(): void {}

function pluginOf({ plugin, options }: KitOptions): PluginSource {
  const source = typeof plugin === 'string' ? { folder: plugin } : plugin
  return options === undefined ? source : { ...source, options: { ...source.options, ...options } }
}

function chosen(names: readonly string[] | undefined, implied: boolean): ReadonlySet<RuleId> {
  const all = CHECKS.map(({ rule }) => rule)
  if (names === undefined) return new Set(all)
  const unknown = names.filter((name) => !(all as readonly string[]).includes(name))
  if (unknown.length > 0) throw new TestkitError('UNKNOWN_RULE', unknown.join(', '))
  const asked = all.filter((rule) => names.includes(rule))
  return new Set([...asked, ...(implied ? asked.flatMap((rule) => [...impliedBy(rule)]) : [])])
}
