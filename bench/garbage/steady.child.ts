// One path in steady state, in a process of its own under --trace-gc: `steady.child.js PATH LENGTH FRAMES`. Between the
// lines 'begin' and 'end' V8 prints its collections; 'end' tells what the heap grew by.
import { writeSync } from 'node:fs'
import { getHeapStatistics } from 'node:v8'
import { dom0Path, localPath, type Path, type PathOptions, wirePath } from '../worlds/paths.js'

const PATHS: Readonly<Record<string, (options: PathOptions) => Promise<Path>>> = {
  local: localPath,
  'wire-slow': wirePath,
  'wire-fast': (options) => wirePath({ ...options, accel: '@netaccel/accel-solarflare-sim' }),
  'wire-dom0': dom0Path,
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
  const before = getHeapStatistics().used_heap_size
  writeSync(1, `begin ${times}\n`)
  await path.send(count * times)
  const grown = getHeapStatistics().used_heap_size - before
  writeSync(1, `end ${times} ${grown}\n`)
}
await path.close()
