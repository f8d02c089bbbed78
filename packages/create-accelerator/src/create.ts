import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { checkName, folderOf } from './answers.js'
import type { Answers } from './answers.js'
import { filesOf } from './template.js'
import { readVersions, Sources, tarballName } from './versions.js'
import { checkFolder, writeAll } from './write.js'

/** What was made. */
export interface Created {
  readonly folder: string
  /** Paths within it, sorted. */
  readonly files: readonly string[]
}

/** Where the templates and the table of versions lie: the build puts them beside its code. */
const DIST = fileURLToPath(new URL('../dist', import.meta.url))

/**
 * Makes a package in a folder of its name under `within`; nothing at all if anything is wrong. Installs nothing.
 * @throws CreateError
 */
export function createAccelerator(answers: Answers, within: string): Created {
  checkName(answers.name)
  const folder = resolve(within, folderOf(answers.name))
  checkFolder(folder)
  const versions = readVersions(DIST)
  const local = answers.local === undefined ? undefined : resolve(within, answers.local)
  const sources = new Sources(versions, folder, local)
  const files = filesOf(DIST, { ...answers, local }, versions, sources)
  writeAll(folder, files)
  return { folder, files: [...files.keys()].sort() }
}

/** The file that npm writes beside what it has installed, and that says from where. */
export function installRecord(): string {
  return join(DIST, '../../../.package-lock.json')
}

/** The folder holds the tarballs of all netaccel packages that belong to this one. */
export function isWholeFolder(folder: string): boolean {
  const { ours } = readVersions(DIST)
  return ['@netaccel/core', '@netaccel/host'].every((name) =>
    existsSync(join(folder, tarballName(name, ours[name]))),
  )
}

/** The version of this package. */
export function ownVersion(): string {
  const { version } = JSON.parse(readFileSync(join(DIST, '../package.json'), 'utf8')) as { version: string }
  return version
}
