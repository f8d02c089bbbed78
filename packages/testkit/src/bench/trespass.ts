// What a plugin does past its context while it is watched: timers, listeners, files and code of Node's own, called from its
// artefacts, or while a hook of it is on the stack.
import fs from 'node:fs'
import fsPromises from 'node:fs/promises'
import vm from 'node:vm'

type Method = (...args: unknown[]) => unknown
type Kind = 'outside' | 'code'

/** One such call. `code`: it brings other code in. */
export interface Trespass {
  readonly what: string
  readonly kind: Kind
}

interface Target {
  readonly of: object
  readonly name: string
  readonly kind: Kind
}

const on = (of: object, kind: Kind, ...names: readonly string[]): Target[] =>
  names.map((name) => ({ of, name, kind }))

const TARGETS: readonly Target[] = [
  ...on(globalThis, 'outside', 'setTimeout', 'setInterval', 'setImmediate', 'fetch'),
  ...on(process, 'outside', 'on', 'once', 'addListener', 'prependListener', 'exit', 'kill', 'chdir'),
  ...on(globalThis, 'code', 'eval', 'Function'),
  ...on(process, 'code', 'getBuiltinModule', 'dlopen'),
  ...on(fs, 'code', 'readFileSync', 'readFile', 'openSync', 'open', 'createReadStream'),
  ...on(fsPromises, 'code', 'readFile', 'open'),
  ...on(vm, 'code', 'runInThisContext', 'runInNewContext', 'compileFunction', 'Script'),
]

/** Puts watched functions in the places of Node's, until {@link end}. */
export class TrespassWatch {
  readonly found: Trespass[] = []
  private readonly paths: readonly string[]
  private readonly inPlugin: () => boolean
  private readonly undo: (() => void)[] = []

  /** `paths`: of the artefacts, as they stand in stacks. */
  constructor(paths: readonly string[], inPlugin: () => boolean) {
    this.paths = paths
    this.inPlugin = inPlugin
    for (const target of TARGETS) this.watch(target)
  }

  end(): void {
    for (const undo of this.undo.splice(0).toReversed()) undo()
  }

  private watch({ of, name, kind }: Target): void {
    const inner: unknown = Reflect.get(of, name)
    if (typeof inner !== 'function') return
    const own = Object.getOwnPropertyDescriptor(of, name)
    const note = (): void => {
      if (this.byPlugin()) this.found.push({ what: name, kind })
    }
    const shim = new Proxy(inner as Method, {
      apply: (target, self, args: unknown[]) => (note(), Reflect.apply(target, self, args)),
      construct: (target, args, as) => (note(), Reflect.construct(target, args, as) as object),
    })
    Object.defineProperty(of, name, {
      value: shim,
      configurable: true,
      writable: true,
      enumerable: own?.enumerable ?? false,
    })
    this.undo.push(() => {
      if (own === undefined) Reflect.deleteProperty(of, name)
      else Object.defineProperty(of, name, own)
    })
  }

  private byPlugin(): boolean {
    if (this.inPlugin()) return true
    const stack = new Error('who').stack ?? ''
    return this.paths.some((path) => stack.includes(path))
  }
}
