import type { World } from '@netaccel/host'
import { readMeter, spanOf, timeOf } from './meter.js'
import type { Reading, Span } from './meter.js'
import type { Phase } from './report.js'
import type { Traffic } from './traffic.js'

const SAMPLE_NS = 200_000_000
const SAMPLES_A_ROW = 5
const DRAIN_STEP_NS = 20_000_000
const DRAIN_PATIENCE_NS = 5_000_000_000

/** The phases of the main job, a slow and a fast one a cycle: the same traffic runs through all of them. */
export function phasesOf(cycles: number): { readonly name: string; readonly loaded: boolean }[] {
  return Array.from({ length: 2 * cycles }, (_, i) => {
    const round = i >> 1
    const loaded = i % 2 === 1
    const again = round === 0 ? '' : cycles === 2 ? ' again' : ` ${round + 1}`
    return { name: `${loaded ? 'fast' : 'slow'}${again}`, loaded }
  })
}

export interface Accelerator {
  readonly name: string
  load(): Promise<void>
  unload(): Promise<void>
}

export interface Event {
  /** Seconds after the traffic began. */
  readonly at: number
  readonly text: string
  /** A word for charts; events without one are in the list only. */
  readonly mark?: string
}

/** What the switches between the paths did to the order of flows: none of their segments may overtake another. */
export interface Switches {
  readonly count: number
  /** Segments that left behind a later one of their flow, from the beginning of a switch to 200 ms after its end. */
  readonly reordered: number
}

export interface ExperimentOptions {
  readonly world: World
  readonly traffic: Traffic
  readonly accelerator: Accelerator
  readonly phaseSeconds: number
  /** Times that the accelerator is loaded. */
  readonly cycles: number
  /** Asked between samples: end early, in good order. */
  readonly interrupted: () => boolean
  readonly onRow: (span: Span, reading: Reading) => void
  readonly onEvent: (text: string) => void
}

export interface Experiment {
  readonly phases: readonly Phase[]
  /** Five a second; times from the beginning of the traffic. */
  readonly samples: readonly Span[]
  readonly events: readonly Event[]
  readonly switches: Switches
  /** All that was under way arrived before the accelerator was removed. */
  readonly drained: boolean
  /** Every phase was run. */
  readonly whole: boolean
}

/** Runs the phases in a world under whichever clock it has. */
class Run {
  readonly phases: Phase[] = []
  readonly samples: Span[] = []
  readonly events: Event[] = []
  readonly #options: ExperimentOptions
  readonly #begin: number
  #switches: Switches = { count: 0, reordered: 0 }
  #last: Reading
  #row: Reading
  #loaded = false

  constructor(options: ExperimentOptions) {
    this.#options = options
    this.#last = readMeter(options.world)
    this.#begin = this.#last.at
    this.#row = this.#last
  }

  note(text: string, mark?: string): void {
    const at = (timeOf(this.#options.world) - this.#begin) / 1e9
    this.events.push(mark === undefined ? { at, text } : { at, text, mark })
    this.#options.onEvent(text)
  }

  get switches(): Switches {
    return this.#switches
  }

  async phase(name: string, loaded: boolean): Promise<void> {
    const { phaseSeconds, interrupted, world } = this.#options
    const before = reordered(world)
    const switched = await this.accelerate(loaded)
    const first = this.#sample()
    for (let left = phaseSeconds * 1e9; left > 0 && !interrupted(); left -= SAMPLE_NS) {
      await world.run({ for: Math.min(left, SAMPLE_NS) })
      this.#sample()
      if (switched && left === phaseSeconds * 1e9) this.#switched(reordered(world) - before)
    }
    const span = spanOf(first, this.#last)
    if (span.seconds > 0) this.phases.push({ name, loaded, span })
  }

  /** Loaded or not, as asked; traffic goes on meanwhile. True if that took a switch. */
  async accelerate(loaded: boolean): Promise<boolean> {
    const { accelerator, world } = this.#options
    if (loaded === this.#loaded) return false
    const from = timeOf(world)
    this.note(`${accelerator.name}: ${loaded ? 'load' : 'unload'}`, loaded ? 'load' : 'unload')
    await world.drive(loaded ? accelerator.load() : accelerator.unload())
    this.#loaded = loaded
    const ms = ((timeOf(world) - from) / 1e6).toFixed(1)
    this.note(
      `${accelerator.name}: ${loaded ? 'active on every vif' : 'gone'} after ${ms} ms`,
      loaded ? 'active' : 'gone',
    )
    return true
  }

  async drain(): Promise<boolean> {
    const { world } = this.#options
    for (let left = DRAIN_PATIENCE_NS; left > 0; left -= DRAIN_STEP_NS) {
      await world.run({ for: DRAIN_STEP_NS })
      if (world.status().inFlight === 0) return true
    }
    return false
  }

  #switched(overtaken: number): void {
    const { count, reordered: sofar } = this.#switches
    this.#switches = { count: count + 1, reordered: sofar + overtaken }
  }

  /** Note what happened since the last sample, and each second show it. */
  #sample(): Reading {
    const { world, onRow } = this.#options
    const reading = readMeter(world)
    if (reading.at > this.#last.at) {
      const span = spanOf(this.#last, reading)
      this.samples.push({ ...span, from: (span.from - this.#begin) / 1e9 })
      if (reading.at - this.#row.at >= SAMPLES_A_ROW * SAMPLE_NS * 0.99) {
        const row = spanOf(this.#row, reading)
        onRow({ ...row, from: row.from - this.#begin }, reading)
        this.#row = reading
      }
    }
    this.#last = reading
    return reading
  }
}

/**
 * The whole experiment: traffic, phases, senders stopped, drained, accelerator removed. The world and the traffic are
 * left open, to be judged.
 */
export async function runExperiment(options: ExperimentOptions): Promise<Experiment> {
  const { world, traffic } = options
  await world.drive(traffic.start())
  const run = new Run(options)
  run.note(`traffic: ${traffic.description}`)
  for (const { name, loaded } of phasesOf(options.cycles)) {
    if (!options.interrupted()) await run.phase(name, loaded)
  }
  await world.drive(traffic.stopSenders())
  run.note('senders stopped')
  const drained = await run.drain()
  traffic.rest()
  await run.accelerate(false)
  await run.drain()
  return {
    phases: run.phases,
    samples: run.samples,
    events: run.events,
    switches: run.switches,
    drained,
    whole: !options.interrupted(),
  }
}

/** Overtakes that the edge oracle has seen so far. */
function reordered(world: World): number {
  return world.oracle?.verdict().reordered ?? 0
}
