// The conformance kit, run on an installed package: node review.mjs PACKAGE
import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { badge, htmlReport, junitReport, runKit, terminalReport } from '@netaccel/testkit'

const name = process.argv[2]
const plugin = dirname(createRequire(import.meta.url).resolve(`${name}/package.json`))
const report = await runKit({ plugin })

console.log(terminalReport(report))
writeFileSync('report.html', htmlReport(report))
writeFileSync('report.xml', junitReport(report))
writeFileSync('report.json', JSON.stringify(report, null, 2))
writeFileSync('badge.svg', badge(report))
process.exitCode = report.counts.failed > 0 ? 1 : 0
