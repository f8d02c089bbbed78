// Ring hop with grants: one frame from a guest to the driver domain, against C that does the same work.
import type { CopyEngineKind } from '@netaccel/xen'
import { median, medianRatio } from './lib/cpu.js'
import { hopRate, Reference } from './lib/reference.js'
import { Report } from './lib/report.js'
import { Hop } from './ring-hop/hop.js'

const SIZES = [
  { bytes: 64, target: 0.45 },
  { bytes: 256, target: null },
  { bytes: 1500, target: 0.6 },
  { bytes: 65_535, target: 0.8 },
]
const ROUNDS = 9
const SECONDS = 0.2

const report = new Report()
const reference = new Reference(report)
const { name } = reference

function measure(kind: CopyEngineKind, bytes: number, target: number | null): number[] {
  const hop = new Hop(bytes, kind)
  hopRate(hop, SECONDS)
  const own: number[] = []
  const references: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    references.push(reference.measure(bytes, SECONDS))
    own.push(hopRate(hop, SECONDS))
  }
  hop.check()
  const title = kind === 'wasm' ? `ring hop ${bytes} B` : `ring hop ${bytes} B, pure TypeScript`
  const ratio = medianRatio(own, references)
  report.compared(title, median(own), 'packets/s', { name, ratio }, reference.isC ? target : null)
  return references
}

// The pure TypeScript comes when the rest is done: a process has one engine, and V8 compiles for the one it sees.
for (const { bytes, target } of SIZES)
  report.plain(`${name} ${bytes} B`, median(measure('wasm', bytes, target)), 'packets/s')
for (const { bytes } of SIZES) measure('typescript', bytes, null)
reference.close(report)
report.finish()
