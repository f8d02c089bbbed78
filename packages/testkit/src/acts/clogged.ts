import type { Arena, Mapping } from '@netaccel/core'
import { hostOf } from '../bench/arrivals.js'
import type { Bench } from '../bench/bench.js'
import { Sender } from '../bench/frames.js'
import type { Scene } from '../bench/scene.js'
import type { Act } from '../kit/act.js'
import type { Call } from '../record/calls.js'
import { around } from '../record/around.js'
import { vary } from '../record/vary.js'

/** A wire that takes less than the guests send in a burst. */
const WIRE = { gbps: 1, delayUs: 2 } as const
const MIX = { tcp: 0.8, tcp6: 0, udp: 0.1, short: 0.05, icmp: 0.05, arp: 0 } as const

export interface Clogged {
  readonly scene: Scene
  /** Offers that were not accepted, and left something in the rings that the plugin shares with its hardware. */
  readonly traces: readonly { readonly at: number; readonly verdict: string }[]
  /** Offers that were not accepted, with such rings at hand. */
  readonly refused: number
}

/** The rings run full: offers are told busy, and everything that leads out of that is walked. */
export const clogged: Act<Clogged> = {
  name: 'clogged',
  title: 'bursts of more than the rings hold, over a slow wire; every question asked again',
  async run(kit) {
    const traces: Clogged['traces'][number][] = []
    let refused = 0
    const rings = new Map<string, Rings | undefined>()
    const ringsAt = (where: string): Rings | undefined => {
      const host = hostOf(where)
      if (!rings.has(host)) rings.set(host, ringsOf(bench.recorder.calls, host))
      return rings.get(host)
    }
    const rig = around((_, where) => ({
      queue: (inner, __, vif) =>
        vary(inner, {
          startXmit(frame) {
            inner.accepts(frame)
            inner.accepts(frame)
            const shared = ringsAt(where)
            const before = shared === undefined ? 0 : sumOf(shared)
            const verdict = inner.startXmit(frame)
            if (verdict === 'accepted' || shared === undefined) return verdict
            refused += 1
            if (sumOf(shared) !== before) traces.push({ at: vif.now(), verdict })
            return verdict
          },
          hasRoom() {
            inner.hasRoom()
            return inner.hasRoom()
          },
        }),
    }))
    const bench: Bench = await kit.bench({
      rig,
      value: (value) =>
        value.wires === undefined ? value : { ...value, wires: [{ link: 'a.eth0 -> b.eth0', ...WIRE }] },
    })
    await bench.load()
    bench.start({ flows: 16, burst: 160, gapNs: 100_000, mix: MIX })
    await bench.for(kit.full ? 100 : 12)
    await bench.quiet()
    // A long frame that finds room for a part of it.
    const sender = new Sender(bench)
    const [small, long] = [sender.datagram(60, false), sender.segment(20_000)]
    for (let before = 40; before < 64; before += 2) {
      sender.send(...Array.from({ length: before }, () => small), long)
      await bench.for(2)
    }
    return { scene: await bench.finish('clogged'), traces, refused }
  },
}

type Rings = Arena | Mapping

/** The rings of the virtual interface that a host has made. */
function ringsOf(calls: readonly Call[], host: string): Rings | undefined {
  const made = calls.find(({ name, place }) => name === 'createVi' && hostOf(place.where) === host)
  return (made?.args[0] as { rings: Rings } | undefined)?.rings
}

/** Of all words of the rings. */
function sumOf(rings: Rings): number {
  const parts = 'bytes' in rings ? [rings] : rings.pages
  let sum = 0
  for (const { view, offset, length } of parts)
    for (let at = offset; at < offset + length; at += 4) sum = Math.imul(sum ^ view.getInt32(at), 0x01000193)
  return sum
}
