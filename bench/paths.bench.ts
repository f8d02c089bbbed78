// The paths of a frame through whole hosts: within one host against the C ring hop, across a wire against each other.
import { median, medianRatio } from './lib/cpu.js'
import { Reference } from './lib/reference.js'
import { Report } from './lib/report.js'
import { dom0Path, localPath, type Path, wirePath } from './worlds/paths.js'

const DUMMY = '@netaccel/accel-dummy'
const SOLARFLARE = '@netaccel/accel-solarflare-sim'
const ROUNDS = 7
const SECONDS = 0.2
const WARM_UP = 2

const SIZES = [
  { length: 64, title: '64 B', local: 0.1, gain: 2 },
  { length: 1500, title: '1500 B', local: 0.2, gain: 2 },
  { length: 65_535, title: 'GSO 64 KiB', local: 0.4, gain: 1.5 },
]

/** Rates of several paths, taken in turns; and of each the share of the time that goes to the simulated NICs, if asked for. */
async function inTurns(
  paths: readonly Path[],
  beside?: () => number,
  hardware?: number[],
): Promise<number[][]> {
  const rates: number[][] = paths.map(() => [])
  const others: number[] = []
  for (const path of paths) await path.rate(WARM_UP)
  for (let round = 0; round < ROUNDS; round++) {
    if (beside !== undefined) others.push(beside())
    for (const [i, path] of paths.entries()) rates[i].push(await path.rate(SECONDS))
  }
  if (hardware !== undefined) for (const path of paths) hardware.push(await shareOfHardware(path))
  for (const path of paths) await path.close()
  return beside === undefined ? rates : [...rates, others]
}

async function shareOfHardware(path: Path): Promise<number> {
  const shares: number[] = []
  for (let round = 0; round < ROUNDS; round++) shares.push(await path.hardware(SECONDS))
  return median(shares)
}

const report = new Report()
const reference = new Reference(report)

/** True if the slow path within a host is as fast as it has to be for a gain over it to mean anything. */
async function local({ length, title, local: target }: (typeof SIZES)[number]): Promise<boolean> {
  const [plain, hop] = await inTurns([await localPath({ length })], () => reference.measure(length, SECONDS))
  const against = { name: reference.name, ratio: medianRatio(plain, hop) }
  const wanted = reference.isC ? target : null
  return report.compared(`local ${title}`, median(plain), 'frames/s', against, wanted)
}

async function attached({ length, title }: (typeof SIZES)[number]): Promise<void> {
  const paths = [await localPath({ length }), await localPath({ length, accel: DUMMY })]
  const [plain, dummy] = await inTurns(paths)
  const without = { name: 'local without it', ratio: medianRatio(dummy, plain) }
  report.compared(`local ${title}, dummy attached`, median(dummy), 'frames/s', without, 0.95, 'goal')
}

async function wire({ length, title, gain }: (typeof SIZES)[number], localIsFast: boolean): Promise<void> {
  const paths = [
    await wirePath({ length }),
    await wirePath({ length, accel: SOLARFLARE }),
    await dom0Path({ length }),
  ]
  const hardware: number[] = []
  const [slow, fast, dom0] = await inTurns(paths, undefined, hardware)
  const { name, value } = { name: `wire-fast ${title}`, value: median(fast) }
  const close = { name: 'wire-dom0', ratio: medianRatio(fast, dom0) }
  report.compared(name, value, 'frames/s', close, 0.85, 'goal')
  const ratio = medianRatio(fast, slow)
  if (localIsFast) report.compared(name, value, 'frames/s', { name: 'wire-slow', ratio }, gain, 'goal')
  else
    report.compared(
      name,
      value,
      'frames/s',
      { name: 'wire-slow (void: local is below its target)', ratio },
      null,
    )
  report.plain(`wire-slow ${title}`, median(slow), 'frames/s')
  report.plain(`wire-dom0 ${title}`, median(dom0), 'frames/s')
  for (const [i, path] of ['wire-slow', 'wire-fast', 'wire-dom0'].entries())
    apart(`${path} ${title}`, median([slow, fast, dom0][i]), hardware[i])
  const alone = (ratio * (1 - hardware[0])) / (1 - hardware[1])
  report.remark(
    `wire-fast ${title}, drivers alone: ${alone.toFixed(2)} of wire-slow, without the time in the simulated NICs ` +
      `(which a NIC takes beside the processor); ${ratio.toFixed(2)} with it is what is judged`,
  )
}

/** What a frame costs in what stands for hardware, and in software. */
function apart(name: string, rate: number, hardware: number): void {
  report.plain(`${name}, in the simulated NICs`, (hardware * 1e9) / rate, 'ns/frame')
  report.plain(`${name}, in software`, ((1 - hardware) * 1e9) / rate, 'ns/frame')
}

// The plain path first: V8 compiles for what a process has seen, and a guest without an accelerator has seen none.
const fast: boolean[] = []
for (const size of SIZES) fast.push(await local(size))
for (const size of SIZES) await attached(size)
for (const [i, size] of SIZES.entries()) await wire(size, fast[i])
reference.close(report)
report.finish()
