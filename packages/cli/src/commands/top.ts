import type { HostStatus } from '@netaccel/host'
import { withHost } from '../client/find-host.js'
import { untilInterrupted } from '../client/until-interrupted.js'
import { type CommandSpec, HOST_OPTIONS, isSet, numberOption } from '../command.js'
import { EXIT_OK } from '../errors.js'
import { rateLine, ratesBetween, rateTable } from '../show/rates.js'
import { headline, refusalLines } from '../show/vifs.js'

/** Cursor to the upper left corner; clear from there. */
const REDRAW = '\u001B[H\u001B[J'

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
      const show = isSet(given, 'json') ? showJson : process.stdout.isTTY ? showTable : showLine
      let before: HostStatus | undefined
      // The first look is what the first rates are reckoned from.
      const looks = { intervalMs, ...(count === undefined ? {} : { count: count + 1 }) }
      const stream = client.ask('top', looks, (item) => {
        const now = item as HostStatus
        if (before !== undefined) show(before, now)
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

function showTable(before: HostStatus, now: HostStatus): void {
  const lines = [headline(now), '', ...rateTable(ratesBetween(before, now)), '', ...refusalLines(now.vifs)]
  process.stdout.write(`${REDRAW}${lines.join('\n')}Ctrl-C ends this; the host goes on.\n`)
}
