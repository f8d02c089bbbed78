import { TypeScriptCopyEngine } from './copy-engine-typescript.js'
import { copyEngineModule } from './generated/copy-engine.js'
import type { Machine } from './machine.js'

export type CopyEngineKind = 'wasm' | 'typescript'

/** What the CPU does best, behind one interface with two implementations of equal results. */
export interface CopyEngine {
  readonly kind: CopyEngineKind
  /**
   * GNTTABOP_copy: carry out `count` (at most 64) gnttab_copy structs at machine byte offset `ops` for domain `caller`;
   * each status is written into its struct. Never throws.
   */
  copyBatch(ops: number, count: number, caller: number): void
  /**
   * The RFC 1071 sum of a machine range, folded to 16 bits and not inverted, big-endian words, an odd last byte padded
   * with 0; `initial` is a sum of the same kind to begin with.
   */
  checksum(address: number, length: number, initial: number): number
}

interface CopyEngineExports {
  copyBatch(ops: number, count: number, caller: number): void
  checksum(address: number, length: number, initial: number): number
}

let compiled: WebAssembly.Module | undefined

class WasmCopyEngine implements CopyEngine {
  readonly kind = 'wasm'
  readonly copyBatch: CopyEngine['copyBatch']
  readonly checksum: CopyEngine['checksum']

  constructor(machine: Machine) {
    compiled ??= new WebAssembly.Module(Buffer.from(copyEngineModule, 'base64'))
    const instance = new WebAssembly.Instance(compiled, { env: { memory: machine.memory } })
    const exports = instance.exports as unknown as CopyEngineExports
    this.copyBatch = exports.copyBatch
    // wasm gives a signed number; a folded sum is never negative.
    this.checksum = exports.checksum
  }
}

const engines = new WeakMap<Machine, Map<CopyEngineKind, CopyEngine>>()

/** The engine of that kind over a machine's memory; one of each kind per machine and thread. */
export function copyEngine(machine: Machine, kind: CopyEngineKind): CopyEngine {
  let made = engines.get(machine)
  if (made === undefined) engines.set(machine, (made = new Map()))
  let engine = made.get(kind)
  if (engine === undefined) {
    engine = kind === 'wasm' ? new WasmCopyEngine(machine) : new TypeScriptCopyEngine(machine)
    made.set(kind, engine)
  }
  return engine
}
