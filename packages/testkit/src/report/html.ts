import type { RuleId } from '@netaccel/core'
import { explain } from '@netaccel/core'
import type { KitReport, RuleResult } from '../run/types.js'
import { badge } from './badge.js'
import { escapeText } from './escape.js'
import { causeOf, countsLine, linesOf, pluginLine, sentenceOf } from './words.js'

const STYLE = `
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; color: #222; background: #fff }
table { border-collapse: collapse; width: 100% } td, th { text-align: left; vertical-align: top; padding: .3rem .6rem; border-top: 1px solid #ddd }
code { font: 13px ui-monospace, monospace; overflow-wrap: anywhere } .failed { color: #b3261e; font-weight: 600 } .passed { color: #2e7d32 }
.waived { color: #8a5a00 } .na { color: #666 } section { border-left: 4px solid #b3261e; padding: .2rem 1rem; margin: 1rem 0; background: #fdf3f2 }
@media (prefers-color-scheme: dark) { body { color: #ddd; background: #161616 } td, th { border-color: #333 } section { background: #2a1715 }
.passed { color: #7cc47f } .failed { color: #ff8a80 } .waived { color: #e0b050 } .na { color: #999 } }
`

/** One page that needs nothing else: no script, no font, no link outside. */
export function htmlReport(report: KitReport): string {
  const title = escapeText(`Conformance of ${pluginLine(report)}`)
  const kind = report.full ? 'full' : 'quick'
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${title}</title>
<style>${STYLE}</style>
<h1>${title}</h1>
${badge(report)}
<p>${escapeText(countsLine(report))}. Kit ${escapeText(report.kitVersion)}, ${kind} run, seed ${report.seed}, ${report.seconds.toFixed(1)} s.</p>
<p><code>${escapeText(report.plugin.integrity)}</code></p>
${report.firstCauses.map(({ rule, consequences }) => causeSection(report, rule, consequences)).join('')}
<h2>All rules</h2>
<table>
<tr><th>Rule<th>Outcome<th>What must hold, and what was seen</tr>
${report.rules.map((result) => row(report, result)).join('\n')}
</table>
</html>
`
}

function causeSection(report: KitReport, rule: RuleId, consequences: readonly RuleId[]): string {
  const result = report.rules.find((each) => each.rule === rule)
  const [meaning] = explain(rule)
  const seen = result === undefined ? [] : linesOf(result)
  const after = consequences.length === 0 ? '' : `<p>And with it: ${consequences.join(', ')}.</p>`
  return `<section>
<h2 class="failed">${rule}: ${escapeText(sentenceOf(rule))}</h2>
<ul>${seen.map((line) => `<li>${escapeText(line)}`).join('')}</ul>
${contextOf(result)}
${after}
<p>${(meaning?.more ?? []).map(escapeText).join('<br>')}</p>
</section>
`
}

function contextOf(result: RuleResult | undefined): string {
  const lines = result?.evidence.flatMap(({ context }) => context) ?? []
  return lines.length === 0 ? '' : `<pre><code>${escapeText(lines.join('\n'))}</code></pre>`
}

function row(report: KitReport, result: RuleResult): string {
  const { rule, outcome } = result
  const kind = outcome === 'not applicable' ? 'na' : outcome
  const cause = causeOf(report, rule)
  const lines = [...(cause === undefined ? [] : [`a consequence of ${cause}`]), ...linesOf(result)]
  const more = lines.map((line) => `<br><small>${escapeText(line)}</small>`).join('')
  return `<tr><td>${rule}<td class="${kind}">${outcome}<td>${escapeText(sentenceOf(rule))}${more}</tr>`
}
