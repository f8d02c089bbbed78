// No garbage on any path: N and then 3N frames in steady state meet as many scavenges, and the heap grows by nothing.
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { Report } from './lib/report.js'

const CHILD = fileURLToPath(new URL('./garbage/steady.child.js', import.meta.url))
const PATHS = ['local', 'wire-slow', 'wire-fast', 'wire-dom0']
const SIZES = [
  { length: 64, title: '64 B', frames: 150_000 },
  { length: 65_535, title: 'GSO 64 KiB', frames: 20_000 },
]
const MOST_BYTES = 0.5

interface Stretch {
  readonly scavenges: number
  readonly bytes: number
}

/** What the child printed between 'begin TIMES' and 'end TIMES BYTES'. */
function stretch(output: string, times: number): Stretch {
  const found = new RegExp(`^begin ${times}\\n([^]*?)^end ${times} (-?\\d+)\\n`, 'm').exec(output)
  if (found === null) throw new Error(`the child did not finish:\n${output}`)
  return { scavenges: found[1].match(/Scavenge/g)?.length ?? 0, bytes: Math.max(0, Number(found[2])) }
}

const report = new Report()
for (const path of PATHS) {
  for (const { length, title, frames } of SIZES) {
    // Each gc() makes V8 forget functions that were not run lately, and what it makes anew of them counts as heap.
    const args = [
      '--expose-gc',
      '--trace-gc',
      '--no-flush-bytecode',
      CHILD,
      path,
      String(length),
      String(frames),
    ]
    const output = execFileSync(process.execPath, args, { encoding: 'utf8' })
    const [once, thrice] = [stretch(output, 1), stretch(output, 3)]
    const growth = thrice.bytes / (3 * frames)
    report.below(`heap growth, ${path} ${title}`, growth, 'bytes/frame', MOST_BYTES)
    const more = thrice.scavenges - once.scavenges
    const figures = `${once.scavenges} scavenges in ${frames} frames, ${thrice.scavenges} in ${3 * frames}`
    if (more !== 0) report.remark(`Garbage on ${path} ${title}: ${figures}.`, true)
  }
}
report.finish()
