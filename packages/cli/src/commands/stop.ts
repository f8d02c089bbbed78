import { withHost } from '../client/find-host.js'
import { type CommandSpec, HOST_OPTIONS, isSet } from '../command.js'
import { EXIT_OK } from '../errors.js'

export const stop: CommandSpec = {
  usage: 'stop',
  says: 'End a running host in good order, as Ctrl-C in its terminal does',
  options: HOST_OPTIONS,
  example: '  netaccel stop',
  run: (given) =>
    withHost(given, async (client) => {
      await client.request('stop')
      console.log(isSet(given, 'json') ? '{}' : 'the host ends: its terminal shows the verdict')
      return EXIT_OK
    }),
}
