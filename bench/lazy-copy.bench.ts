// Lazy copying: what a guest sends stays in its pages, against copying each packet, as mapped pages or through the grants.
import type { LazyCopyMode } from '@netaccel/netback'
import { median, medianRatio } from './lib/cpu.js'
import { Report } from './lib/report.js'
import { Rig, type SinkKind } from './lazy-copy/rig.js'

const ROUNDS = 9
const SECONDS = 0.15
const WARM_UP = 0.6
const BULK = 65_535

const MODES = { delayed: 'delayed', always: 'always', netloop: 'netloop', 'grant copy': undefined } as const
type Mode = keyof typeof MODES
const NAMES = Object.keys(MODES) as Mode[]

/** Of each mode: rates of the whole thread, and of the driver domain alone. */
type Rates = Record<Mode, { readonly whole: number[]; readonly driver: number[] }>

async function inTurns(sink: SinkKind, bytes: number): Promise<Rates> {
  const rates: Rates = {
    delayed: { whole: [], driver: [] },
    always: { whole: [], driver: [] },
    netloop: { whole: [], driver: [] },
    'grant copy': { whole: [], driver: [] },
  }
  const rigs: [Mode, Rig][] = []
  for (const name of NAMES)
    rigs.push([name, await Rig.make(MODES[name] satisfies LazyCopyMode | undefined, sink, bytes)])
  for (const [, rig] of rigs) await rig.rate(WARM_UP)
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, rig] of rigs) {
      const { whole, driver } = await rig.rate(SECONDS)
      rates[name].whole.push(whole)
      rates[name].driver.push(driver)
    }
  }
  return rates
}

/** Least ratios of 'delayed' to 'always', for the whole thread and the driver domain alone. */
interface Targets {
  readonly whole?: number
  readonly goal?: number
  readonly driver?: number
}

const report = new Report()

async function compare(title: string, sink: SinkKind, bytes: number, targets: Targets): Promise<void> {
  const rates = await inTurns(sink, bytes)
  const row = (
    part: 'whole' | 'driver',
    mode: Mode,
    other: Mode,
    target: number | null,
    goal = false,
  ): number => {
    const ratio = medianRatio(rates[mode][part], rates[other][part])
    const name = part === 'whole' ? `${title}, ${mode}` : `${title}, ${mode}, driver domain alone`
    const against = { name: other, ratio }
    report.compared(name, median(rates[mode][part]), 'frames/s', against, target, goal ? 'goal' : 'required')
    return ratio
  }
  row('whole', 'delayed', 'always', targets.whole ?? targets.goal ?? null, targets.whole === undefined)
  row('whole', 'delayed', 'grant copy', null)
  if (targets.driver !== undefined) row('driver', 'delayed', 'always', targets.driver)
  const loop = row('whole', 'always', 'netloop', bytes === BULK ? 0.9 : null)
  if (bytes === BULK && loop > 1.1) report.remark(`${title}: always is ${loop.toFixed(2)} of netloop`, true)
}

await compare('64 KiB to a NIC', 'nic', BULK, { goal: 1.5, driver: 1.5 })
await compare('64 KiB read', 'read', BULK, { whole: 1.2 })
await compare('64 KiB dropped', 'drop', BULK, {})
await compare('1500 B read', 'read', 1500, {})
await compare('64 B read', 'read', 64, { whole: 0.95 })
report.finish()
