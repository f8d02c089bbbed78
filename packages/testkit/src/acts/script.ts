// A script: short steps that a plugin is put through, as text that can be printed, read back and played again.
import type { Bench } from '../bench/bench.js'

/** The words of a script. Those that lose frames by themselves are marked: there only order and resources are judged. */
export const STEPS = {
  load: { loses: false, run: async (bench: Bench) => void (await bench.load()) },
  unload: { loses: false, run: (bench: Bench) => bench.unload() },
  traffic: { loses: false, run: (bench: Bench) => bench.for(2) },
  unwish: { loses: false, run: (bench: Bench) => bench.wishOf(bench.vifs[0].path, false) },
  wish: { loses: false, run: (bench: Bench) => bench.world.setAccel(bench.vifs[0].path, bench.port) },
  suspend: { loses: false, run: (bench: Bench) => bench.world.suspend(guestOf(bench)) },
  cancel: {
    loses: false,
    run: (bench: Bench) => Promise.resolve(bench.world.cancelSuspend(guestOf(bench))),
  },
  'link-down': { loses: true, run: (bench: Bench) => setLink(bench, false) },
  'link-up': { loses: true, run: (bench: Bench) => setLink(bench, true) },
  reset: { loses: true, run: (bench: Bench) => reset(bench) },
} as const

export type Step = keyof typeof STEPS

/** Reads a script as it was printed; undefined: a word is unknown. */
export function parseScript(text: string): Step[] | undefined {
  const words = text.split(/[\s;,]+/).filter((word) => word !== '')
  return words.every((word): word is Step => Object.hasOwn(STEPS, word)) ? words : undefined
}

/** Plays the steps under traffic. */
export async function play(bench: Bench, script: readonly Step[]): Promise<void> {
  bench.start({ flows: 6 })
  await bench.for(1)
  for (const step of script) await STEPS[step].run(bench)
  await bench.for(1)
  // As it began, so that what is under way can arrive.
  bench.world.cancelSuspend(guestOf(bench))
  await setLink(bench, true)
}

function guestOf({ vifs }: Bench): string {
  const [{ path }] = vifs
  return path.slice(0, path.lastIndexOf('.'))
}

async function setLink(bench: Bench, up: boolean): Promise<void> {
  for (const { wire } of bench.world.lanes.slice(0, 1)) wire.setLink(up)
  await bench.for(0.5)
}

async function reset(bench: Bench): Promise<void> {
  bench.world.host('a').nics.get('eth0')?.driver.reset()
  await bench.for(2)
}
