// Who may import whom. `check-layers.mjs` holds the sources to it; docs describe it.

/** Lowest first. A package imports from lower rows only, never from its own row. */
export const layers = [
  ['packet'],
  ['xen'],
  ['core'],
  ['netfront', 'netback', 'bridge', 'nic-sim', 'ports'],
  ['host'],
  ['testkit'],
  ['accel-dummy', 'accel-solarflare-sim', 'accel-vmdq-sim', 'create-accelerator'],
  ['saboteurs'],
  ['cli'],
  ['examples', 'bench'],
]

/**
 * Packages that may use less than their row allows. Ports move frames and know of no drivers. A plugin's sources see
 * the contract and the constants of their own hardware, as a stranger's plugin would. Tests of these packages are held
 * to the rows only.
 */
export const narrower = {
  ports: ['packet', 'xen'],
  'accel-dummy': ['core'],
  'accel-solarflare-sim': ['core', 'nic-sim'],
  'accel-vmdq-sim': ['core'],
  'create-accelerator': [],
}

/**
 * In the two drivers one file (or the folder of that name) knows of accelerators. The rest may take from core what has
 * nothing to do with them, such as counters, drop reasons and events, but no name that speaks of plugins.
 */
export const acceleratorOnly = {
  packages: ['netfront', 'netback'],
  files: /^src\/accelerate(?:[^/]*\.ts$|\/)/,
  names: /accel|hook|lease|plugin|registry|generation|verdict/i,
}
