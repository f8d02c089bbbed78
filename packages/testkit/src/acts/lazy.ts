import { latePolls } from '../bench/late-polls.js'
import type { Scene } from '../bench/scene.js'
import type { Act } from '../kit/act.js'

const LATE_MS = 0.3
const MIX = { tcp: 0.3, tcp6: 0, udp: 0.7, icmp: 0, arp: 0 } as const

/** A host that is slow to poll. */
export const lazy: Act<Scene> = {
  name: 'lazy',
  title: 'dense traffic, and polls that come late: more stands unread than a poll may deliver',
  async run(kit) {
    const bench = await kit.bench({ rig: latePolls(LATE_MS) })
    await bench.load()
    bench.start({ flows: 8, burst: 64, gapNs: 60_000, mix: MIX })
    await bench.for(kit.full ? 60 : 6)
    return bench.finish('lazy')
  },
}
