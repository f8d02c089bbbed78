import { AcceleratorError } from '../errors.js'
import { allocateArena, poolPages } from './pages.js'
import { PluginPool } from './plugin-pool.js'
import type { ScopeBook } from './scope-book.js'

/**
 * The door `pool`: frames over pages of the scope's domain. When the scope closes no frame is given out any more, frames that
 * the plugin kept count against MEM-05, and the pages go back when the host has let go of the last frame that it was given.
 * `freed`: a frame has come back. Throws NO_MEMORY, BAD_ARGUMENT.
 */
export function takePool(
  book: ScopeBook,
  frames: number,
  bytesEach: number,
  freed: (() => void) | null = null,
): PluginPool {
  book.enter('pool')
  const pages = poolPages(frames, bytesEach)
  const arena = book.fails('pool') ? undefined : allocateArena(book.parts, pages)
  if (arena === undefined) {
    throw new AcceleratorError(
      'NO_MEMORY',
      `pool: ${frames} frames of ${bytesEach} bytes need ${pages} contiguous pages`,
    )
  }
  const pool = new PluginPool(arena, frames, bytesEach, () => book.parts.kept.settle(), freed)
  book.take('pool', `${frames} frames of ${bytesEach} bytes`, (forced) => {
    pool.close()
    // By force the plugin was not asked to give anything back.
    if (!forced && pool.heldByPlugin() > 0) book.parts.tally.violation('MEM-05')
    book.parts.kept.release(arena, () => pool.onLoan())
  })
  return pool
}
