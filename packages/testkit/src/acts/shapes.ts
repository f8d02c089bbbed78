import { addressOf, makeFlows } from '@netaccel/host'
import type { Flow, Mix } from '@netaccel/host'
import { Random } from '@netaccel/packet'
import type { Bench } from '../bench/bench.js'
import type { Scene } from '../bench/scene.js'
import type { Act } from '../kit/act.js'

const NONE: Mix = { tcp: 0, tcp6: 0, udp: 0, icmp: 0, arp: 0 }
const KINDS = ['tcp', 'tcp6', 'udp', 'icmp', 'arp'] as const
const ETHERNET_HEADER = 14
const VLAN = 0x8100

/**
 * Frames of every kind, cut short at every length of their headers: what a stack hands out when somebody writes raw frames.
 * Some are no packets, so the books of this act do not balance by flow, and only the border is judged.
 */
export const shapes: Act<Scene> = {
  name: 'shapes',
  title: 'frames of every kind, tagged, and cut short at every length of their headers',
  async run(kit) {
    const bench = await kit.bench()
    await bench.load()
    // So that a plugin which learns addresses knows the other end.
    bench.start({ flows: 4 })
    await bench.for(2)
    await bench.quiet()
    const random = new Random(kit.seed).fork('shapes')
    for (const kind of KINDS) {
      const [flow] = flows(bench, kind, random)
      for (let length = ETHERNET_HEADER; length <= 90; length += kit.full ? 1 : 2) send(bench, flow, length)
      await bench.for(1)
    }
    return bench.finish('shapes')
  },
}

function flows(bench: Bench, kind: (typeof KINDS)[number], random: Random): Flow[] {
  const [one, two] = bench.vifs.map(({ path }) => addressOf(bench.world, path))
  return makeFlows(one, two, 1, { ...NONE, [kind]: 1 }, random)
}

/** One frame cut to `length`, then the same with a tag in the place of its type. */
function send(bench: Bench, flow: Flow, length: number): void {
  const [vif] = bench.vifs
  for (const tagged of [false, true]) {
    const frame = vif.take(flow.need)
    if (frame === undefined) return
    flow.write(frame)
    if (frame.gsoSize === 0) frame.length = Math.min(length, frame.length)
    if (tagged) frame.view.setUint16(frame.offset + 12, VLAN)
    if (vif.transmit([frame], 1) === 0) frame.release()
  }
}
