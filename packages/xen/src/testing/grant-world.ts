// Seeded worlds of hostile grant tables and copy batches, for the tests that hold the two copy engines together.
import { Random } from '@netaccel/packet'
import { DOMID_SELF } from '../grant-abi.js'
import { addGrantFrame } from '../grant-frames.js'
import { GrantOps } from '../grant-ops.js'
import { COPY_OP_BYTES } from '../hypervisor-layout.js'
import { Machine } from '../machine.js'
import type { Extent } from '../extent.js'

export const CALLER = 0
export const PAGES = 12
/** Frames 0 and 1 of each granting domain are its grant table. */
export const TABLE_PAGES = 2
const DOMAINS = 4
const OPS = 24

export interface GrantWorld {
  readonly machine: Machine
  readonly extents: readonly Extent[]
  /** Machine byte offset of the batch, in the caller's page 0. */
  readonly ops: number
  readonly count: number
}

export interface GrantWorldOptions {
  /** A copy may hit the grant tables and the batch itself, and so change operations that come after it. */
  readonly selfModifying: boolean
  /** Contents of the pages are drawn from this seed, everything else from the first. */
  readonly contents?: number
  /** As `MachineOptions.threads`. */
  readonly threads?: 'one' | 'many'
}

/** One of `values`, drawn. */
function pick(random: Random, values: readonly number[]): number {
  return values[random.below(values.length)]
}

/** References at the ends of the table and just outside, and some in the middle. */
function anyRef(random: Random): number {
  const edges = [0, 7, 8, 511, 512, 1023, 1024, 0x7fffffff, 0x80000000, 0xffffffff]
  return random.below(8) === 0 ? pick(random, edges) : 8 + random.below(14)
}

function anyFlags(random: Random): number {
  const usual = [1, 1, 1, 5, 5, 1 + 8, 1 + 8 + 16, 5 + 8, 0, 2, 3, 1 + 256, 1 + 32 + 64]
  return random.below(10) === 0 ? random.below(65536) : pick(random, usual)
}

function writeEntries(extent: Extent, random: Random, options: GrantWorldOptions): void {
  const first = options.selfModifying ? 0 : TABLE_PAGES
  for (let ref = 0; ref < 1024; ref = ref === 40 ? 500 : ref + 1) {
    const at = ref * 8
    const frame = random.below(8) === 0 ? pick(random, [PAGES, PAGES + 1, 0xf0000, 0xffffffff]) : -1
    const domid = random.below(8) === 0 ? pick(random, [1, 2, 3, 0x7ff0, 0xffff]) : CALLER
    extent.view.setUint16(at, anyFlags(random), true)
    extent.view.setUint16(at + 2, domid, true)
    extent.view.setUint32(at + 4, frame >= 0 ? frame : first + random.below(PAGES - first), true)
  }
}

/** Pins from before the batch: mappings of the caller and of domain 2, some counters near their limit. */
function takePins(machine: Machine, random: Random): void {
  const mappers = [new GrantOps(machine, CALLER), new GrantOps(machine, 2)]
  for (let count = random.below(12); count > 0; count--) {
    const mapper = mappers[random.below(2)]
    const ref = 8 + random.below(14)
    const access = random.below(2) === 0 ? 'ro' : 'rw'
    const times = random.below(6) === 0 ? 128 : 1
    for (let time = 0; time < times; time++) mapper.map(1 + random.below(2), ref, access)
  }
}

/** One side: a grant or the caller's own page, mostly well formed, else anything. Returns true for a grant. */
function writeSide(view: DataView, at: number, random: Random, own: number, length: number): boolean {
  const grant = random.below(3) !== 0
  const wild = random.below(12) === 0
  const number = grant ? anyRef(random) : 1 + random.below(PAGES - 1)
  view.setUint32(at, wild ? pick(random, [own, PAGES, 0xf0000, 0xffffffff]) : number, true)
  view.setUint32(at + 4, random.below(16) === 0 ? 1 : 0, true)
  const domid = grant ? 1 + random.below(2) : DOMID_SELF
  const odd = pick(random, [0, 1, 2, 3, 4, 31, 32, 40000, DOMID_SELF])
  view.setUint16(at + 8, random.below(12) === 0 ? odd : domid, true)
  const ends = [
    random.below(4097),
    random.below(200),
    random.below(200),
    Math.max(0, 4096 - length + random.below(2)),
  ]
  const offset = pick(random, ends)
  view.setUint16(at + 10, random.below(20) === 0 ? random.below(65536) : offset, true)
  view.setUint32(at + 12, random.next32(), true)
  return grant
}

function writeOps(view: DataView, random: Random, own: number): void {
  const lengths = [1, 2, 3, 4, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 200, 1500, 3000]
  for (let index = 0; index < OPS; index++) {
    const at = index * COPY_OP_BYTES
    const length = random.below(10) === 0 ? pick(random, [0, 4095, 4096, 4097, 65535]) : pick(random, lengths)
    const source = writeSide(view, at, random, own, length)
    const dest = writeSide(view, at + 16, random, own, length)
    view.setUint16(at + 32, length, true)
    const flags = (source ? 1 : 0) | (dest ? 2 : 0)
    view.setUint16(at + 34, random.below(16) === 0 ? random.below(65536) : flags, true)
    view.setUint32(at + 36, random.next32(), true)
  }
}

/** The world of a seed: equal seeds and options give equal machine memory, byte for byte. */
export function grantWorld(seed: number, options: GrantWorldOptions): GrantWorld {
  const machine = new Machine({ bytes: 1 << 19, maxDomains: 32, threads: options.threads })
  const extents = Array.from({ length: DOMAINS }, (_, domid) => machine.createExtent(domid, PAGES))
  const random = new Random(seed)
  const contents = new Random(options.contents ?? seed + 0x10000)
  for (const extent of extents)
    for (let at = 0; at < extent.length; at += 4) extent.view.setUint32(at, contents.next32())
  for (const domid of [1, 2, 3]) {
    const extent = extents[domid]
    for (let frame = 0; frame < TABLE_PAGES; frame++) {
      extent.bytes.fill(0, frame * 4096, frame * 4096 + 4096)
      addGrantFrame(machine, domid, frame as never)
    }
    writeEntries(extent, random, options)
  }
  takePins(machine, random)
  if (random.below(4) === 0) machine.markDying(3)
  // The batch lies in the caller's page 0.
  writeOps(extents[CALLER].view, random, options.selfModifying ? 0 : 1)
  return { machine, extents, ops: extents[CALLER].base, count: OPS }
}

/** Statuses that a run left in the batch. */
export function statuses({ extents, count }: GrantWorld): number[] {
  return Array.from({ length: count }, (_, index) =>
    extents[CALLER].view.getInt16(index * COPY_OP_BYTES + 36, true),
  )
}
