import { writeFileSync } from 'node:fs'
import { RULES } from '@netaccel/core'
import type * as Testkit from '@netaccel/testkit'
import type { KitReport, Waiver } from '@netaccel/testkit'
import { type CommandSpec, type Given, isSet, numberOption, textOption } from '../command.js'
import { CliError, EXIT_LOST, EXIT_OK, textOf } from '../errors.js'
import { nearest } from '../nearest.js'
import { reviewFolder } from '../review/package-folder.js'

export const test: CommandSpec = {
  usage: 'test <plugin>',
  says: 'Check a plugin against the rules: a folder (built first when need be), an installed package, a tarball',
  options: [
    ['--rule <id>', 'Only this rule and those that it implies; may be given again'],
    ['--skip <rule=reason>', 'Leave a rule out, for a reason that stands in the report; may be given again'],
    ['--full', 'More cycles, seeds and sizes: up to a minute instead of seconds'],
    [
      '--traits',
      'The acts again behind a tracer, behind a fault injector, beside another plugin; --full does so too',
    ],
    [
      '--hardware <kind>',
      'The NIC of its hosts: a package or folder; default: what its manifest brings, else nic-sim',
    ],
    ['--seed <n>', 'Seed of every chance in the run', { default: 1 }],
    ['--junit <file>', 'Write the report as JUnit'],
    ['--html <file>', 'Write it as a page that loads nothing'],
    ['--badge <file>', 'Write a badge with the counts, as SVG'],
  ],
  example:
    '  netaccel test ./my-nic --html report.html\n  netaccel test my-nic-1.0.0.tgz --rule TX-03 --full',
  run: async (given) => {
    const rules = listOption(given, 'rule').map(ruleOf)
    const skip = listOption(given, 'skip').map(waiverOf)
    const seed = numberOption(given, 'seed', 0, 0xffff_ffff)
    const hardware = textOption(given, 'hardware')
    const { folder, remove } = reviewFolder(given.words[0], (where) =>
      console.error(`building ${where}: npm run build`),
    )
    try {
      const kit = await import('@netaccel/testkit')
      const report = await kit.runKit({
        plugin: folder,
        full: isSet(given, 'full'),
        ...(isSet(given, 'traits') ? { traits: true } : {}),
        skip,
        ...(rules.length === 0 ? {} : { rules }),
        ...(seed === undefined ? {} : { seed }),
        ...(hardware === undefined ? {} : { hardware }),
        onProgress: progress,
      })
      clearProgress()
      writeReports(given, report, kit)
      if (isSet(given, 'json')) console.log(JSON.stringify(report))
      else console.log(kit.terminalReport(report, { colour: hasColours() }).trimEnd())
      return report.passed ? EXIT_OK : EXIT_LOST
    } finally {
      remove()
    }
  },
}

/** Each value of an option that may be given again. */
function listOption({ options }: Given, name: string): string[] {
  const value = options[name]
  return (Array.isArray(value) ? value : value === undefined ? [] : [value]).map(String)
}

/** @throws CliError USAGE with the nearest */
function ruleOf(text: string): string {
  const id = text.toUpperCase()
  const ids = RULES.map((rule) => rule.id as string)
  if (ids.includes(id)) return id
  const near = nearest(id, ids)
  const hint = near === undefined ? 'docs/rules.md lists them' : `the nearest is ${near}`
  throw new CliError('USAGE', `there is no rule "${text}": ${hint}`)
}

function waiverOf(text: string): Waiver {
  const [rule = '', reason = ''] = text.split(/=(.*)/s)
  if (reason.trim() !== '') return { rule: ruleOf(rule), reason }
  throw new CliError(
    'USAGE',
    `--skip takes a rule and its reason, such as TX-03="the NIC has one descriptor", not "${text}"`,
  )
}

function writeReports(given: Given, report: KitReport, kit: typeof Testkit): void {
  const written = { junit: kit.junitReport, html: kit.htmlReport, badge: kit.badge }
  for (const [option, write] of Object.entries(written)) {
    const file = textOption(given, option)
    if (file === undefined) continue
    try {
      writeFileSync(file, write(report))
    } catch (error) {
      throw new CliError('BAD_FILE', `the report cannot be written to ${file}: ${textOf(error)}`, {
        cause: error,
      })
    }
  }
}

/** On a terminal what is going on stands in one line, which the next takes over. */
function progress(act: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001B[K${act}`)
}

function clearProgress(): void {
  if (process.stderr.isTTY) process.stderr.write('\r\u001B[K')
}

function hasColours(): boolean {
  return process.stdout.isTTY && process.env['NO_COLOR'] === undefined
}
