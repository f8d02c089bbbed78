export { main } from './main.js'
export type { Finding } from './machine.js'
export type { Left, PayloadSplit, PhaseReport, Report, VerdictWord } from './start/report.js'
