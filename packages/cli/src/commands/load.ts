import type { LoadReport } from '@netaccel/host'
import { withHost } from '../client/find-host.js'
import {
  type CommandSpec,
  type Given,
  HOST_OPTIONS,
  isSet,
  numberOption,
  type OptionSpec,
  textOption,
} from '../command.js'
import { CliError, EXIT_OK, textOf } from '../errors.js'
import { duration } from '../show/columns.js'
import { placeOf } from './add.js'

/** What the host is told of the package to load or to upgrade to. */
export const PACKAGE_OPTIONS: readonly OptionSpec[] = [
  ...HOST_OPTIONS,
  ['--hosts <names>', 'Only on these hosts of the world: a,b'],
  ['--options <json>', 'Told to its halves, as an object'],
  ['--integrity <hash>', 'What the bytes of a tarball must be: sha512-…'],
]

export const load: CommandSpec = {
  usage: 'load <plugin>',
  says: 'Load both halves of a plugin into a running host, and attach every vif that asks for it',
  options: PACKAGE_OPTIONS,
  example: '  netaccel load sfc_netfront',
  run: (given) =>
    withHost(given, async (client) => {
      const report = await client.request<LoadReport>('load', packageRequest(given))
      if (isSet(given, 'json')) console.log(JSON.stringify(report))
      else for (const line of linesOf(report)) console.log(line)
      return EXIT_OK
    }),
}

/** @throws CliError USAGE */
export function packageRequest(given: Given): Record<string, unknown> {
  const integrity = textOption(given, 'integrity')
  const hosts = hostsOption(given)
  const options = textOption(given, 'options')
  return {
    plugin: placeOf(given.words[0]),
    ...(integrity === undefined ? {} : { integrity }),
    ...(hosts === undefined ? {} : { hosts }),
    ...(options === undefined ? {} : { options: parseOptions(options) }),
  }
}

/** `--hosts a,b`. */
export function hostsOption(given: Given): string[] | undefined {
  return textOption(given, 'hosts')?.split(',')
}

/** `--deadline`, in milliseconds. */
export function deadlineOption(given: Given): number | undefined {
  return numberOption(given, 'deadline', 0, 3_600_000)
}

function linesOf({ name, version, vifs, places, tookNs }: LoadReport): string[] {
  const used = vifs.length === 0 ? 'no vif asks for it' : `used by ${vifs.join(', ')}`
  return [`${name} ${version} is loaded in ${places.join(', ')} after ${duration(tookNs)}`, used]
}

function parseOptions(text: string): unknown {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new CliError('USAGE', `--options is not JSON: ${textOf(error)}`, { cause: error })
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  throw new CliError('USAGE', '--options takes an object, such as \'{"depth":64}\'')
}
