import { flagOption, numberOption, wordOption } from '../shared/options.js'

/** What `load` can say to the backend half. */
export interface BackendOptions {
  /**
   * Which filter gives way to a new flow when a guest has used up its quota: 'lru', the one that has been idle the longest,
   * and none that carries traffic; 'random', any, as the original. Default 'lru'.
   */
  readonly replacement: 'lru' | 'random'
  /** Seed of the chance that 'random' draws by. */
  readonly seed: number
  /** Milliseconds that a filter must have been idle before 'lru' gives it away. Default 1,000. */
  readonly leastIdle: number
  /** Milliseconds without a frame after which a filter is taken away; 0: never. Default 30,000. */
  readonly filterIdle: number
  /** Filters name the guest's MAC too, so that they match nothing that is not the guest's. Default true. */
  readonly filterMac: boolean
  /** Entries of the event queue, and of the TX and RX descriptor rings: powers of two. Defaults 1,024, 512, 512. */
  readonly events: number
  readonly tx: number
  readonly rx: number
  /** Milliseconds that the guest may take to follow a farewell. Default 1,000; the host allows 2,000 in all. */
  readonly farewell: number
}

/** Reads `context.options`. Throws BAD_ARGUMENT for a value out of range; unknown names are not ours. */
export function backendOptions(options: Readonly<Record<string, unknown>>): BackendOptions {
  return {
    replacement: wordOption(options, 'replacement', 'lru', ['lru', 'random']),
    seed: numberOption(options, 'seed', 1, 0, 0xffff_ffff),
    leastIdle: numberOption(options, 'leastIdle', 1000, 0, 3_600_000),
    filterIdle: numberOption(options, 'filterIdle', 30_000, 0, 3_600_000),
    filterMac: flagOption(options, 'filterMac', true),
    events: powerOption(options, 'events', 1024, 4096),
    tx: powerOption(options, 'tx', 512, 512),
    rx: powerOption(options, 'rx', 512, 512),
    farewell: numberOption(options, 'farewell', 1000, 1, 60_000),
  }
}

/** A power of two from 64 up, or the next one above what was given. */
function powerOption(
  options: Readonly<Record<string, unknown>>,
  name: string,
  otherwise: number,
  most: number,
): number {
  const wanted = numberOption(options, name, otherwise, 64, most)
  let power = 64
  while (power < wanted) power *= 2
  return power
}
