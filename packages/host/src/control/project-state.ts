// What a project says of its dependencies, kept while npm changes it.
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { npm } from './npm.js'

const MANIFEST = 'package.json'
const LOCK = 'package-lock.json'

/** The files of a project that name its dependencies, as they were when this was made. */
export class ProjectState {
  readonly #project: string
  readonly #files: ReadonlyMap<string, Buffer | null>

  constructor(project: string) {
    this.#project = project
    this.#files = new Map(
      [MANIFEST, LOCK].map((name) => {
        const path = join(project, name)
        return [name, existsSync(path) ? readFileSync(path) : null]
      }),
    )
  }

  /** Whether the project named a package as a dependency, of whichever kind. */
  names(packageName: string): boolean {
    const text = this.#files.get(MANIFEST)?.toString()
    if (text === undefined) return false
    const kinds = Object.entries(JSON.parse(text) as Record<string, Record<string, string> | undefined>)
    return kinds.some(([kind, names]) => kind.endsWith('ependencies') && names?.[packageName] !== undefined)
  }

  /**
   * Put back what was: with the package that stood there if there was one, without it if not. Install scripts do not run.
   * @throws HostError ADD_FAILED when npm cannot; the files are as they were then too, and `npm install` does the rest
   */
  async restore(packageName: string): Promise<void> {
    const quiet = ['--ignore-scripts', '--no-audit', '--no-fund']
    try {
      if (this.names(packageName)) {
        this.#write()
        const lock = this.#files.get(LOCK) === null ? ['--no-package-lock'] : []
        await npm(this.#project, ['install', ...lock, ...quiet])
      } else await npm(this.#project, ['uninstall', ...quiet, '--', packageName])
    } finally {
      this.#write()
    }
  }

  #write(): void {
    for (const [name, content] of this.#files) {
      const path = join(this.#project, name)
      if (content === null) rmSync(path, { force: true })
      else writeFileSync(path, content)
    }
  }
}
