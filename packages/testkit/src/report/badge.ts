import type { KitReport } from '../run/types.js'
import { escapeText } from './escape.js'

/** Characters of a digest that a reader can compare at a glance. */
const SHOWN = 8
/** Advance of a character of 11 px Verdana, on average. */
const ADVANCE = 6.6
const PADDING = 12

/**
 * The badge, an SVG that loads nothing: which kit has checked which bytes, and the four counts, kept apart. All of it stands in
 * its title too.
 */
export function badge(report: KitReport): string {
  const { counts, plugin, kitVersion } = report
  const digest = plugin.integrity.slice(plugin.integrity.indexOf('-') + 1).slice(0, SHOWN)
  const left = `netaccel kit ${kitVersion} | ${plugin.name} ${plugin.version} ${digest}`
  const right = `${counts.passed} passed, ${counts['not applicable']} n/a, ${counts.waived} waived, ${counts.failed} failed`
  const [one, two] = [widthOf(left), widthOf(right)]
  const colour = counts.failed > 0 ? '#c0392b' : counts.waived > 0 ? '#a06a00' : '#2e7d32'
  const title = escapeText(`${left} (${plugin.integrity}): ${right}`)
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${one + two}" height="20" role="img" aria-label="${title}">
  <title>${title}</title>
  <rect width="${one}" height="20" fill="#444"/>
  <rect x="${one}" width="${two}" height="20" fill="${colour}"/>
  <g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" text-anchor="middle">
    <text x="${one / 2}" y="14">${escapeText(left)}</text>
    <text x="${one + two / 2}" y="14">${escapeText(right)}</text>
  </g>
</svg>
`
}

function widthOf(text: string): number {
  return Math.ceil(text.length * ADVANCE) + PADDING
}
