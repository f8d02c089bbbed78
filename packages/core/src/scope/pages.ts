import { poolBytes } from '@netaccel/packet'
import { PAGE_SIZE } from '@netaccel/xen'
import type { Arena } from '../contract/index.js'
import { AcceleratorError } from '../errors.js'
import type { ScopeParts } from './parts.js'

/** Contiguous zeroed pages of the scope's domain; undefined when it has none left. */
export function allocateArena(parts: ScopeParts, pages: number): Arena | undefined {
  try {
    return parts.domain.extent.allocPages(pages)
  } catch (cause) {
    parts.log('warn', parts.domain.name, `no ${pages} contiguous pages`, cause)
    return undefined
  }
}

/** Pages that a pool of frames needs. */
export function poolPages(frames: number, bytesEach: number): number {
  if (!Number.isSafeInteger(frames) || frames < 1 || !Number.isSafeInteger(bytesEach) || bytesEach < 64) {
    throw new AcceleratorError(
      'BAD_ARGUMENT',
      `a pool of ${frames} frames of ${bytesEach} bytes: give at least 1 of 64`,
    )
  }
  return Math.ceil(poolBytes(frames, bytesEach) / PAGE_SIZE)
}
