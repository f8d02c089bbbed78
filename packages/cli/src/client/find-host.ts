import { HostClient, HostError, HOST_SOCKET, probeSocket, runDirectoryOf, runningHosts } from '@netaccel/host'
import { join, resolve } from 'node:path'
import { CliError } from '../errors.js'
import { nearest } from '../nearest.js'
import { type Given, textOption } from '../command.js'

/**
 * The run directory of the host that a command is for: the one that was named, or the only one that runs.
 * @throws HostError NO_HOST; CliError USAGE when several run and none was named
 */
export async function findHost(given: Given): Promise<string> {
  const runDir = textOption(given, 'runDir')
  if (runDir !== undefined) return resolve(runDir)
  const hosts = await runningHosts()
  const names = hosts.map(({ name }) => name)
  const name = textOption(given, 'host')
  if (name !== undefined) {
    const path = runDirectoryOf(name)
    if ((await probeSocket(join(path, HOST_SOCKET))) === 'live') return path
    const near = nearest(name, names)
    const hint =
      names.length === 0
        ? 'none is; start one with `netaccel run FILE`'
        : `there ${names.length === 1 ? 'is' : 'are'} ${names.join(', ')}`
    throw new HostError(
      'NO_HOST',
      `No host "${name}" is running: ${near === undefined ? hint : `the nearest is ${near}`}.`,
    )
  }
  const [only, another] = hosts
  if (only === undefined)
    throw new HostError('NO_HOST', 'No host is running: start one with `netaccel run FILE`.')
  if (another === undefined) return only.runDir
  throw new CliError(
    'USAGE',
    `${hosts.length} hosts are running: ${names.join(', ')}; choose one with --host`,
  )
}

/** Ask the host that a command is for, and let go of it again. */
export async function withHost<T>(given: Given, work: (client: HostClient) => Promise<T>): Promise<T> {
  const client = await HostClient.open(await findHost(given))
  try {
    return await work(client)
  } finally {
    client.close()
  }
}
