// The two shapes a package is built in. Types come from `tsc`, so tsup writes JavaScript only and never cleans
// the folder that tsc shares with it.
import { constants } from './constants.mjs'

// `node:` stays in front of a module's name: it is how a plugin's manifest names what it uses.
const shared = {
  removeNodeProtocol: false,
  outDir: 'dist',
  target: 'node20',
  platform: 'node',
  dts: false,
  clean: false,
  splitting: true,
  // Writes constants of other files where they are used: a load and two tests less each in the frame path. Names stay.
  minifySyntax: true,
  plugins: [constants],
}

/**
 * The ESM library: what `import '@netaccel/…'` gives. Every package that is named in `dependencies` stays outside, but
 * the words of netif: constants and pure functions of a few operations each, which V8 reaches through a module's cell
 * otherwise, with a load and a test each time (8 ns of the 68 that a 64-byte frame's hop over a ring took).
 */
export function library(entry) {
  return {
    ...shared,
    entry,
    format: ['esm'],
    sourcemap: true,
    external: [/^@netaccel\/(?!xen\/netif$)/],
    noExternal: ['@netaccel/xen/netif'],
  }
}

/**
 * A plugin's halves: one CommonJS file each, read once, hashed and compiled by the loader. All is bundled but the
 * contract itself, which the host hands in through `require('@netaccel/core')`.
 */
export function artefacts(entry) {
  return {
    ...shared,
    entry,
    format: ['cjs'],
    outExtension: () => ({ js: '.cjs' }),
    splitting: false,
    sourcemap: false,
    external: ['@netaccel/core'],
    noExternal: [/^(?!@netaccel\/core$|node:)/],
  }
}
