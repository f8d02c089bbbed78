import type { Cost } from './cost-table.js'
import type { Domain } from './domain.js'
import type { Engine } from './engine.js'

/** What a part of a domain that is called from any of its virtual CPUs needs of an engine. */
export type LocalCpu = Pick<Engine, 'charge' | 'stamp'>

/**
 * The virtual CPU on which a call runs: its work is charged there. Between the steps of all of them, the first. A domain
 * with one virtual CPU gets its engine itself.
 */
export function localCpu({ cpus, engine }: Domain): LocalCpu {
  if (cpus.length === 1) return engine
  const running = (): Engine => cpus.find((cpu) => cpu.running) ?? engine
  return {
    charge: (cost: Cost, count: number) => running().charge(cost, count),
    stamp: (into: Float64Array, at: number) => running().stamp(into, at),
  }
}
