// The pin word as a lock between threads: a worker with the wasm module and this thread with the TypeScript twin copy
// through the same two references, one of them mapped meanwhile. A broken lock shows as a pin or status bit that stays, or
// as a spin that never ends.
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import { copyEngineModule } from './generated/copy-engine.js'
import { GrantCopyBatch } from './grant-copy-batch.js'
import { GrantOps } from './grant-ops.js'
import { GrantTable } from './grant-table.js'
import { Machine } from './machine.js'
import { MappedPage } from './mapped-page.js'
import { pinsOnDomain } from './reaper.js'

const ROUNDS = 3000

/** Runs the batch at `ops` until the word at `stop` is set, and counts the operations that failed. */
const workerSource = `
const { parentPort, workerData } = require('node:worker_threads')
const { bytes, memory, ops, count, caller, stop } = workerData
const { copyBatch } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory } }).exports
const statuses = new Int16Array(memory.buffer, ops, count * 20)
const words = new Int32Array(memory.buffer)
let failed = 0
while (Atomics.load(words, stop) !== 2) {
  copyBatch(ops, count, caller)
  for (let index = 0; index < count; index++) if (statuses[index * 20 + 18] !== 0) failed++
  Atomics.compareExchange(words, stop, 0, 1)
}
parentPort.postMessage(failed)
`

describe('two threads on the same grants', () => {
  it('leave no pin, no status bit and no failed copy behind', async () => {
    const machine = new Machine({ bytes: 1 << 20, maxDomains: 2 })
    const own = machine.createExtent(0, 16)
    const guest = machine.createExtent(1, 16)
    const table = new GrantTable(machine, guest)
    const ops = new GrantOps(machine, 0, { engine: 'typescript' })
    const refs = guest.allocPages(2).pages.map((page) => table.grant(0, page, 'rw'))
    const local = own.allocPages(1)
    const batches = [new GrantCopyBatch(ops), new GrantCopyBatch(ops)]
    const offsets = [local.offset + 4096, local.offset + 8192]
    for (const batch of batches) {
      while (!batch.full) {
        batch.fromGrant(refs[batch.count & 1], 1, 0, local.offset, 64)
        batch.toGrant(local.offset, refs[batch.count & 1], 1, 64, 64)
        batch.grantToGrant(refs[0], 1, 0, refs[1], 1, 128, 8)
        batch.grantToGrant(refs[1], 1, 0, refs[0], 1, 128, 8)
      }
    }
    // 0: not begun, 1: the worker is at it, 2: stop.
    const stop = machine.reserve(4)
    const worker = new Worker(workerSource, {
      eval: true,
      workerData: {
        bytes: Buffer.from(copyEngineModule, 'base64'),
        memory: machine.memory,
        // The page of the second batch.
        ops: own.base + offsets[1],
        count: 64,
        caller: 0,
        stop: stop >> 2,
      },
    })
    const answer = once(worker, 'message')
    await once(worker, 'online')
    while (Atomics.load(machine.words, stop >> 2) === 0) await new Promise((resolve) => setImmediate(resolve))
    let failed = 0
    for (let round = 0; round < ROUNDS; round++) {
      const page = ops.map(1, refs[round & 1], 'ro')
      batches[0].run()
      for (let index = 0; index < 64; index++) if (batches[0].status(index) !== 0) failed++
      if (!(page instanceof MappedPage) || ops.unmap(page) !== 0) failed++
    }
    Atomics.store(machine.words, stop >> 2, 2)
    expect(await answer).toEqual([0])
    expect(failed).toBe(0)
    expect(pinsOnDomain(machine, 1)).toEqual([])
    expect(refs.map((ref) => table.flagsOf(ref))).toEqual([1, 1])
    expect(machine.inHypercall()).toBe(-1)
    await worker.terminate()
  })
})
