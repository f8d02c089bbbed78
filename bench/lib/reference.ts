import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Hop } from '../ring-hop/hop.js'
import { rate } from './cpu.js'
import type { Report } from './report.js'

/**
 * Packets a second of processor time that the C ring hop must reach itself on a machine like the one that the targets
 * were set on.
 */
const FLOOR: Readonly<Record<number, number>> = { 64: 30e6, 1500: 12e6 }

/** What rings are measured against: the C ring hop, or our own hop where no C compiler is. */
export class Reference {
  readonly name: 'C ring hop' | 'wasm loop'
  private readonly folder: string | null
  private readonly hops = new Map<number, Hop>()
  private readonly best = new Map<number, number>()

  constructor(report: Report) {
    this.folder = compile()
    this.name = this.folder === null ? 'wasm loop' : 'C ring hop'
    if (this.folder === null)
      report.remark('There is no C compiler (gcc): our own ring hop, the wasm loop, is the reference.')
  }

  /** A ratio to our own hop says nothing of the hop itself. */
  get isC(): boolean {
    return this.folder !== null
  }

  /** Packets a second of processor time, measured now. */
  measure(bytes: number, seconds: number): number {
    const found = this.folder === null ? this.own(bytes, seconds) : run(this.folder, bytes, seconds)
    this.best.set(bytes, Math.max(found, this.best.get(bytes) ?? 0))
    return found
  }

  /** Say so if the reference did not reach its floor, and fail the run; then clean up. */
  close(report: Report): void {
    if (this.folder === null) return
    for (const [bytes, best] of this.best) {
      const floor = FLOOR[bytes] ?? 0
      const figures = `${Math.round(best)} of ${floor} packets/s`
      if (best < floor)
        report.remark(`Reference too slow: the C ring hop at ${bytes} B makes ${figures}.`, true)
    }
    rmSync(this.folder, { recursive: true, force: true })
  }

  private own(bytes: number, seconds: number): number {
    let hop = this.hops.get(bytes)
    if (hop === undefined) this.hops.set(bytes, (hop = new Hop(bytes, 'wasm')))
    return hopRate(hop, seconds)
  }
}

/** Packets a second of processor time over our own hop. */
export function hopRate(hop: Pick<Hop, 'round' | 'batch'>, seconds: number): number {
  return rate(seconds, () => {
    for (let i = 0; i < 200; i++) hop.round()
    return 200 * hop.batch
  })
}

/** With -O2 -march=native. Null where there is no C compiler. */
function compile(): string | null {
  const source = process.env['NETACCEL_BENCH_REFERENCE']
  if (source === undefined || spawnSync('gcc', ['--version'], { stdio: 'ignore' }).status !== 0) return null
  const folder = mkdtempSync(join(tmpdir(), 'netaccel-bench-'))
  execFileSync('gcc', ['-std=gnu11', '-O2', '-march=native', '-o', join(folder, 'ring_hop'), source])
  return folder
}

function run(folder: string, bytes: number, seconds: number): number {
  return Number(
    execFileSync(join(folder, 'ring_hop'), [String(bytes), String(seconds)], { encoding: 'utf8' }),
  )
}
