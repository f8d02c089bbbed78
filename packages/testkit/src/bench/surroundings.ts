// What stands around a plugin in its process: globals, the prototypes of the language, listeners.
const BUILTINS = [
  Object,
  Function,
  Array,
  String,
  Number,
  Promise,
  Map,
  Set,
  WeakMap,
  Error,
  ArrayBuffer,
  SharedArrayBuffer,
  DataView,
  Uint8Array,
  Int32Array,
  Uint32Array,
  Float64Array,
  AbortSignal,
  AbortController,
] as const

/** One look. Values are held only to be compared. */
export class Surroundings {
  private readonly members = new Map<string, unknown>()

  constructor() {
    this.addMembers('globalThis', globalThis)
    for (const builtin of BUILTINS) {
      this.addMembers(builtin.name, builtin)
      this.addMembers(`${builtin.name}.prototype`, builtin.prototype as object)
    }
    for (const name of process.eventNames())
      this.members.set(`listeners of process for ${String(name)}`, process.listenerCount(name))
  }

  /** What `later` has that this has not, or has otherwise. */
  changes(later: Surroundings): string[] {
    const changed: string[] = []
    for (const [name, value] of later.members) {
      if (!this.members.has(name)) changed.push(`${name} is new`)
      else if (!Object.is(this.members.get(name), value)) changed.push(`${name} has changed`)
    }
    for (const name of this.members.keys()) if (!later.members.has(name)) changed.push(`${name} has gone`)
    return changed
  }

  private addMembers(prefix: string, of: object): void {
    for (const key of Reflect.ownKeys(of)) {
      const { value } = Object.getOwnPropertyDescriptor(of, key) ?? {}
      this.members.set(`${prefix}.${String(key)}`, value)
    }
  }
}
