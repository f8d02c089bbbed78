// A script: short steps that a plugin is put through, as text that can be printed, read back and played again.
import type { Bench } from '../bench/bench.js'
import type { PortChanges } from '../bench/port-changes.js'

/** What the steps of one script are done to. */
export interface Stage {
  readonly bench: Bench
  readonly port: PortChanges
  /** The MTU that the first guest's device began with. */
  readonly mtu: number
}

interface StepOf {
  /** Loses frames by itself: there only order and resources are judged. */
  readonly loses: boolean
  /** Needs a guest that runs: one that was suspended answers nobody. */
  readonly awake: boolean
  readonly run: (stage: Stage) => Promise<void> | void
}

const quiet = { loses: false, awake: false }
const awake = { loses: false, awake: true }
const harsh = { loses: true, awake: false }

const SMALL_MTU = 700
const SMALL_PAGES = 128
/** A port that no host has. */
const NOWHERE = 'eth9'

/** The words of a script. */
export const STEPS = {
  load: { ...awake, run: async ({ bench }) => void (await bench.load()) },
  unload: { ...awake, run: ({ bench }) => bench.unload() },
  traffic: { ...quiet, run: ({ bench }) => bench.for(2) },
  unwish: { ...awake, run: ({ bench }) => bench.wishOf(bench.vifs[0].path, false) },
  wish: { ...awake, run: ({ bench }) => bench.world.setAccel(bench.vifs[0].path, bench.port) },
  'wish-other': { ...awake, run: ({ bench }) => bench.world.setAccel(bench.vifs[0].path, NOWHERE) },
  'quota-low': { ...awake, run: ({ bench }) => bench.limit('max-buf-pages', String(SMALL_PAGES)) },
  'quota-usual': { ...awake, run: ({ bench }) => bench.limit('max-buf-pages', undefined) },
  'mtu-low': { ...awake, run: ({ bench }) => setMtu(bench, SMALL_MTU) },
  'mtu-usual': { ...awake, run: ({ bench, mtu }) => setMtu(bench, mtu) },
  // What arrives for a guest that stands fills its queue in the driver domain.
  suspend: { loses: true, awake: true, run: ({ bench }) => bench.world.suspend(guestOf(bench)) },
  cancel: { ...quiet, run: ({ bench }) => bench.world.cancelSuspend(guestOf(bench)) },
  'link-down': { ...harsh, run: ({ bench }) => setLink(bench, false) },
  'link-up': { ...harsh, run: ({ bench }) => setLink(bench, true) },
  reset: { ...harsh, run: ({ bench, port }) => reset(bench, port) },
} as const satisfies Record<string, StepOf>

export type Step = keyof typeof STEPS

/** Reads a script as it was printed; undefined: a word is unknown. */
export function parseScript(text: string): Step[] | undefined {
  const words = text.split(/[\s;,]+/).filter((word) => word !== '')
  return words.every((word): word is Step => Object.hasOwn(STEPS, word)) ? words : undefined
}

/** The script without the steps that mean nothing where they stand: what a suspended guest would have to do. */
export function sensible(script: readonly Step[]): Step[] {
  let stands = false
  return script.filter((step) => {
    if (stands && STEPS[step].awake) return false
    if (step === 'suspend') stands = true
    if (step === 'cancel') stands = false
    return true
  })
}

/** Plays the steps under traffic. */
export async function play(bench: Bench, port: PortChanges, script: readonly Step[]): Promise<void> {
  const stage: Stage = { bench, port, mtu: bench.vifs[0].vif.mtu }
  bench.start({ flows: 6 })
  await bench.for(1)
  for (const step of script) await STEPS[step].run(stage)
  await bench.for(1)
  // As it began, so that what is under way can arrive.
  bench.world.cancelSuspend(guestOf(bench))
  await setLink(bench, true)
}

function guestOf({ vifs }: Bench): string {
  const [{ path }] = vifs
  return path.slice(0, path.lastIndexOf('.'))
}

async function setMtu(bench: Bench, mtu: number): Promise<void> {
  bench.vifs[0].vif.setMtu(mtu)
  await bench.for(0.5)
}

async function setLink(bench: Bench, up: boolean): Promise<void> {
  for (const { wire } of bench.world.lanes.slice(0, 1)) wire.setLink(up)
  await bench.for(0.5)
}

async function reset(bench: Bench, port: PortChanges): Promise<void> {
  port.reset(bench)
  await bench.for(2)
}
