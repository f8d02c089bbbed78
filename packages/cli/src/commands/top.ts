import type { HostStatus } from '@netaccel/host'
import { withHost } from '../client/find-host.js'
import { untilInterrupted } from '../client/until-interrupted.js'
import { type CommandSpec, HOST_OPTIONS, isSet, numberOption } from '../command.js'
import { EXIT_OK } from '../errors.js'
import { LiveTable } from '../show/live-table.js'
import { rateLine, ratesBetween, rateTable } from '../show/rates.js'
import { headline, refusalLines } from '../show/vifs.js'

export const top: CommandSpec = {
  usage: 'top',
  says: 'What each vif does a second, until Ctrl-C: a live table on a terminal, a line a second elsewhere',
  options: [
    ...HOST_OPTIONS,
    ['--interval <seconds>', 'Between two looks', { default: 1 }],
    ['--count <n>', 'Looks after which it ends'],
  ],
  example: '  netaccel top --interval 0.5',
  run: (given) =>
    withHost(given, async (client) => {
      const intervalMs = (numberOption(given, 'interval', 0.01, 3600) ?? 1) * 1000
      const count = numberOption(given, 'count', 1, 1e9)
      const live = process.stdout.isTTY && !isSet(given, 'json') ? new LiveTable(process.stdout) : undefined
      const show = live !== undefined ? showTable(live) : isSet(given, 'json') ? showJson : showLine
      let before: HostStatus | undefined
      // The first look is what the first rates are reckoned from.
      const looks = { intervalMs, ...(count === undefined ? {} : { count: count + 1 }) }
      const stream = client.ask('top', looks, (item) => {
        const now = item as HostStatus
        if (before !== undefined) show(before, now)
        else live?.draw([headline(now), '', `The first rates come after ${intervalMs / 1000} s.`])
        before = now
      })
      await untilInterrupted(stream)
      return EXIT_OK
    }),
}

function showJson(before: HostStatus, now: HostStatus): void {
  const { atNs, filters, vis, leases, inFlight, dropped } = now
  console.log(
    JSON.stringify({ atNs, filters, vis, leases, inFlight, dropped, vifs: ratesBetween(before, now) }),
  )
}

function showLine(before: HostStatus, now: HostStatus): void {
  console.log(rateLine(now.atNs, ratesBetween(before, now)))
}

function showTable(live: LiveTable): typeof showLine {
  return (before, now) => {
    const refusals = refusalLines(now.vifs)
    live.draw([
      headline(now),
      '',
      ...rateTable(ratesBetween(before, now)),
      '',
      ...refusals,
      'Ctrl-C ends this; the host goes on.',
    ])
  }
}
