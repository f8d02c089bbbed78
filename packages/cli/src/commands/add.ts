import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { type Added, addPlugin, HostClient, HostError, runningHosts } from '@netaccel/host'
import { findHost } from '../client/find-host.js'
import { type CommandSpec, type Given, HOST_OPTIONS, isSet, textOption } from '../command.js'
import { EXIT_OK } from '../errors.js'

export const add: CommandSpec = {
  usage: 'add <plugin>',
  says: "Install a plugin with npm into a running host's project, or into this folder when none runs",
  options: [
    ...HOST_OPTIONS,
    ['--integrity <hash>', 'What the bytes of a tarball, or of a package of the registry, must be: sha512-…'],
  ],
  example: '  netaccel add @netaccel/accel-solarflare-sim\n  netaccel add ./my-nic-1.0.0.tgz',
  run: async (given) => {
    const spec = placeOf(given.words[0])
    const integrity = textOption(given, 'integrity')
    const added = await install(given, { spec, ...(integrity === undefined ? {} : { integrity }) })
    if (isSet(given, 'json')) console.log(JSON.stringify(added))
    else {
      console.log(`${added.package} ${added.version} is installed: the plugin ${added.name}`)
      if (added.unfit !== null) console.log(`it cannot be loaded here: ${added.unfit}`)
      else console.log(`netaccel load ${added.name}`)
    }
    return EXIT_OK
  },
}

/** A path is the typist's, whatever folder the host runs in. */
export function placeOf(plugin: string): string {
  const isPath = plugin.startsWith('.') || plugin.startsWith('/') || existsSync(plugin)
  return isPath ? resolve(plugin) : plugin
}

/** @throws HostError when a host was named that does not run, and what `addPlugin` throws */
async function install(
  given: Given,
  request: { readonly spec: string; readonly integrity?: string },
): Promise<Added> {
  const named = given.options['host'] !== undefined || given.options['runDir'] !== undefined
  if (!named && (await runningHosts()).length === 0) return addPlugin({ project: process.cwd(), ...request })
  return addToHost(await findHost(given), request)
}

/** @throws HostRefusal, HostError NO_HOST */
async function addToHost(runDir: string, request: Readonly<Record<string, unknown>>): Promise<Added> {
  const client = await HostClient.open(runDir)
  try {
    return await client.request<Added>('add', request)
  } finally {
    client.close()
  }
}

/** Whether a word names a version of a package of the registry: `my-nic@2`. */
export function isVersioned(plugin: string): boolean {
  return plugin.lastIndexOf('@') > 0 && !existsSync(plugin)
}

/** Install what a word names with its version, and give the plugin's name. @throws HostError ADD_FAILED */
export async function installVersion(client: HostClient, plugin: string): Promise<string> {
  const { name, unfit } = await client.request<Added>('add', { spec: plugin })
  if (unfit !== null) throw new HostError('ADD_FAILED', unfit)
  return name
}
