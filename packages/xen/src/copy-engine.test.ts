// The wasm module against its TypeScript twin: equal memory, byte for byte, over worlds of hostile grant tables; and
// twins with a planted fault, which the same seeds must find.
import { foldSum, sumBytes, sumHeader, wordsOf } from '@netaccel/packet'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TypeScriptCopyEngine } from './copy-engine-typescript.js'
import { copyEngine } from './copy-engine.js'
import { GTF_READONLY, GTF_WRITING } from './grant-abi.js'
import { GrantPins } from './grant-pins.js'
import { Machine } from './machine.js'
import { CALLER, grantWorld, statuses } from './testing/grant-world.js'
import type { CopyEngine } from './copy-engine.js'

const SEEDS = 200

type MakeEngine = (machine: Machine) => CopyEngine

/** Seeds on which an engine leaves other memory behind than the wasm module does. */
function seedsThatDiffer(make: MakeEngine, seeds: number, threads: 'one' | 'many' = 'many'): number[] {
  const found: number[] = []
  for (let seed = 0; seed < seeds; seed++) {
    const options = { selfModifying: seed % 2 === 0, threads }
    const expected = grantWorld(seed, options)
    const failed = copyEngine(expected.machine, 'wasm').copyBatch(expected.ops, expected.count, CALLER)
    const actual = grantWorld(seed, options)
    const same = make(actual.machine).copyBatch(actual.ops, actual.count, CALLER) === failed
    if (
      !same ||
      Buffer.compare(Buffer.from(expected.machine.buffer), Buffer.from(actual.machine.buffer)) !== 0
    )
      found.push(seed)
  }
  return found
}

describe('the two copy engines', () => {
  it.each(['one', 'many'] as const)(
    'leave the same machine memory: bytes, statuses, pins, entries (memory of %s)',
    (threads) => {
      expect(seedsThatDiffer((machine) => new TypeScriptCopyEngine(machine), SEEDS, threads)).toEqual([])
    },
  )

  it('were shown every status they can give, and many successes', () => {
    const seen = new Map<number, number>()
    for (let seed = 0; seed < SEEDS; seed++) {
      const world = grantWorld(seed, { selfModifying: false })
      const failed = copyEngine(world.machine).copyBatch(world.ops, world.count, CALLER)
      expect(statuses(world).filter((status) => status !== 0)).toHaveLength(failed)
      for (const status of statuses(world)) seen.set(status, (seen.get(status) ?? 0) + 1)
    }
    expect([...seen.keys()].sort((a, b) => b - a)).toEqual([0, -1, -2, -3, -8, -9, -10])
    expect(Math.min(...seen.values())).toBeGreaterThan(30)
    expect(seen.get(0)).toBeGreaterThan(SEEDS)
  })
})

/** Faults of the grant checks, each a rule left out. */
const faultyPins: Record<string, new (machine: Machine) => GrantPins> = {
  'frame numbers are not bounded': class extends GrantPins {
    protected override translate(record: number, gfn: number, io: boolean): number {
      return super.translate(record, gfn < 16 ? gfn % 12 : 0, io)
    }
  },
  'a pinned entry serves any domain': class extends GrantPins {
    protected override refusesPin(): boolean {
      return false
    }
  },
  'the readonly flag is ignored': class extends GrantPins {
    protected override setStatus(pin: number, holder: number, write: boolean, mapping: boolean): number {
      const { words, shared } = this
      const index = shared >> 2
      const readonly = words[index] & GTF_READONLY
      words[index] &= ~readonly
      const status = super.setStatus(pin, holder, write, mapping)
      words[index] |= readonly
      return status
    }
  },
  'writing is cleared by readers too (XSA-230)': class extends GrantPins {
    override release(
      shared: number,
      active: number,
      holder: number,
      increment: number,
      write: boolean,
    ): void {
      super.release(shared, active, holder, increment, write)
      this.words[shared >> 2] &= ~GTF_WRITING
    }
  },
  'the status bits stay after a bad frame': class extends GrantPins {
    protected override fail(pin: number, status: number): number {
      if (status === -9 && pin === 0) this.words[this.shared >> 2] |= 8
      return super.fail(pin, status)
    }
  },
  'the type mask is one bit short': class extends GrantPins {
    protected override setStatus(pin: number, holder: number, write: boolean, mapping: boolean): number {
      const index = this.shared >> 2
      const transitive = (this.words[index] & 3) === 3
      if (transitive) this.words[index] &= ~2
      const status = super.setStatus(pin, holder, write, mapping)
      if (transitive) this.words[index] |= 2
      return status
    }
  },
}

const faultyEngines: Record<string, MakeEngine> = {
  'a copy may cross the page': (machine) =>
    new (class extends TypeScriptCopyEngine {
      protected override fits(): boolean {
        return true
      }
    })(machine),
  'the pins leak when the range is bad': (machine) => {
    let leak = false
    class LeakyPins extends GrantPins {
      override release(
        shared: number,
        active: number,
        holder: number,
        increment: number,
        write: boolean,
      ): void {
        if (!leak) super.release(shared, active, holder, increment, write)
      }
    }
    return new (class extends TypeScriptCopyEngine {
      protected override fits(offset: number, length: number): boolean {
        const fits = super.fits(offset, length)
        leak = !fits
        return fits
      }
    })(machine, new LeakyPins(machine))
  },
  'any domain may be named without a grant': (machine) =>
    new (class extends TypeScriptCopyEngine {
      protected override domain(_: boolean, domid: number): number {
        return super.domain(true, domid)
      }
    })(machine),
}

describe('a twin with a planted fault is found out by the same seeds', () => {
  it.each(Object.entries(faultyPins))('%s', (_, Pins) => {
    const found = seedsThatDiffer((machine) => new TypeScriptCopyEngine(machine, new Pins(machine)), 60)
    expect(found.length).toBeGreaterThan(0)
  })

  it.each(Object.entries(faultyEngines))('%s', (_, make) => {
    expect(seedsThatDiffer(make, 60).length).toBeGreaterThan(0)
  })
})

describe.each(['wasm', 'typescript'] as const)('moving bytes (%s)', (kind) => {
  const machine = new Machine({ bytes: 1 << 18 })
  const engine = copyEngine(machine, kind)
  const base = machine.createExtent(0, 8).base

  it('is memmove, at every length and overlap', () => {
    const short = { from: fc.nat(600), to: fc.nat(600), length: fc.nat(300) }
    const long = { from: fc.nat(6000), to: fc.nat(6000), length: fc.integer({ min: 2900, max: 4200 }) }
    const range = fc.oneof(
      { weight: 3, arbitrary: fc.record(short) },
      { weight: 1, arbitrary: fc.record(long) },
    )
    const property = fc.property(range, fc.nat(255), ({ from, to, length }, fill) => {
      const end = Math.max(from, to) + length + 100
      for (let at = 0; at < end; at++) machine.bytes[base + at] = (at * 7 + (at >> 8) + fill) & 0xff
      const expected = machine.bytes.slice(base, base + end)
      expected.copyWithin(to, from, from + length)
      engine.copy(base + to, base + from, length)
      expect(Buffer.compare(machine.bytes.slice(base, base + end), expected)).toBe(0)
    })
    fc.assert(property, { seed: 2003, numRuns: 1500 })
  })
})

describe.each(['wasm', 'typescript'] as const)('the checksum (%s)', (kind) => {
  const machine = new Machine({ bytes: 1 << 18 })
  const engine = copyEngine(machine, kind)
  const base = machine.createExtent(0, 18).base

  it('of the example of RFC 1071 section 3 is ddf2', () => {
    machine.bytes.set([0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7], base)
    expect(engine.checksum(base, 8, 0)).toBe(0xddf2)
    expect(engine.checksum(base, 0, 0x1234)).toBe(0x1234)
    expect(engine.checksum(base, 3, 0xffff)).toBe(foldSum(0x0001 + 0xf200 + 0xffff))
  })

  it('is the sum of 16-bit words, whatever the place and length', () => {
    const words = wordsOf(machine.bytes)
    const ranges = fc.record({
      at: fc.nat(64),
      length: fc.oneof(fc.nat(80), fc.nat(65536)),
      initial: fc.nat(0xffff),
      step: fc.constantFrom(0, 1, 7, 255, 256),
    })
    const property = fc.property(ranges, ({ at, length, initial, step }) => {
      for (let index = 0; index < at + length; index++) machine.bytes[base + index] = 255 - index * step
      const sum = engine.checksum(base + at, length, initial)
      expect(sum).toBe(foldSum(sumBytes(words, base + at, length) + initial))
      expect(sum).toBe(foldSum(sumHeader(machine.view, base + at, length) + initial))
    })
    fc.assert(property, { seed: 1071, numRuns: 400 })
  })
})
