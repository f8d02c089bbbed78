import fc from 'fast-check'
import { allBack, conserved } from '../checks/conserved.js'
import type { Scene } from '../bench/scene.js'
import type { Act, Kit } from '../kit/act.js'
import type { Judgement } from '../kit/judging.js'
import { PortChanges } from '../bench/port-changes.js'
import { play, sensible, STEPS } from './script.js'
import type { Step } from './script.js'

/** What was found in the shortest script that shows it, or in the last one if none does. */
export interface Sequences {
  readonly scripts: number
  readonly script: string
  readonly books: Judgement
  readonly resources: Judgement
}

/** Scripts that are played while a shorter one is looked for. */
const MOST = 24

/**
 * Random scripts of loads, unloads, wishes, changed keys, quotas and MTUs, suspends, link changes and resets, under traffic. One
 * that fails is made as short as it still fails, and is printed.
 */
export const sequences: Act<Sequences> = {
  name: 'sequences',
  title: 'random scripts of loads, unloads, keys, MTUs, suspends, link changes and resets',
  bare: true,
  async run(kit) {
    let found = await judge(kit, ['load', 'traffic', 'unload'])
    let played = 1
    let shortest: Sequences | null = null
    const names = Object.keys(STEPS) as Step[]
    const script = fc.array(fc.constantFrom(...names), { minLength: 3, maxLength: kit.full ? 12 : 7 })
    const holds = fc.asyncProperty(script, async (steps) => {
      // Enough was tried: what was found so far is printed.
      if (played >= (kit.full ? 4 * MOST : MOST)) return true
      played += 1
      found = await judge(kit, ['load', ...steps])
      const broken = found.books.findings.length + found.resources.findings.length > 0
      if (broken) shortest = found
      return !broken
    })
    const details = await fc.check(holds, { seed: kit.seed, numRuns: kit.full ? 30 : 2 })
    // A script that could not be played at all is no finding about the plugin.
    if (details.failed && shortest === null) throw details.errorInstance
    return { ...(shortest ?? found), scripts: played }
  },
}

/** Plays one script. */
export async function judge(kit: Kit, asked: readonly Step[]): Promise<Sequences> {
  const steps = sensible(asked)
  const port = new PortChanges()
  const bench = await kit.bench({ rig: port.rig })
  await play(bench, port, steps)
  const scene = await bench.finish('sequences')
  const loses = steps.some((step) => STEPS[step].loses)
  const script = steps.join('; ')
  const named = ({ seen, findings }: Judgement): Judgement => ({
    seen,
    findings: findings.map((finding) => ({ ...finding, context: [`replay: ${script}`] })),
  })
  return {
    scripts: 1,
    script,
    books: named(loses ? inOrder(scene) : conserved(scene)),
    resources: named(allBack(scene)),
  }
}

/** What a dead link or a reset drops is dropped; nothing is doubled or overtaken for it. */
function inOrder({ verdict }: Scene): Judgement {
  const { doubled = 0, reordered = 0, entered = 0 } = verdict.oracle ?? {}
  const sentences = [
    ...(doubled > 0 ? [`${doubled} segments left twice`] : []),
    ...(reordered > 0 ? [`${reordered} segments left behind a later one of their flow`] : []),
  ]
  return { seen: entered, findings: sentences.map((sentence) => ({ sentence })) }
}
