import type { Engine, GrantTable } from '@netaccel/xen'

const RETRY_NS = 1e9
/** Ten minutes; then what is still mapped stays out of use for as long as the guest lives. */
const MOST_RETRIES = 600

interface Entry {
  readonly ref: number
  readonly done: () => void
  tries: number
}

/**
 * References that a backend still used when their connection ended. Neither they nor their pages may be used again
 * before access has ended (XSA-396), so each is tried once a second, as Linux's deferred list does, and only then given
 * back.
 */
export class Quarantine {
  private readonly grants: GrantTable
  private readonly engine: Engine
  private entries: Entry[]
  private pending: boolean

  constructor(grants: GrantTable, engine: Engine) {
    this.grants = grants
    this.engine = engine
    this.entries = []
    this.pending = false
  }

  /** References that are still held. */
  get size(): number {
    return this.entries.length
  }

  /** Keep a claimed reference until its access has ended; it is released then, and `done` is called. */
  add(ref: number, done: () => void): void {
    this.entries.push({ ref, done, tries: 0 })
    this.watch()
  }

  private watch(): void {
    if (this.pending || !this.entries.some(({ tries }) => tries < MOST_RETRIES)) return
    this.pending = true
    this.engine.after(RETRY_NS, () => {
      this.pending = false
      this.retry()
      this.watch()
    })
  }

  private retry(): void {
    const entries = this.entries
    this.entries = []
    for (const entry of entries) {
      entry.tries++
      if (entry.tries > MOST_RETRIES || !this.grants.tryEnd(entry.ref)) {
        this.entries.push(entry)
        continue
      }
      this.grants.release(entry.ref)
      entry.done()
    }
  }
}
