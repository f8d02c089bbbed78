import { existsSync, readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'

const OWN = 'node_modules/@netaccel/create-accelerator'

/**
 * The folder of the tarball that this package was installed from; undefined if it came from elsewhere, or if the tarball
 * stands alone. `record` is the `.package-lock.json` in the `node_modules` that it lies in.
 */
export function tarballFolder(record: string, isWhole: (folder: string) => boolean): string | undefined {
  if (!existsSync(record)) return undefined
  let resolved: unknown
  try {
    const { packages } = JSON.parse(readFileSync(record, 'utf8')) as {
      packages?: Record<string, { resolved?: unknown }>
    }
    resolved = packages?.[OWN]?.resolved
  } catch {
    return undefined
  }
  if (typeof resolved !== 'string' || !resolved.startsWith('file:')) return undefined
  const folder = dirname(resolve(dirname(dirname(record)), resolved.slice('file:'.length)))
  return isWhole(folder) ? folder : undefined
}
