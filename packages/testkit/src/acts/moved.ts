import type { Bench } from '../bench/bench.js'
import { Sender } from '../bench/frames.js'
import type { Scene } from '../bench/scene.js'
import { Stranger } from '../bench/stations.js'
import type { Act } from '../kit/act.js'

/** How soon a plugin must know that an address has shown itself behind the bridge. */
const NEWS_MS = 6000
/** How long an address may stand without evidence: Linux bridges forget after 300 s. */
const FORGET_MS = 320_000

/** Frames to one address, sent when the evidence for it has gone. */
export interface Moved {
  readonly scene: Scene
  /** Numbers of calls from which on it must not be accepted, and before which it may again. */
  readonly gone: readonly { readonly why: string; readonly from: number; readonly to: number }[]
}

export const moved: Act<Moved> = {
  name: 'moved',
  title:
    'the address of the other guest shows itself behind the bridge; later nothing is heard of it for long',
  unfit: ({ capabilities }) => (capabilities.has('vi') ? undefined : 'the plugin has no virtual interface'),
  async run(kit) {
    const bench = await kit.bench()
    await bench.load()
    const sender = new Sender(bench)
    const gone: Moved['gone'][number][] = []
    const tried = async (why: string): Promise<void> => {
      const from = bench.recorder.calls.length
      for (let time = 0; time < 3; time += 1) {
        sender.send(sender.datagram(100), sender.datagram(300, false))
        await bench.for(1)
      }
      gone.push({ why, from, to: bench.recorder.calls.length })
    }
    await heard(bench)
    // The other guest has moved here.
    const { destinationMac, destination } = sender.ends
    new Stranger(bench).speak(destinationMac, destination)
    await bench.for(NEWS_MS)
    await tried('its address had shown itself behind the bridge')
    await heard(bench)
    await bench.for(FORGET_MS)
    await tried(`nothing had been heard of it for ${FORGET_MS / 1000} s`)
    await heard(bench)
    return { scene: await bench.finish('moved'), gone }
  },
}

/** Both guests hear of each other. */
async function heard(bench: Bench): Promise<void> {
  bench.start({ flows: 4 })
  await bench.for(4)
  await bench.quiet()
}
