// Compiling and evaluating one artefact. Nothing enters a module cache: the text is compiled as a function, its `require`
// gives the host's own core and declared node: modules. Each evaluation has a state of its own, which is collected when the
// last reference is dropped; the code, which has none, is kept for the next load of the same bytes.
import { createRequire } from 'node:module'
import { compileFunction } from 'node:vm'
import { isDefinedAccelerator } from './define.js'
import { AcceleratorError } from './errors.js'
import type { DefinedAccelerator, HalfName, Manifest } from './contract/index.js'
import type { Artefact } from './plugin-package.js'

const CORE = '@netaccel/core'
const nodeRequire = createRequire(import.meta.url)

interface ModuleLike {
  exports: unknown
}

type Compiled = (exports: unknown, require: (name: string) => unknown, module: ModuleLike) => void

/**
 * Evaluates the artefact and gives what it exports. `core` is the namespace of this very package, so that core is one by
 * construction. Throws `BAD_ARTEFACT` or `BAD_REQUIRE`.
 */
export function evaluateArtefact(artefact: Artefact, manifest: Manifest, core: object): DefinedAccelerator {
  const run = compiled(artefact)
  const module: ModuleLike = { exports: {} }
  try {
    run(module.exports, requireFor(artefact, manifest, core), module)
  } catch (cause) {
    if (cause instanceof AcceleratorError) throw cause
    throw bad(artefact, `threw while it was evaluated: ${messageOf(cause)}`, cause)
  }
  return exported(artefact, module.exports)
}

/** Artefacts whose code is kept: both halves of a few plugins, and of the versions before them. */
const KEPT = 16
/** Code by the hash of its bytes and its path, the last used last. */
const code = new Map<string, Compiled>()

/**
 * The code of an artefact. A load of bytes that were loaded before takes what V8 has made of them by then: read lazily,
 * function by function, and made fast, which it would do anew for each load.
 */
function compiled(artefact: Artefact): Compiled {
  const key = `${artefact.hash} ${artefact.path}`
  const run = code.get(key) ?? compile(artefact)
  code.delete(key)
  code.set(key, run)
  for (const oldest of code.keys()) {
    if (code.size <= KEPT) break
    code.delete(oldest)
  }
  return run
}

/** No `importModuleDynamically` is given, so that `import()` in an artefact rejects: it would bring in other code. */
function compile(artefact: Artefact): Compiled {
  try {
    return compileFunction(artefact.text, ['exports', 'require', 'module'], {
      filename: `${artefact.path}#${artefact.hash.slice(0, 12)}`,
    }) as Compiled
  } catch (cause) {
    throw bad(artefact, `does not compile as CommonJS: ${messageOf(cause)}`, cause)
  }
}

function requireFor(artefact: Artefact, manifest: Manifest, core: object): (name: string) => unknown {
  const allowed = new Set<string>(manifest.uses ?? [])
  return (name) => {
    if (name === CORE) return core
    if (allowed.has(name)) return nodeRequire(name)
    throw new AcceleratorError('BAD_REQUIRE', `${artefact.path} requires ${JSON.stringify(name)}`)
  }
}

function exported(artefact: Artefact, exports: unknown): DefinedAccelerator {
  const value = isObject(exports) && 'default' in exports ? exports.default : exports
  if (!isDefinedAccelerator(value))
    throw bad(
      artefact,
      'does not export what defineAccelerator() of the host returned; write `export default defineAccelerator({ ... })`',
    )
  if (typeof value[artefact.half] !== 'function')
    throw bad(artefact, `has no ${artefact.half} half; its defineAccelerator() has ${namesOf(value)}`)
  return value
}

function namesOf(value: DefinedAccelerator): string {
  const names = (['frontend', 'backend', 'hardware'] satisfies HalfName[]).filter((name) => name in value)
  return names.length === 0 ? 'none' : names.join(' and ')
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}

function bad(artefact: Artefact, what: string, cause?: unknown): AcceleratorError {
  return new AcceleratorError('BAD_ARTEFACT', `${artefact.path} ${what}`, { cause })
}
