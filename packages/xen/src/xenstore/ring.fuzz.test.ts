import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import { afterAll, describe, expect, it } from 'vitest'
import * as xen from '../index.js'
import { attackStore } from '../testing/store-fuzz.js'

const ROUNDS = 120
/** Fixed for the planted faults, which these must find; `npm run fuzz` gives the attacks others. */
const SEEDS = Array.from({ length: 25 }, (_, index) => index + 1)
const START = process.env.NETACCEL_SEED
const ATTACKS = START === undefined ? SEEDS : Array.from({ length: 64 }, (_, i) => Number(START) * 64 + i)

/** A fault, as a change to one place of the source. */
interface Mutant {
  readonly name: string
  readonly file: string
  readonly from: string
  readonly to: string
}

const MUTANTS: readonly Mutant[] = [
  {
    name: 'the server does not test the producer against the ring (XSA-38)',
    file: 'ring-page.ts',
    from: 'if (available > RING_BYTES) return -1',
    to: '',
  },
  {
    name: 'the server takes messages longer than 4096 bytes (XSA-72)',
    file: 'wire.ts',
    from: "if (length > PAYLOAD_MAX) return 'oversize'",
    to: '',
  },
  {
    name: 'the server does not test what the client says it took',
    file: 'ring-page.ts',
    from: 'if (used > RING_BYTES) return -1',
    to: 'if (used > RING_BYTES) return length',
  },
  {
    name: 'a connection that broke the protocol is read on',
    file: 'session.ts',
    from: '  #forget(): void {\n    this.#ignored = true',
    to: '  #forget(): void {\n    this.#ignored = false',
  },
  {
    name: "a removed node stays in its parent's list of children",
    file: 'operations.ts',
    from: 'parent.children.filter((child) => child !== leaf)',
    to: 'parent.children',
  },
]

const folder = mkdtempSync(join(tmpdir(), 'xen-mutants-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** The package, built with one place of its source changed. */
async function withMutant(mutant: Mutant, index: number): Promise<typeof xen> {
  let changed = 0
  const outfile = join(folder, `mutant-${index}.mjs`)
  await build({
    entryPoints: [fileURLToPath(new URL('../index.ts', import.meta.url))],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    logLevel: 'silent',
    plugins: [
      {
        name: 'mutant',
        setup(setup) {
          setup.onLoad({ filter: /\.ts$/ }, ({ path }) => {
            const source = readFileSync(path, 'utf8')
            if (basename(path) !== mutant.file) return { contents: source, loader: 'ts' as const }
            const parts = source.split(mutant.from)
            changed += parts.length - 1
            return { contents: parts.join(mutant.to), loader: 'ts' as const }
          })
        },
      },
    ],
  })
  // One place: a fault that is planted nowhere, or everywhere, proves nothing.
  expect(changed).toBe(1)
  return (await import(pathToFileURL(outfile).href)) as typeof xen
}

describe('a hostile domain on its ring page', () => {
  it('never makes the server throw or spin, and other domains go on being served', async () => {
    for (const seed of ATTACKS) expect(await attackStore(xen, seed, ROUNDS)).toBeUndefined()
  })

  it.each(MUTANTS.map((mutant, index) => ({ ...mutant, index })))('the seeds find: $name', async (mutant) => {
    const mutated = await withMutant(mutant, mutant.index)
    let found: string | undefined
    for (const seed of SEEDS) found ??= await attackStore(mutated, seed, ROUNDS)
    expect(found).toBeDefined()
  })
})
