export * from './errors.js'
export * from './value/world-value.js'
export { checkWorld } from './value/check-world.js'
export * from './check/oracle.js'
