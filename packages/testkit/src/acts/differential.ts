import type { Bench } from '../bench/bench.js'
import { Sender } from '../bench/frames.js'
import type { Letter } from '../bench/frames.js'
import type { FrameFacts } from '../record/calls.js'
import { factsOf } from '../record/frame-facts.js'
import type { Act } from '../kit/act.js'

/** A frame that was sent, and what left for it. */
export interface Sent {
  readonly title: string
  readonly wire: readonly FrameFacts[]
}

export interface Differential {
  /** The same frames, with the plugin and without. */
  readonly fast: readonly Sent[]
  readonly slow: readonly Sent[]
  /** Frames of the first run that the plugin accepted. */
  readonly accepted: number
}

export const differential: Act<Differential> = {
  name: 'differential',
  title: 'the same frames with the plugin and without, one at a time: finished checksums, fragments, padding',
  unfit: ({ capabilities }) => (capabilities.has('tx') ? undefined : 'the manifest does not declare tx'),
  async run(kit) {
    const run = async (loaded: boolean): Promise<{ sent: Sent[]; accepted: number }> => {
      const bench = await kit.bench()
      if (loaded) await bench.load()
      bench.start({ flows: 4 })
      await bench.for(3)
      await bench.quiet()
      const from = bench.recorder.calls.length
      const sent = await sendAll(bench, kit.full ? 3 : 1)
      const accepted = bench.recorder.calls
        .slice(from)
        .filter(
          ({ of, name, result }) => of === 'queue' && name === 'startXmit' && result === 'accepted',
        ).length
      await bench.finish('differential')
      return { sent, accepted }
    }
    const slow = await run(false)
    const fast = await run(true)
    return { fast: fast.sent, slow: slow.sent, accepted: fast.accepted }
  },
}

async function sendAll(bench: Bench, rounds: number): Promise<Sent[]> {
  const sender = new Sender(bench)
  const letters: Letter[] = [
    sender.datagram(64),
    sender.datagram(64, false),
    sender.datagram(1472),
    sender.segment(1000),
    sender.segment(1000, false, 5100),
    sender.segment(20_000, true, 5200),
    sender.segment(3001, true, 5300),
    sender.fragment(),
    sender.wrongSum(),
    sender.unsummed(),
    sender.padded(true),
    sender.padded(false),
  ]
  const sent: Sent[] = []
  for (let round = 0; round < rounds; round += 1)
    for (const letter of letters) {
      const wire = watched(bench)
      sender.send(letter)
      await bench.for(1)
      sent.push({ title: letter.title, wire: wire() })
    }
  return sent
}

/** What leaves the first guest's host from here on: by the wire, or to the other guest if both are on one host. */
function watched(bench: Bench): () => FrameFacts[] {
  if (bench.topology === 'pair') {
    const from = bench.wireLog.sent.length
    return () =>
      bench.wireLog.sent
        .slice(from)
        .filter((each) => each.from === 'a.eth0')
        .map(({ frame }) => frame)
  }
  const met: FrameFacts[] = []
  const [, two] = bench.vifs
  two.observer = {
    offered: () => undefined,
    delivered: (frame) => {
      const { checksum, ...facts } = factsOf(frame)
      // Between guests of one host a checksum may stay blank: who says so has said the same as who fills it in.
      met.push({ ...facts, checksum: 'none', hash: checksum === 'blank' ? 0 : facts.hash })
    },
  }
  return () => {
    two.observer = null
    return met
  }
}
