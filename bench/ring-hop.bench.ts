// Ring hop with grants: one frame from a guest to the driver domain, against C that does the same work.
import { fileURLToPath } from 'node:url'
import { compileReference, median } from './lib/reference.js'
import { compared, report, type Row } from './lib/report.js'
import { Hop } from './ring-hop/hop.js'

const SIZES = [
  { bytes: 64, target: 0.45 },
  { bytes: 256, target: null },
  { bytes: 1500, target: 0.6 },
  { bytes: 65_535, target: 0.8 },
]
/** Packets a second that the C reference must reach itself on a machine like the one the targets were set on. */
const FLOOR: Record<number, number> = { 64: 30e6, 1500: 12e6 }
const ROUNDS = 7
const SECONDS = 0.3

const source = fileURLToPath(new URL('../reference/ring_hop.c', import.meta.url))
const c = compileReference(source)
if (c === undefined) console.log('no C compiler (gcc): the wasm loop is its own reference')

function measure(hop: Hop, seconds: number): number {
  const end = performance.now() + seconds * 1000
  const start = performance.now()
  let rounds = 0
  while (performance.now() < end) {
    for (let i = 0; i < 200; i++) hop.round()
    rounds += 200
  }
  return (rounds * hop.batch * 1000) / (performance.now() - start)
}

const rows: Row[] = []
let slow = false
for (const { bytes, target } of SIZES) {
  const hop = new Hop(bytes, 'wasm')
  const twin = new Hop(bytes, 'typescript')
  measure(hop, SECONDS)
  measure(twin, SECONDS)
  const own: number[] = []
  const plain: number[] = []
  const reference: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    reference.push(c === undefined ? measure(hop, SECONDS) : c.run(bytes, SECONDS))
    own.push(measure(hop, SECONDS))
    plain.push(measure(twin, SECONDS))
  }
  if (Buffer.compare(hop.arrived(), hop.sent()) !== 0) throw new Error('what arrived is not what was sent')
  if (hop.notified === 0) throw new Error('no push ever asked for a wake-up')
  const name = c === undefined ? 'wasm loop' : 'C ring hop'
  const value = median(reference)
  const against = (list: number[]) => ({
    name,
    value,
    ratio: median(list.map((rate, i) => rate / reference[i])),
  })
  rows.push(
    compared(`ring hop ${bytes} B`, median(own), 'packets/s', against(own), c === undefined ? null : target),
  )
  rows.push(
    compared(`ring hop ${bytes} B, pure TypeScript`, median(plain), 'packets/s', against(plain), null),
  )
  rows.push({
    name: `${name} ${bytes} B`,
    value,
    unit: 'packets/s',
    reference: null,
    ratio: null,
    target: null,
    met: null,
  })
  if (c !== undefined && value < (FLOOR[bytes] ?? 0)) {
    console.log(
      `reference too slow: ${name} at ${bytes} B makes ${Math.round(value)} of ${FLOOR[bytes]} packets/s`,
    )
    slow = true
  }
}
c?.dispose()
report(rows)
if (slow) process.exitCode = 1
