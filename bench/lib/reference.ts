import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A C program of bench/reference, compiled for this machine. */
export interface Reference {
  run(...args: (string | number)[]): number
  dispose(): void
}

/** Compile `source` with -O2 -march=native. Undefined where there is no C compiler. */
export function compileReference(source: string): Reference | undefined {
  if (spawnSync('gcc', ['--version'], { stdio: 'ignore' }).status !== 0) return undefined
  const folder = mkdtempSync(join(tmpdir(), 'netaccel-bench-'))
  const program = join(folder, 'reference')
  execFileSync('gcc', ['-std=gnu11', '-O2', '-march=native', '-o', program, source])
  return {
    run: (...args) => Number(execFileSync(program, args.map(String), { encoding: 'utf8' })),
    dispose: () => rmSync(folder, { recursive: true, force: true }),
  }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}
