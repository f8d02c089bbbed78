import type { UnloadReport, WorldProof } from '@netaccel/host'
import { withHost } from '../client/find-host.js'
import { type CommandSpec, HOST_OPTIONS, isSet } from '../command.js'
import { EXIT_LOST, EXIT_OK } from '../errors.js'
import { duration, printLines } from '../show/columns.js'
import { placeOf } from './add.js'
import { deadlineOption, hostsOption } from './load.js'

export const unload: CommandSpec = {
  usage: 'unload <plugin>',
  says: 'Detach a plugin from every vif of a running host, then unload both halves; nothing is lost',
  options: [
    ...HOST_OPTIONS,
    ['--hosts <names>', 'Only on these hosts of the world: a,b'],
    ['--prove', 'Collect garbage and show that nothing of it is left; status 1 if something is'],
    ['--deadline <ms>', 'After so long what still holds it is forced, and named'],
  ],
  example: '  netaccel unload sfc_netfront --prove',
  run: (given) =>
    withHost(given, async (client) => {
      const deadlineMs = deadlineOption(given)
      const hosts = hostsOption(given)
      const report = await client.request<UnloadReport>('unload', {
        plugin: placeOf(given.words[0]),
        prove: isSet(given, 'prove'),
        ...(deadlineMs === undefined ? {} : { deadlineMs }),
        ...(hosts === undefined ? {} : { hosts }),
      })
      if (isSet(given, 'json')) console.log(JSON.stringify(report))
      else printLines(linesOf(report))
      return (report.proof?.leaked.length ?? 0) > 0 ? EXIT_LOST : EXIT_OK
    }),
}

export const prove: CommandSpec = {
  usage: 'prove',
  says: 'Collect garbage in a running host and show of each unloaded generation whether it is gone',
  options: HOST_OPTIONS,
  example: '  netaccel prove',
  run: (given) =>
    withHost(given, async (client) => {
      const proof = await client.request<WorldProof>('prove')
      if (isSet(given, 'json')) console.log(JSON.stringify(proof))
      else printLines(proofLines(proof))
      return proof.leaked.length > 0 ? EXIT_LOST : EXIT_OK
    }),
}

function linesOf({ name, forced, halves, tookNs, proof }: UnloadReport): string[] {
  const places = halves.map(({ place }) => place).toSorted()
  return [
    `${name} left ${places.join(', ')} after ${duration(tookNs)}${forced ? ', by force' : ''}`,
    ...halves.flatMap(({ place, half, holders }) =>
      holders.map((holder) => `held in ${place} (${half}): ${holder}`),
    ),
    ...(proof === null ? [] : proofLines(proof)),
  ]
}

function proofLines({ proven, leaked }: WorldProof): string[] {
  const gone = `${proven} ${proven === 1 ? 'generation' : 'generations'} proven gone`
  return [
    leaked.length === 0 ? `${gone}, none leaked` : `${gone}, ${leaked.length} LEAKED`,
    ...leaked.map(
      ({ name, place, half, holders }) => `LEAKED ${name} in ${place} (${half}): ${holders.join('; ')}`,
    ),
  ]
}
