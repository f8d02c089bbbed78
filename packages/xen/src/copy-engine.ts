import { TypeScriptCopyEngine } from './copy-engine-typescript.js'
import { copyEngineModule } from './generated/copy-engine.js'
import type { Machine } from './machine.js'

export type CopyEngineKind = 'wasm' | 'typescript'

/**
 * What the CPU does best, behind one interface with two implementations of equal results. Addresses are machine byte
 * offsets; unless said otherwise the caller has checked that its ranges are its own.
 */
export interface CopyEngine {
  readonly kind: CopyEngineKind
  /**
   * GNTTABOP_copy: carry out `count` (at most 64) gnttab_copy structs at `ops` for domain `caller`; each status is
   * written into its struct. Returns how many failed. Never throws, whatever the structs and the grant tables hold.
   */
  copyBatch(ops: number, count: number, caller: number): number
  /**
   * GNTTABOP_map_grant_ref: carry out `count` (at most 64) gnttab_map_grant_ref structs at `ops`, each at an address of a VM
   * area, for domain `caller`, who has handles enough; status and handle are written into each. Returns how many failed.
   */
  mapBatch(ops: number, count: number, caller: number): number
  /** GNTTABOP_unmap_grant_ref for as many gnttab_unmap_grant_ref structs. Returns how many failed. */
  unmapBatch(ops: number, count: number, caller: number): number
  /** Move bytes within machine memory; the ranges may overlap (memmove). What a DMA engine does. */
  copy(to: number, from: number, length: number): void
  /**
   * The RFC 1071 sum of a machine range, folded to 16 bits and not inverted, big-endian words, an odd last byte padded
   * with 0; `initial` (0 to 0xffff) is a sum of the same kind to begin with. Lengths up to 128 KiB.
   */
  checksum(address: number, length: number, initial: number): number
  /**
   * Carries out `count` frame moves listed at `list`, see `frame-moves.ts`: copies each frame, says whether it is plain and
   * whose, and fills in or checks its checksums as its bytes pass. The caller has checked every range; list and copies are
   * where nobody else writes.
   */
  moveFrames(list: number, count: number): void
  /**
   * The guest's end of access through `count` slots listed at `queue`, see `RingGrants`. `entries` has the machine offset
   * of each slot's entry; `results` gets, in the order of the queue, 1 ended, 0 in use. All u32. Returns how many are in
   * use.
   */
  endGrants(entries: number, queue: number, count: number, results: number): number
}

type CopyEngineExports = Omit<CopyEngine, 'kind'>

let compiled: WebAssembly.Module | undefined

/** The exports are the methods: a wrapper around each would cost more than a small copy. */
class WasmCopyEngine implements CopyEngine {
  readonly kind = 'wasm'
  readonly copyBatch: CopyEngine['copyBatch']
  readonly mapBatch: CopyEngine['mapBatch']
  readonly unmapBatch: CopyEngine['unmapBatch']
  readonly copy: CopyEngine['copy']
  readonly checksum: CopyEngine['checksum']
  readonly moveFrames: CopyEngine['moveFrames']
  readonly endGrants: CopyEngine['endGrants']

  constructor(machine: Machine) {
    compiled ??= new WebAssembly.Module(Buffer.from(copyEngineModule, 'base64'))
    const instance = new WebAssembly.Instance(compiled, { env: { memory: machine.memory } })
    const exports = instance.exports as unknown as CopyEngineExports
    this.copyBatch = exports.copyBatch
    this.mapBatch = exports.mapBatch
    this.unmapBatch = exports.unmapBatch
    this.copy = exports.copy
    this.checksum = exports.checksum
    this.moveFrames = exports.moveFrames
    this.endGrants = exports.endGrants
  }
}

const engines = new WeakMap<Machine, Map<CopyEngineKind, CopyEngine>>()

/** The engine of that kind over a machine's memory; one of each kind per machine and thread. */
export function copyEngine(machine: Machine, kind: CopyEngineKind = 'wasm'): CopyEngine {
  let made = engines.get(machine)
  if (made === undefined) engines.set(machine, (made = new Map()))
  let engine = made.get(kind)
  if (engine === undefined) {
    engine = kind === 'wasm' ? new WasmCopyEngine(machine) : new TypeScriptCopyEngine(machine)
    made.set(kind, engine)
  }
  return engine
}
