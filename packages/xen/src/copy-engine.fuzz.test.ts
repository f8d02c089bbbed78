// Hostile grant tables and batches: nothing throws, nothing outside the granted ranges is read or written, no pin is
// left. The oracle below shares no code with the engines.
import { describe, expect, it } from 'vitest'
import { copyEngine } from './copy-engine.js'
import { pinsOnDomain } from './reaper.js'
import { CALLER, grantWorld, PAGES, statuses, TABLE_PAGES } from './testing/grant-world.js'
import type { GrantWorld } from './testing/grant-world.js'

/** Fixed, unless `npm run fuzz` says where to begin. */
const SEEDS = 120
const FIRST = Number(process.env.NETACCEL_SEED ?? 0) * SEEDS

/** Every other world is one thread's: there the wasm module takes no locks. */
function worldOf(seed: number): GrantWorld {
  return grantWorld(seed, { selfModifying: false, threads: seed % 2 === 0 ? 'one' : 'many' })
}

/** For each page of each granting domain: may the caller read it, may it write it? By the entries as the guest wrote them. */
function allowed({ machine, extents }: GrantWorld): { read: Set<string>; write: Set<string> } {
  const read = new Set<string>()
  const write = new Set<string>()
  for (const domid of [1, 2, 3]) {
    const { view } = extents[domid]
    for (let ref = 0; ref < 1024; ref++) {
      const flags = view.getUint16(ref * 8, true)
      const frame = view.getUint32(ref * 8 + 4, true)
      if ((flags & 3) !== 1 || view.getUint16(ref * 8 + 2, true) !== CALLER || frame >= PAGES) continue
      read.add(`${domid}.${frame}`)
      if ((flags & 4) === 0) write.add(`${domid}.${frame}`)
    }
    // What the caller has mapped before the batch it may go on using.
    for (const pin of pinsOnDomain(machine, domid))
      if (pin.holder === CALLER) read.add(`${domid}.${pin.page}`)
  }
  return { read, write }
}

const pageOf = ({ extents }: GrantWorld, domid: number, page: number): Buffer =>
  Buffer.from(extents[domid].bytes.slice(page * 4096, page * 4096 + 4096))

/** The hypervisor's tables and the rest of the machine. What an active entry notes counts only while it is pinned. */
function besideDomains({ machine, extents }: GrantWorld): Buffer {
  const words = machine.words.slice()
  const first = extents[0].base >> 2
  const last = (extents[3].base + PAGES * 4096) >> 2
  words.fill(0, first, last)
  for (let at = last; at < words.length; at += 4) if (words[at] === 0) words.fill(0, at, at + 4)
  return Buffer.from(words.buffer)
}

/** Who holds what, as text. */
const pinsOf = ({ machine }: GrantWorld): string =>
  JSON.stringify([1, 2, 3].map((domid) => pinsOnDomain(machine, domid)))

/** Entries that a batch changed otherwise than by clearing reading and writing where nobody reads or writes. */
function entriesChanged(before: GrantWorld, after: GrantWorld): string[] {
  const changed: string[] = []
  for (const domid of [1, 2, 3]) {
    const pinned = new Map(pinsOnDomain(after.machine, domid).map((pin) => [pin.ref, pin]))
    for (let ref = 0; ref < 1024; ref++) {
      const was = before.extents[domid].words[ref * 2]
      const is = after.extents[domid].words[ref * 2]
      const pin = pinned.get(ref)
      const must = pin === undefined ? 0 : pin.hostWrite + pin.deviceWrite > 0 ? 24 : 8
      const cleared = was & ~is
      if ((is & ~was) !== 0 || (cleared & ~24) !== 0 || (cleared & must) !== 0)
        changed.push(`${domid}.${ref}`)
    }
  }
  return changed
}

describe.each(['wasm', 'typescript'] as const)('hostile batches (%s)', (kind) => {
  it('write nothing but what was granted for writing, and leave every pin and entry as it was', () => {
    for (let seed = FIRST; seed < FIRST + SEEDS; seed++) {
      const before = worldOf(seed)
      const { write } = allowed(before)
      const world = worldOf(seed)
      copyEngine(world.machine, kind).copyBatch(world.ops, world.count, CALLER)
      expect(pinsOf(world)).toBe(pinsOf(before))
      expect(entriesChanged(before, world)).toEqual([])
      for (const domid of [1, 2, 3])
        for (let page = TABLE_PAGES; page < PAGES; page++)
          if (!write.has(`${domid}.${page}`))
            expect(
              Buffer.compare(pageOf(world, domid, page), pageOf(before, domid, page)),
              `seed ${seed}`,
            ).toBe(0)
      expect(Buffer.compare(besideDomains(world), besideDomains(before))).toBe(0)
    }
  })

  it('give the same with other contents in every page that was not granted: nothing of them is read', () => {
    for (let seed = FIRST; seed < FIRST + SEEDS; seed++) {
      const [one, two] = [1, 2].map(() => worldOf(seed))
      const { read } = allowed(one)
      for (const domid of [1, 2, 3])
        for (let page = TABLE_PAGES; page < PAGES; page++)
          if (!read.has(`${domid}.${page}`))
            two.extents[domid].bytes.fill(0x5a, page * 4096, page * 4096 + 4096)
      for (const world of [one, two])
        copyEngine(world.machine, kind).copyBatch(world.ops, world.count, CALLER)
      expect(statuses(two)).toEqual(statuses(one))
      for (const domid of [0, 1, 2, 3])
        for (let page = 0; page < PAGES; page++)
          if (domid === CALLER || read.has(`${domid}.${page}`))
            expect(Buffer.compare(pageOf(two, domid, page), pageOf(one, domid, page))).toBe(0)
    }
  })
})
