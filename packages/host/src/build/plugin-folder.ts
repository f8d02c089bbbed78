import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { discoverPlugins, type PluginIntegrity, type PluginPackage, readPlugin } from '@netaccel/core'
import { HostError } from '../errors.js'

/** Of a plugin's name; a package's may have others. */
const PLUGIN_NAME = /^[a-z0-9][a-z0-9_.-]{0,62}$/
const TARBALL = /\.(?:tgz|tar\.gz)$/

/**
 * Where a plugin's package is: a folder or a tarball as it is; the name of a plugin, or of a package, that is installed in
 * the project.
 * @throws HostError NO_SUCH_PART; AcceleratorError NAME_TAKEN, BAD_MANIFEST for one that is installed and broken
 */
export function pluginFolder(plugin: string, project: string = process.cwd()): string {
  if (TARBALL.test(plugin) || existsSync(join(plugin, 'package.json'))) return resolve(plugin)
  if (isAbsolute(plugin) || plugin.startsWith('.')) {
    throw new HostError(
      'NO_SUCH_PART',
      `There is no package in the folder ${plugin}: it holds no package.json.`,
    )
  }
  const named = PLUGIN_NAME.test(plugin) ? installedPlugin(plugin, project) : undefined
  if (named !== undefined) return named
  try {
    return dirname(createRequire(join(project, 'package.json')).resolve(`${plugin}/package.json`))
  } catch (cause) {
    const sentence = `The package ${plugin} is not installed here; install it with npm, or give its folder.`
    throw new HostError('NO_SUCH_PART', sentence, [], cause)
  }
}

/** By the name in its manifest. Undefined: the project depends on no such plugin. */
function installedPlugin(name: string, project: string): string | undefined {
  if (!existsSync(join(project, 'package.json'))) return undefined
  const { plugins, broken } = discoverPlugins(project)
  const wrong = broken.find((one) => one.name === name)
  if (wrong !== undefined) throw wrong.error
  return plugins.find(({ plugin }) => plugin.manifest.name === name)?.folder
}

/** Reads the package that a world names: see `BuildOptions.readPackage`. `integrity`: what the bytes of a tarball must be. */
export type ReadPackage = (plugin: string, integrity?: PluginIntegrity) => PluginPackage

/** The package in a plugin's folder, or as installed where the process runs. @throws as {@link pluginFolder} and `readPlugin` */
export const readFolder: ReadPackage = (plugin, integrity) => readPlugin(pluginFolder(plugin), integrity)

/** Reads packages as they are installed in a project's folder. */
export function readInstalled(project: string): ReadPackage {
  return (plugin, integrity) => readPlugin(pluginFolder(plugin, project), integrity)
}
