// Buffers that are granted for good against a grant for each frame, in turns: over a ring alone, and from a guest into the
// driver domain by the drivers.
import { median, medianRatio } from './lib/cpu.js'
import { hopRate } from './lib/reference.js'
import { Report } from './lib/report.js'
import { Hop } from './ring-hop/hop.js'
import { PremappedHop } from './ring-hop/premapped-hop.js'
import { toDriverPath } from './worlds/paths.js'

const ROUNDS = 9
const SECONDS = 0.2
const WARM_UP = 1

const SIZES = [
  { length: 64, title: '64 B', target: 1.5 },
  { length: 1500, title: '1500 B', target: null },
]

const report = new Report()
for (const { length, title, target } of SIZES) {
  const [hop, premapped] = [new Hop(length, 'wasm'), new PremappedHop(length)]
  const rates: number[][] = [[], []]
  hopRate(hop, WARM_UP)
  hopRate(premapped, WARM_UP)
  for (let round = 0; round < ROUNDS; round++) {
    rates[0].push(hopRate(hop, SECONDS))
    rates[1].push(hopRate(premapped, SECONDS))
  }
  premapped.check()
  compare('ring hop', title, rates, target)
}
for (const { length, title } of SIZES) {
  const paths = [await toDriverPath(length, false), await toDriverPath(length, true)]
  const rates: number[][] = [[], []]
  for (const path of paths) await path.rate(WARM_UP)
  for (let round = 0; round < ROUNDS; round++)
    for (const [i, path] of paths.entries()) rates[i].push(await path.rate(SECONDS))
  for (const path of paths) await path.close()
  compare('guest to driver domain', title, rates, null)
}
report.finish()

function compare(what: string, title: string, rates: readonly number[][], target: number | null): void {
  const [granted, premapped] = rates
  const name = `${what}, granted, ${title}`
  report.plain(name, median(granted), 'frames/s')
  const ratio = medianRatio(premapped, granted)
  report.compared(`${what}, premapped, ${title}`, median(premapped), 'frames/s', { name, ratio }, target)
}
