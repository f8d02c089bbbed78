import { flagOption, numberOption } from '../shared/options.js'

/** What `load` can say to the frontend half. */
export interface FrontendOptions {
  /** Copy frames into buffers of our own before they are sent, as the original did. Default false: send from where they lie. */
  readonly copy: boolean
  /** Pages of receive buffers, two in each; 32 to 256. Default 192: the original's 384 buffers. */
  readonly receivePages: number
  /** Merge received segments of one TCP flow into one frame (large receive offload). Default true. */
  readonly lro: boolean
  /** Segments in order that a flow must show before its segments are merged. Default 300. */
  readonly slowStart: number
  /** Milliseconds after which an address that was not seen by way of the NIC is forgotten. Default 30,000. */
  readonly macAge: number
  /** Milliseconds that coming to terms with the other half may take. Default 4,000; the host allows 5,000 in all. */
  readonly handshake: number
  /** Milliseconds that the other half may take to follow a farewell. Default 1,000; the host allows 2,000 in all. */
  readonly farewell: number
}

/** Reads `context.options`. Throws BAD_ARGUMENT for a value out of range; unknown names are not ours. */
export function frontendOptions(options: Readonly<Record<string, unknown>>): FrontendOptions {
  return {
    copy: flagOption(options, 'copy', false),
    receivePages: numberOption(options, 'receivePages', 192, 32, 256),
    lro: flagOption(options, 'lro', true),
    slowStart: numberOption(options, 'slowStart', 300, 0, 65_535),
    macAge: numberOption(options, 'macAge', 30_000, 100, 3_600_000),
    handshake: numberOption(options, 'handshake', 4000, 1, 60_000),
    farewell: numberOption(options, 'farewell', 1000, 1, 60_000),
  }
}
