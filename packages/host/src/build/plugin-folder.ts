import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { type PluginPackage, readPlugin } from '@netaccel/core'
import { HostError } from '../errors.js'

/**
 * The folder of a plugin's package: a path as it is, or the name of a package that is installed in the project that the
 * process runs in.
 * @throws HostError NO_SUCH_PART
 */
export function pluginFolder(plugin: string): string {
  if (existsSync(join(plugin, 'package.json'))) return resolve(plugin)
  if (isAbsolute(plugin) || plugin.startsWith('.')) {
    throw new HostError(
      'NO_SUCH_PART',
      `There is no package in the folder ${plugin}: it holds no package.json.`,
    )
  }
  try {
    return dirname(createRequire(join(process.cwd(), 'package.json')).resolve(`${plugin}/package.json`))
  } catch (cause) {
    const sentence = `The package ${plugin} is not installed here; install it with npm, or give its folder.`
    throw new HostError('NO_SUCH_PART', sentence, [], cause)
  }
}

/** Reads the package that a world names: see `BuildOptions.readPackage`. */
export type ReadPackage = (plugin: string) => PluginPackage

/** The package in a plugin's folder. @throws HostError NO_SUCH_PART; AcceleratorError BAD_MANIFEST */
export const readFolder: ReadPackage = (plugin) => readPlugin(pluginFolder(plugin))
