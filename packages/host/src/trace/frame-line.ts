import type { TracedPacket } from './packets.js'
import type { Path, Step } from './steps.js'

/** A frame's whole way in few words: what `netaccel trace` shows of it. Plain data. */
export interface FrameWay {
  /** World time in ns when its stack offered it. */
  readonly at: number
  /** `TCP 10.0.0.1:10000 > 10.0.0.2:5001`, and the packet within it. */
  readonly flow: string
  readonly name: string
  /** Bytes of the frame, and wire segments that it stands for. */
  readonly length: number
  readonly segments: number
  /** Where it was offered, and who received it. */
  readonly from: string
  readonly to: readonly string[]
  /** The path that the fork chose, '' when it never came to it. */
  readonly path: Path
  /** The stages of docs/packet-way.md by host, in the order in which they were met: `a 1 2 3s 4s`. */
  readonly stages: readonly { readonly host: string; readonly stage: string; readonly step: Step }[]
  /** From the first stage to the last, ns. */
  readonly tookNs: number
  /** All its segments were received. */
  readonly arrived: boolean
}

/** What is known of a packet whose beginning was seen. */
export function wayOf({ flow, name, length, records }: TracedPacket): FrameWay {
  const [first] = records
  const last = records[records.length - 1]
  const forked = segmentsAt(records, 'fork')
  const stages = new Map(
    records.map(({ host, stage, step }) => [`${host} ${step}`, { host, stage, step }] as const),
  )
  return {
    at: first.at,
    flow,
    name,
    length,
    segments: first.segments,
    from: first.place,
    to: [...new Set(records.filter(({ step }) => step === 'stack receives').map(({ place }) => place))],
    path: records.find(({ step }) => step === 'fork')?.path ?? '',
    stages: [...stages.values()],
    tookNs: last.at - first.at,
    arrived: forked > 0 && segmentsAt(records, 'stack receives') >= forked,
  }
}

function segmentsAt(records: TracedPacket['records'], step: Step): number {
  return records.reduce((sum, record) => (record.step === step ? sum + record.segments : sum), 0)
}

/** The way on one line: time, path, flow, then for each host its stages, and how long it took. */
export function frameLine(way: FrameWay): string {
  const { at, path, flow, name, length, segments, arrived, tookNs } = way
  const size = segments > 1 ? `${length} bytes in ${segments}` : `${length} bytes`
  const end = arrived ? `${(tookNs / 1000).toFixed(1)} us` : `not received; last seen ${lastOf(way)}`
  return `${(at / 1e9).toFixed(6)} ${path.padEnd(4)} ${flow}, ${name}, ${size}: ${stagesText(way)}; ${end}`
}

function stagesText({ stages }: FrameWay): string {
  let text = ''
  let host = ''
  let before = ''
  for (const each of stages) {
    if (each.host !== host) text += `${text === '' ? '' : ' | '}${each.host}`
    // In and out of the bridge are one stage.
    if (each.host !== host || each.stage !== before) text += ` ${each.stage}`
    host = each.host
    before = each.stage
  }
  return text
}

function lastOf({ stages }: FrameWay): string {
  const { host, stage, step } = stages[stages.length - 1]
  return `at ${host} ${stage} (${step})`
}
