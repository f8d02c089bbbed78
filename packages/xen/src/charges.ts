import { COSTS } from './cost-table.js'
import type { Cost, CostTable } from './cost-table.js'
import type { WorkUnits } from './engine.js'
import { XenError } from './errors.js'

/**
 * The place of a kind in COSTS. A switch, because where a call names its kind in the source, as all hot ones do, the
 * compiler folds it to that one number; a table looked up by string costs more than the addition it is for.
 */
function placeOf(cost: Cost): number {
  switch (cost) {
    case 'frame':
      return 0
    case 'slot':
      return 1
    case 'byteCopied':
      return 2
    case 'grantOp':
      return 3
    case 'notification':
      return 4
    case 'wakeup':
      return 5
    case 'descriptor':
      return 6
    case 'poll':
      return 7
    case 'event':
      return 8
    case 'doorbell':
      return 9
    case 'byteSummed':
      return 10
    case 'byteDma':
      return 11
  }
}

/**
 * What an engine was charged. Adding is the cheap side: one addition; nanoseconds are worked out when the time is asked
 * for, a few times in a step.
 */
export class Charges {
  private readonly totals = new Float64Array(COSTS.length)
  /** Since `settle` was called last. */
  private readonly open = new Float64Array(COSTS.length)
  private readonly nsPerUnit = new Float64Array(COSTS.length)

  /** Throws BAD_ARGUMENT for a cost that is no number of nanoseconds. */
  constructor(engine: string, costs: CostTable) {
    for (const cost of COSTS) {
      const ns = costs[cost]
      if (!(ns >= 0 && ns < Infinity))
        throw new XenError(
          'BAD_ARGUMENT',
          `cost '${cost}' of engine '${engine}' is ${ns}; give ns per unit, 0 or more`,
        )
      this.nsPerUnit[placeOf(cost)] = ns
    }
  }

  add(cost: Cost, count: number): void {
    this.open[placeOf(cost)] += count
  }

  /** What a ring's end did in a burst: five additions in one call. */
  addWork(work: WorkUnits): void {
    const open = this.open
    open[placeOf('frame')] += work.frames
    open[placeOf('slot')] += work.slots
    open[placeOf('grantOp')] += work.grantOps
    open[placeOf('byteCopied')] += work.bytesCopied
    open[placeOf('byteSummed')] += work.bytesSummed
  }

  /** Units of a kind, ever. */
  count(cost: Cost): number {
    const place = placeOf(cost)
    return this.totals[place] + this.open[place]
  }

  /** Nanoseconds of what was added since `settle`. */
  get openNs(): number {
    const open = this.open
    const nsPerUnit = this.nsPerUnit
    let ns = 0
    for (let place = 0; place < open.length; place++) ns += open[place] * nsPerUnit[place]
    return ns
  }

  /** Nanoseconds of everything. */
  get totalNs(): number {
    let ns = this.openNs
    for (let place = 0; place < this.totals.length; place++) ns += this.totals[place] * this.nsPerUnit[place]
    return ns
  }

  /** Closes what is open and gives its nanoseconds. */
  settle(): number {
    const open = this.open
    const totals = this.totals
    const nsPerUnit = this.nsPerUnit
    let ns = 0
    for (let place = 0; place < open.length; place++) {
      const units = open[place]
      if (units === 0) continue
      ns += units * nsPerUnit[place]
      totals[place] += units
      open[place] = 0
    }
    return ns
  }
}
