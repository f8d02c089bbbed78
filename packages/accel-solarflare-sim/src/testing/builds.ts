// Builds of this plugin that differ in bytes, as packages in memory.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type PackageFiles, type PluginPackage, readPlugin } from '@netaccel/core'
import { FOLDER } from './two-hosts.js'

const PACKAGE_JSON = JSON.parse(readFileSync(join(FOLDER, 'package.json'), 'utf8')) as Record<string, unknown>
const ARTEFACTS = {
  frontend: readFileSync(join(FOLDER, 'dist/frontend.cjs'), 'utf8'),
  backend: readFileSync(join(FOLDER, 'dist/backend.cjs'), 'utf8'),
}

/** What a build has in the place of the real artefacts. */
export interface Replaced {
  readonly frontend?: string
  readonly backend?: string
}

/** The real artefacts, but for what is replaced, with a constant of this build in each. */
export function buildOf(version: string, replaced: Replaced = {}): PluginPackage {
  const text = (half: keyof Replaced): string =>
    `${replaced[half] ?? ARTEFACTS[half]}\nmodule.exports.build = ${JSON.stringify(version)}\n`
  const files: Record<string, string> = {
    './package.json': JSON.stringify({ ...PACKAGE_JSON, version }),
    './dist/frontend.cjs': text('frontend'),
    './dist/backend.cjs': text('backend'),
  }
  const read: PackageFiles['read'] = (path) =>
    files[path] === undefined ? undefined : new TextEncoder().encode(files[path])
  return readPlugin({ from: `build ${version}`, read })
}
