import { existsSync, readFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { CreateError } from './errors.js'

/** `dist/versions.json`, written when this package was built. */
export interface Versions {
  /** Version of each netaccel package. */
  readonly ours: Readonly<Record<string, string>>
  /** Range of each tool. */
  readonly theirs: Readonly<Record<string, string>>
  /** Range of core that a plugin works with. */
  readonly peer: string
}

export function readVersions(dist: string): Versions {
  return JSON.parse(readFileSync(join(dist, 'versions.json'), 'utf8')) as Versions
}

/** The name that `npm pack` gives a netaccel package's tarball. */
export function tarballName(name: string, version: string): string {
  return `${name.replace('@', '').replace('/', '-')}-${version}.tgz`
}

/** Where a new package in `folder` takes each netaccel package from. */
export class Sources {
  private readonly versions: Versions
  private readonly specs = new Map<string, string>()

  /**
   * `local`: folder of tarballs; undefined: the registry.
   * @throws CreateError NO_TARBALLS
   */
  constructor(versions: Versions, folder: string, local: string | undefined) {
    this.versions = versions
    for (const [name, version] of Object.entries(versions.ours)) {
      if (local === undefined) this.specs.set(name, `^${version}`)
      else {
        const file = resolve(local, tarballName(name, version))
        if (existsSync(file)) this.specs.set(name, `file:${relative(folder, file).replaceAll('\\', '/')}`)
      }
    }
    if (local !== undefined && !this.specs.has('@netaccel/core'))
      throw noTarballs(local, versions, '@netaccel/core')
  }

  /**
   * The range of one dependency.
   * @throws CreateError NO_TARBALLS
   */
  rangeOf(name: string, local: string | undefined): string {
    const range = this.specs.get(name) ?? this.versions.theirs[name]
    if (range !== undefined) return range
    if (local !== undefined && name in this.versions.ours) throw noTarballs(local, this.versions, name)
    throw new TypeError(`the template depends on ${name}, of which no version is known`)
  }

  /** What packages of the tarballs depend on is taken from the tarballs as well. */
  overrides(): Record<string, string> {
    return Object.fromEntries(this.specs)
  }
}

function noTarballs(local: string, { ours }: Versions, name: string): CreateError {
  const file = tarballName(name, ours[name])
  return new CreateError(
    'NO_TARBALLS',
    `${local} does not hold ${file}; give --local the folder that npm pack --pack-destination wrote all netaccel packages to.`,
  )
}
