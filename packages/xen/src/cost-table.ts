/**
 * What a unit of work costs under the virtual clock.
 *
 * Each kind is charged by the code that does the work, to the engine it runs on. The kinds are closed so that a table
 * always covers all of them, and so that a test can ask an engine for the count of every kind.
 */
export const COSTS = [
  /** One frame passed through one stage (a driver, a bridge, a NIC engine). */
  'frame',
  /** One ring slot written or read, request or response. */
  'slot',
  /** One byte copied by the processor or the copy engine. */
  'byteCopied',
  /** One grant operation: map, unmap, or one entry of a copy batch. */
  'grantOp',
  /** One event channel notification: the hypercall of the sender. */
  'notification',
  /** One idle engine woken by an upcall: interrupt delivery and schedule, paid by the engine that wakes. */
  'wakeup',
  /** One NIC descriptor written, read or completed. */
  'descriptor',
  /** One call of a poller. Charged by the engine itself, so that a poller can never run for nothing. */
  'poll',
  /** One event handler run from an upcall. Charged by the event channels. */
  'event',
  /** One uncached access to a device register: a doorbell. */
  'doorbell',
  /** One byte summed for a checksum by the processor. */
  'byteSummed',
  /** One byte read or written by a device over the bus. */
  'byteDma',
] as const

/** A kind of work. */
export type Cost = (typeof COSTS)[number]

/** Nanoseconds per unit of each kind; fractions are allowed. */
export interface CostTable extends Readonly<Record<Cost, number>> {}

/**
 * Medians on a 2-core Zen 4 virtual machine with Node 20, rounded: a slot 2 to 8 ns with its share of the index
 * updates, a copy at about 40 GB/s, a blocked thread woken in 21 us.
 */
export const defaultCosts: CostTable = {
  frame: 20,
  slot: 8,
  byteCopied: 0.025,
  grantOp: 20,
  notification: 250,
  wakeup: 21_000,
  descriptor: 10,
  poll: 30,
  event: 30,
  doorbell: 100,
  byteSummed: 0.1,
  byteDma: 0.025,
}

/** A table in which every cost is `factor` times that of `table`. Claims in virtual time are repeated at 0.5 and 2. */
export function scaleCosts(table: CostTable, factor: number): CostTable {
  const scaled: Record<string, number> = {}
  for (const cost of COSTS) scaled[cost] = table[cost] * factor
  return scaled as unknown as CostTable
}
