import { library } from '../../scripts/tsup-preset.mjs'

/**
 * The words of netif are compiled, not bundled: bundling makes a `var` of every `const` at the top of a file, and then no
 * bundler of a driver writes its number where it is used.
 */
export default [library({ index: 'src/index.ts' }), { ...library({ netif: 'src/netif.ts' }), bundle: false }]
