import type { Frame } from '@netaccel/packet'
import type { Domain, Engine } from '@netaccel/xen'
import type { FromGuest, FromGuestParts } from '../from-guest.js'
import { LazyCopy } from './lazy-copy.js'
import type { LazyFrames } from './lazy-frames.js'
import { LazyFromGuest } from './lazy-from-guest.js'
import { throughLoop } from './loop-device.js'
import { HEADER_BYTES } from './mapped-batch.js'
import type { LazyCopyMode, LazyCopyOptions } from './modes.js'

/** What takes packets from a guest in a lazy copy mode on the queue's engine, with all that belongs to it. */
export function lazyPath(
  domain: Domain,
  engine: Engine,
  mode: LazyCopyMode,
  parts: FromGuestParts & { readonly frames: LazyFrames },
  { copyBreak = HEADER_BYTES, permuteReturns }: LazyCopyOptions,
): FromGuest {
  const { counters, frames, guest, responses, work } = parts
  const headers = domain.copyBatch()
  try {
    const lazy = new LazyCopy({
      domain,
      engine,
      guest,
      mode,
      counters,
      work,
      responses,
      frames: frames.size,
      permuteReturns,
    })
    frames.lazy = lazy
    const forward =
      mode !== 'netloop'
        ? parts.forward
        : (burst: readonly Frame[], count: number): void => {
            throughLoop(engine, burst, count)
            parts.forward(burst, count)
          }
    return new LazyFromGuest({
      ...parts,
      forward,
      lazy,
      headers,
      copyBreak: Math.max(copyBreak, HEADER_BYTES),
    })
  } catch (error) {
    headers.dispose()
    throw error
  }
}
