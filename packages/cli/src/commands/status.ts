import type { HostStatus } from '@netaccel/host'
import { withHost } from '../client/find-host.js'
import { type CommandSpec, HOST_OPTIONS, isSet } from '../command.js'
import { EXIT_OK } from '../errors.js'
import { printLines } from '../show/columns.js'
import { counterLines, headline, refusalLines, vifTable } from '../show/vifs.js'

export const status: CommandSpec = {
  usage: 'status',
  says: 'Where each vif of a running host stands: phase, accelerator, segments by path, counters',
  options: HOST_OPTIONS,
  example: '  netaccel status',
  run: (given) =>
    withHost(given, async (client) => {
      const found = await client.request<HostStatus>('status')
      if (isSet(given, 'json')) console.log(JSON.stringify(found))
      else
        printLines([
          headline(found),
          '',
          ...vifTable(found.vifs),
          ...refusalLines(found.vifs),
          ...counterLines(found.vifs),
        ])
      return EXIT_OK
    }),
}
