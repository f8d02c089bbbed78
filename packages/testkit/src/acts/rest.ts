import { Sender } from '../bench/frames.js'
import type { Scene } from '../bench/scene.js'
import type { Act } from '../kit/act.js'

/** Single frames, each into a world that has come to rest: what wakes nobody is not seen. */
export const rest: Act<Scene> = {
  name: 'rest',
  title: 'single frames both ways, each when everything is at rest',
  async run(kit) {
    const bench = await kit.bench()
    await bench.load()
    bench.start({ flows: 4 })
    await bench.for(4)
    await bench.quiet()
    const ends = [0, 1].map((from) => {
      const sender = new Sender(bench, from)
      return { sender, letters: [sender.datagram(100), sender.segment(600)] }
    })
    for (let round = 0; round < (kit.full ? 60 : 10); round += 1)
      for (const { sender, letters } of ends) {
        sender.send(letters[round % 2])
        await bench.for(30)
      }
    return bench.finish('rest')
  },
}
