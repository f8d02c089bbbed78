import { defineConfig } from 'tsup'

// Types come from tsc, which shares the folder: tsup writes JavaScript only and cleans nothing.
const shared = { outDir: 'dist', target: 'node20', platform: 'node', dts: false, clean: false } as const

export default defineConfig([
  // The library, for who imports the halves.
  { ...shared, entry: { index: 'src/index.ts' }, format: ['esm'], sourcemap: true },
  // The artefacts, for who loads them: one CommonJS file each, in which everything is bundled but the contract itself.
  {
    ...shared,
    entry: { frontend: 'src/frontend.ts', backend: 'src/backend.ts', hardware: 'src/hardware.ts' },
    format: ['cjs'],
    outExtension: () => ({ js: '.cjs' }),
    splitting: false,
    external: ['@netaccel/core'],
    noExternal: [/^(?!@netaccel\/core$|node:)/],
    // Their names are what the manifest lists under "uses".
    removeNodeProtocol: false,
  },
])
