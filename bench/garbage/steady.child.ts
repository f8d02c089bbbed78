// One path in steady state, in a process of its own under --trace-gc: `steady.child.js PATH LENGTH FRAMES`. Between the
// lines 'begin' and 'end' V8 prints its collections; 'end' tells what the heap grew by, machine code left out.
import { writeSync } from 'node:fs'
import { getHeapSpaceStatistics } from 'node:v8'
import { dom0Path, localPath, type Path, type PathOptions, wirePath } from '../worlds/paths.js'

const PATHS: Readonly<Record<string, (options: PathOptions) => Promise<Path>>> = {
  local: localPath,
  'wire-slow': wirePath,
  'wire-fast': (options) => wirePath({ ...options, accel: '@netaccel/accel-solarflare-sim' }),
  'wire-dom0': dom0Path,
}

/** Bytes of objects. Code is the compilers' and comes in steps of 128 KiB, more than all turns of the event loop. */
function heapUsed(): number {
  let used = 0
  for (const space of getHeapSpaceStatistics())
    if (!space.space_name.startsWith('code_')) used += space.space_used_size
  return used
}

const [name, length, frames] = process.argv.slice(2)
const make = PATHS[name]
if (make === undefined) throw new Error(`there is no path ${name}`)
const count = Number(frames)
const path = await make({ length: Number(length) })
for (let i = 0; i < 4; i++) await path.send(count)
// The first two rehearse: an idle clock, a collection and a path that begins again make the compilers anew what they had,
// and what they write down of types counts as heap.
for (const [mark, times] of [
  ['rehearsal', 1],
  ['rehearsal', 3],
  ['', 1],
  ['', 3],
] as const) {
  await path.send(count)
  await path.settle()
  globalThis.gc?.()
  await path.send(count)
  const before = heapUsed()
  writeSync(1, `${mark}begin ${times}\n`)
  await path.send(count * times)
  const grown = heapUsed() - before
  writeSync(1, `${mark}end ${times} ${grown}\n`)
}
await path.close()
