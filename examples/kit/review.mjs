// The conformance kit, run on an installed package: node review.mjs PACKAGE [RULE...]
import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { htmlReport, runKit, terminalReport } from '@netaccel/testkit'

const [name, ...rules] = process.argv.slice(2)
const plugin = dirname(createRequire(import.meta.url).resolve(`${name}/package.json`))
const report = await runKit({ plugin, ...(rules.length > 0 && { rules }) })

console.log(terminalReport(report))
writeFileSync('report.html', htmlReport(report))
process.exitCode = report.passed ? 0 : 1
