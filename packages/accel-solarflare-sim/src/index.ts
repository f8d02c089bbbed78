// @netaccel/accel-solarflare-sim: both halves, for programs that bring them in without the loader. A host loads the
// artefacts that the manifest names.
export { default as backend } from './backend.js'
export type { BackendOptions } from './backend/options.js'
export { default as frontend } from './frontend.js'
export type { FrontendOptions } from './frontend/options.js'
