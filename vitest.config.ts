import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { defineConfig } from 'vitest/config'
import { BaseSequencer } from 'vitest/node'
import type { TestSpecification } from 'vitest/node'

// Generous: a test that takes 10 s alone takes 40 on a machine that others use too.
const minutes = process.env['NETACCEL_TIER'] === 'soak' ? 60 : 3

/**
 * Packages whose tests share a process: they keep no state of their own and take none from the process. A process of its
 * own for each of their files costs a third more time, for starting it and for machine code that each makes again.
 */
const SHARING =
  /^(accel-dummy|accel-solarflare-sim|accel-vmdq-sim|bridge|core|host|netback|netfront|nic-sim|packet|xen)$/

/** Named by a file that measures or changes the process it runs in, so that it has one for itself. */
const OF_THE_PROCESS = /\bgc\b|memoryUsage|WeakRef|child_process|worker_threads|RealClock|setFlags/

/** Trials that take half a minute each: first, so that no worker is left with one at the end. */
const LONG = /\/switching\/seed-/

const exclude = ['**/node_modules/**', '**/dist/**']

const sharing = readdirSync(join(import.meta.dirname, 'packages'))
  .filter((name) => SHARING.test(name))
  .flatMap((name) =>
    readdirSync(join(import.meta.dirname, 'packages', name, 'src'), {
      recursive: true,
      encoding: 'utf8',
    }).map((file) => `packages/${name}/src/${file.replaceAll('\\', '/')}`),
  )
  .filter((file) => file.endsWith('.test.ts') && !LONG.test(file))
  .filter((file) => !OF_THE_PROCESS.test(readFileSync(join(import.meta.dirname, file), 'utf8')))

/** The long ones, then those alone in a process, then those that share: a process is kept while the next file shares it. */
class Order extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId, project }: TestSpecification): number =>
      LONG.test(moduleId) ? 0 : project.config.isolate ? 1 : 2
    return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b))
  }
}

export default defineConfig({
  test: {
    // Leak proofs call gc(); forks are the pool whose workers take a node flag.
    pool: 'forks',
    execArgv: ['--expose-gc'],
    maxWorkers: 2,
    testTimeout: minutes * 60_000,
    hookTimeout: minutes * 60_000,
    // Workspace packages are loaded by Node from their dist. Inlined they would be evaluated a second time beside
    // the copy that a hot-loaded plugin is given.
    server: { deps: { external: [/packages\/.*\/dist\//] } },
    sequence: { sequencer: Order },
    projects: [
      {
        extends: true,
        test: {
          name: 'alone',
          include: [
            'packages/*/src/**/*.test.ts',
            'examples/**/*.test.{ts,mjs}',
            'bench/**/*.test.ts',
            'scripts/*.test.mjs',
          ],
          exclude: [...exclude, ...sharing],
        },
      },
      { extends: true, test: { name: 'sharing', isolate: false, include: sharing, exclude } },
    ],
  },
})
