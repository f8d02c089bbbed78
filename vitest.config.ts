import { defineConfig } from 'vitest/config'

// Generous: a test that takes 10 s alone takes 40 on a machine that others use too.
const minutes = process.env['NETACCEL_TIER'] === 'soak' ? 60 : 3

export default defineConfig({
  test: {
    include: [
      'packages/*/src/**/*.test.ts',
      'examples/**/*.test.ts',
      'bench/**/*.test.ts',
      'scripts/*.test.mjs',
    ],
    exclude: ['**/node_modules/**', '**/dist/**'],
    // Leak proofs call gc(); forks are the pool whose workers take a node flag.
    pool: 'forks',
    execArgv: ['--expose-gc'],
    maxWorkers: 2,
    testTimeout: minutes * 60_000,
    hookTimeout: minutes * 60_000,
    // Workspace packages are loaded by Node from their dist. Inlined they would be evaluated a second time beside
    // the copy that a hot-loaded plugin is given.
    server: { deps: { external: [/packages\/.*\/dist\//] } },
  },
})
