// What it costs to wake a blocked thread: half of a round trip between two threads that both block.
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { median } from '../lib/cpu.js'

const TRIPS = 2000
const ROUNDS = 5

const source = `
const { workerData } = require('node:worker_threads')
const words = new Int32Array(workerData)
for (let turn = 1; ; turn += 2) {
  Atomics.wait(words, 0, turn - 1)
  if (Atomics.load(words, 1) === 1) break
  Atomics.store(words, 0, turn + 1)
  Atomics.notify(words, 0)
}
`

/** By the machine's clock, since nobody computes meanwhile. */
export async function wakeup(): Promise<number> {
  const words = new Int32Array(new SharedArrayBuffer(8))
  const worker = new Worker(source, { eval: true, workerData: words.buffer })
  await once(worker, 'online')
  const found: number[] = []
  let turn = 0
  const trip = (): void => {
    Atomics.store(words, 0, ++turn)
    Atomics.notify(words, 0)
    Atomics.wait(words, 0, turn)
    turn++
  }
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now()
    for (let i = 0; i < TRIPS; i++) trip()
    found.push(((performance.now() - start) * 1e6) / TRIPS / 2)
  }
  Atomics.store(words, 1, 1)
  Atomics.store(words, 0, ++turn)
  Atomics.notify(words, 0)
  await once(worker, 'exit')
  return median(found)
}
