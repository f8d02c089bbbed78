import { compileFunction } from 'node:vm'
import { createRequire } from 'node:module'
import * as core from '@netaccel/core'
import type { HalfName } from '@netaccel/core'
import type { Act } from '../kit/act.js'
import type { Subject } from '../plugin/subject.js'

/** What evaluating one artefact has shown. */
export interface Read {
  readonly half: HalfName
  readonly path: string
  /** Why it is no artefact with this half; undefined: it is. */
  readonly fault: string | undefined
  /** What it has required, in order. */
  readonly required: readonly string[]
  /** What it has asked for by `import()`. */
  readonly imported: readonly string[]
  readonly declared: readonly string[]
}

const CORE = '@netaccel/core'
const nodeRequire = createRequire(import.meta.url)

/** Each artefact as the loader would read it, but with a `require` that writes down what is asked for. */
export const reading: Act<readonly Read[]> = {
  name: 'reading',
  title: 'the manifest is read, and each artefact evaluated by itself',
  bare: true,
  run: ({ subject }) => {
    const halves: readonly HalfName[] = ['frontend', 'backend', 'hardware']
    return Promise.resolve(
      halves.flatMap((half) => {
        const path = subject.manifest[half]
        return path === undefined ? [] : [read(subject, half, path)]
      }),
    )
  },
}

function read({ package: { files }, manifest }: Subject, half: HalfName, path: string): Read {
  const declared = manifest.uses ?? []
  const required: string[] = []
  const imported: string[] = []
  const made = (fault?: string): Read => ({ half, path, fault, required, imported, declared })
  const bytes = files.read(path)
  if (bytes === undefined) return made('there is no such file; build the package')
  const module: { exports: unknown } = { exports: {} }
  try {
    const run = compileFunction(new TextDecoder().decode(bytes), ['exports', 'require', 'module'], {
      filename: `${files.from}/${path}`,
      importModuleDynamically: (name: string) => {
        imported.push(name)
        throw new Error(`import(${JSON.stringify(name)}) is refused`)
      },
    }) as (exports: unknown, require: (name: string) => unknown, module: object) => void
    run(module.exports, requireOf(required), module)
  } catch (error) {
    return made(`evaluating it threw: ${String(error)}`)
  }
  return made(faultOf(module.exports, half))
}

function requireOf(required: string[]): (name: string) => unknown {
  return (name) => {
    required.push(name)
    return name === CORE ? core : nodeRequire(name)
  }
}

function faultOf(exported: unknown, half: HalfName): string | undefined {
  const isObject = typeof exported === 'object' && exported !== null
  const value: unknown = isObject && 'default' in exported ? exported.default : exported
  if (!core.isDefinedAccelerator(value)) return 'it does not export what defineAccelerator() returned'
  return typeof value[half] === 'function' ? undefined : `it has no ${half} half`
}
