export * from './memory-index.js'
export * from './events-index.js'
export * from './collector.js'
