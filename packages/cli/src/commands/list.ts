import type { PluginList } from '@netaccel/host'
import { withHost } from '../client/find-host.js'
import { type CommandSpec, HOST_OPTIONS, isSet } from '../command.js'
import { EXIT_OK } from '../errors.js'
import { columns, printLines } from '../show/columns.js'

export const list: CommandSpec = {
  usage: 'list',
  says: 'The plugins that are installed in the project of a running host, and where their halves are',
  options: HOST_OPTIONS,
  example: '  netaccel list',
  run: (given) =>
    withHost(given, async (client) => {
      const found = await client.request<PluginList>('list')
      if (isSet(given, 'json')) console.log(JSON.stringify(found))
      else printLines(linesOf(found))
      return EXIT_OK
    }),
}

function linesOf({ project, plugins, broken, halves }: PluginList): string[] {
  const installed = plugins.map((plugin) => [
    plugin.name,
    plugin.package,
    plugin.version,
    halves.some(({ name, state }) => name === plugin.name && state === 'loaded') ? 'loaded' : '-',
    plugin.capabilities.join(' '),
  ])
  const places = halves.map(({ name, place, half, packageVersion, hash, state, use }) => [
    name,
    place,
    half,
    packageVersion,
    hash.slice(0, 12),
    state,
    use,
  ])
  return [
    ...(installed.length === 0
      ? [`no plugin is installed in ${project}: add one with \`netaccel add NAME\``]
      : columns([['plugin', 'package', 'version', 'state', 'capabilities'], ...installed])),
    ...broken.map(({ package: name, message }) => `cannot be used: ${name}: ${message}`),
    ...(places.length === 0
      ? []
      : ['', ...columns([['plugin', 'domain', 'half', 'version', 'sha256', 'state', 'use'], ...places])]),
  ]
}
