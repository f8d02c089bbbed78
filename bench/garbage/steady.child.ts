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
for (const times of [1, 3]) {
  // What the compilers still have to do, they do here.
  await path.send(count)
  await path.settle()
  globalThis.gc?.()
  const before = heapUsed()
  writeSync(1, `begin ${times}\n`)
  await path.send(count * times)
  const grown = heapUsed() - before
  writeSync(1, `end ${times} ${grown}\n`)
}
await path.close()
