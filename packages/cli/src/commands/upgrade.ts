import type { UpgradeReport } from '@netaccel/host'
import { withHost } from '../client/find-host.js'
import { type CommandSpec, isSet } from '../command.js'
import { EXIT_LOST, EXIT_OK } from '../errors.js'
import { duration, printLines } from '../show/columns.js'
import { installVersion, isVersioned } from './add.js'
import { PACKAGE_OPTIONS, packageRequest } from './load.js'

export const upgrade: CommandSpec = {
  usage: 'upgrade <plugin>',
  says: 'Put another build in the place of a loaded plugin, under traffic; one that does not work is rolled back',
  options: PACKAGE_OPTIONS,
  example: '  netaccel upgrade my-nic@2\n  netaccel upgrade ./my-nic',
  run: (given) =>
    withHost(given, async (client) => {
      const request = packageRequest(given)
      const [plugin] = given.words
      if (isVersioned(plugin)) request['plugin'] = await installVersion(client, plugin)
      const report = await client.request<UpgradeReport>('upgrade', request)
      if (isSet(given, 'json')) console.log(JSON.stringify(report))
      else printLines(linesOf(report))
      return report.rolledBack ? EXIT_LOST : EXIT_OK
    }),
}

function linesOf({ name, rolledBack, cause, halves, vifs, tookNs }: UpgradeReport): string[] {
  const how = rolledBack ? 'was rolled back' : 'was upgraded'
  return [
    `${name} ${how}; traffic went slow for ${duration(tookNs)}`,
    ...(cause === null ? [] : [`because: ${cause}`]),
    ...halves.map(
      ({ place, half, from, to }) => `${place} (${half}): ${from ?? 'nothing'} -> ${to ?? 'nothing'}`,
    ),
    vifs.length === 0 ? 'no vif asks for it' : `used by ${vifs.join(', ')}`,
  ]
}
