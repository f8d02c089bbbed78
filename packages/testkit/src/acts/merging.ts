import { Sender } from '../bench/frames.js'
import type { Letter } from '../bench/frames.js'
import { latePolls } from '../bench/late-polls.js'
import type { Scene } from '../bench/scene.js'
import type { Act } from '../kit/act.js'

/** More flows than receive merging commonly remembers at once, by turns. */
const FLOWS = 8
/** Segments of a flow: the original merged after 300 in order, and some pass before the flow has its filter. */
const BEFORE = 360
const PER_BURST = 16
/** Flows that were silent for so long are to be forgotten, by the plugin (20 ms in the original) and by receive filters. */
const IDLE_MS = 3000

export interface Merging {
  readonly scene: Scene
  /** Numbers of the first calls of the first and of the second set of flows. */
  readonly first: number
  readonly second: number
}

/** Long flows of full segments, then silence, then as many others. */
export const merging: Act<Merging> = {
  name: 'merging',
  title: 'eight TCP flows of full segments, a silence of 3 s, eight others',
  unfit: ({ capabilities }) =>
    capabilities.has('rx-merge') ? undefined : 'the manifest does not declare rx-merge',
  async run(kit) {
    const bench = await kit.bench({ rig: latePolls(0.05) })
    await bench.load()
    bench.start({ flows: 4 })
    await bench.for(4)
    await bench.quiet()
    const sender = new Sender(bench)
    const run = async (port: number): Promise<void> => {
      const flows: Letter[] = Array.from({ length: FLOWS }, (_, i) =>
        sender.segment(200, false, port + 2 * i),
      )
      for (let sent = 0; sent < BEFORE; sent += PER_BURST)
        for (const flow of flows) {
          sender.send(...Array.from({ length: PER_BURST }, () => flow))
          await bench.for(0.03)
        }
      await bench.for(2)
    }
    const { calls } = bench.recorder
    const first = calls.length
    await run(6000)
    await bench.for(IDLE_MS)
    const second = calls.length
    await run(6100)
    return { scene: await bench.finish('merging'), first, second }
  },
}
