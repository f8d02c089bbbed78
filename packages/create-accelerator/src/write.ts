import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { CreateError } from './errors.js'

/**
 * The folder is not there, or is there and empty.
 * @throws CreateError FOLDER_NOT_EMPTY
 */
export function checkFolder(folder: string): void {
  if (!existsSync(folder)) return
  let names: string[] | undefined
  try {
    names = readdirSync(folder)
  } catch {
    // A file, or none of ours to read: not a folder to write to.
  }
  if (names?.length === 0) return
  throw new CreateError(
    'FOLDER_NOT_EMPTY',
    `${folder} exists and is not an empty folder; nothing was changed. Choose another name or move it away.`,
  )
}

/** Writes all files or none: into a temporary folder beside it, which becomes the folder at the end. */
export function writeAll(folder: string, files: ReadonlyMap<string, string>): void {
  checkFolder(folder)
  mkdirSync(dirname(folder), { recursive: true })
  const unfinished = mkdtempSync(join(dirname(folder), `.${basename(folder)}-`))
  try {
    for (const [path, text] of files) {
      const file = join(unfinished, path)
      mkdirSync(dirname(file), { recursive: true })
      writeFileSync(file, text)
    }
    if (existsSync(folder)) rmdirSync(folder)
    renameSync(unfinished, folder)
  } catch (cause) {
    rmSync(unfinished, { recursive: true, force: true })
    throw cause
  }
}
