// The library: both halves, for programs that bring them in without the loader (tests, mostly). A host loads the artefacts
// that the manifest in package.json names.
export { default as backend } from './backend.js'
export { default as frontend } from './frontend.js'
