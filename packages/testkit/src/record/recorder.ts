// The recorder: stands between host and plugin, looks like what it wraps, and writes down every call in one order.
import type { Frame, GenerationFacts, Halves } from '@netaccel/core'
import type { Call, FrameFacts, Place, ShapeName, Stranger } from './calls.js'
import { factsAfter, factsOf, isFrame } from './frame-facts.js'
import type { Mark } from './mark.js'
import { SHAPES } from './shapes.js'
import type { ArgumentShape, MethodShape, Shape } from './shapes.js'

type Method = (...args: unknown[]) => unknown

/** Methods whose calls begin a place of their own. */
const BEGINNINGS: readonly string[] = ['newDevice', 'probe', 'openQueue']
const PLAIN: MethodShape = {}

/** Calls of one bench. Made by {@link Recorder}; judges read it. */
export class Recorder {
  readonly calls: Call[] = []
  readonly strangers: Stranger[] = []
  /** False: nothing is written down, and calls pass as they are. */
  on = true
  /** A hook or callback of the plugin is on the stack. */
  get inPlugin(): boolean {
    return this.current !== null
  }

  private readonly now: () => number
  private readonly mark: Mark | null
  private readonly inners = new WeakMap<object, object>()
  private readonly wrapped = new WeakMap<object, object>()
  private current: Call | null = null
  private generations = 0
  private attachments = 0

  constructor(now: () => number, mark: Mark | null) {
    this.now = now
    this.mark = mark
  }

  /** For `BuildOptions.wrap`. */
  readonly wrap = (halves: Halves, { half }: GenerationFacts, where: string): Halves => {
    this.generations += 1
    const place: Place = {
      where,
      half,
      generation: this.generations,
      attachment: 0,
      handle: undefined,
      queue: undefined,
    }
    return this.around(halves, 'halves', place)
  }

  private around<T extends object>(target: T, name: ShapeName, place: Place): T {
    const known = this.wrapped.get(target)
    if (known !== undefined) return known as T
    const shape = SHAPES[name]
    const methods = new Map<PropertyKey, Method>()
    const inner: object = target
    // The proxy's own target is empty: what a frozen object has could not be given out as another.
    const proxy = new Proxy({} as T, {
      get: (_, key) => {
        const made = methods.get(key)
        if (made !== undefined) return made
        const value: unknown = Reflect.get(inner, key, inner)
        if (typeof value === 'function') {
          const method = this.method(inner, value as Method, String(key), name, place)
          methods.set(key, method)
          return method
        }
        if (shape.role === 'door' && this.on && isStrange(key, inner))
          this.strangers.push({ of: name, name: String(key), place })
        const prop = shape.props?.[String(key)]
        return prop !== undefined && isObject(value) ? this.around(value, prop, place) : value
      },
      set: (_, key, value) => Reflect.set(inner, key, value, inner),
      has: (_, key) => key in inner,
    })
    this.wrapped.set(target, proxy)
    this.inners.set(proxy, target)
    return proxy
  }

  private method(inner: object, value: Method, name: string, of: ShapeName, place: Place): Method {
    const shape: Shape = SHAPES[of]
    const method = shape.methods[name]
    // Not part of the contract: `toString`, `now` and the like.
    if (method === undefined) return value.bind(inner)
    const { role } = shape
    const begins = BEGINNINGS.includes(name)
    return (...given) => {
      if (!this.on) return value.apply(inner, this.plainArgs(given, method, role, name, place))
      const at = begins ? this.placeOf(name, given, place) : place
      const args = this.plainArgs(given, method, role, name, at)
      return this.run(this.begin(role, of, name, at, given), inner, value, args, method)
    }
  }

  /** The place of what a call hands out or is about: an attachment begins at `newDevice` and `probe`. */
  private placeOf(name: string, args: readonly unknown[], place: Place): Place {
    const [first] = args
    if (name === 'openQueue') return { ...place, queue: (first as { index: number }).index }
    this.attachments += 1
    return { ...place, attachment: this.attachments, handle: (first as { handle: number }).handle }
  }

  /** The arguments as the other side shall meet them; the same array when they are as they were given. */
  private plainArgs(
    given: unknown[],
    method: MethodShape,
    role: Shape['role'],
    name: string,
    place: Place,
  ): unknown[] {
    let plain: unknown[] | null = null
    for (let index = 0; index < given.length; index += 1) {
      const value = given[index]
      if (typeof value !== 'object' && typeof value !== 'function') continue
      const met = this.plainArg(value, index, method, role, name, place)
      if (met !== value) (plain ??= [...given])[index] = met
    }
    return plain ?? given
  }

  private plainArg(
    value: unknown,
    index: number,
    method: MethodShape,
    role: Shape['role'],
    name: string,
    place: Place,
  ): unknown {
    const shape: ArgumentShape = method.args?.[index] ?? null
    if (shape === 'later' && typeof value === 'function')
      return this.later(value as Method, role, name, place)
    if (!isObject(value)) return value
    if (shape !== null && shape !== 'later') return this.around(value, shape, place)
    const inner = this.inners.get(value)
    if (inner !== undefined) return inner
    return index === 0 && method.unwrap !== undefined ? this.unwrapped(value, method.unwrap) : value
  }

  /** A function that the other side will call. */
  private later(work: Method, role: Shape['role'], name: string, place: Place): Method {
    // What a plugin gives to a door is called by the host; what the host gives to hardware, by the plugin.
    const calledBy = role === 'door' ? 'callback' : 'door'
    return (...args) => {
      if (!this.on) return work(...args)
      return this.run(this.begin(calledBy, 'scope', name, place, args), undefined, work, args, PLAIN)
    }
  }

  private unwrapped(value: object, fields: readonly string[]): object {
    const copy: Record<string, unknown> = { ...value }
    for (const field of fields) {
      const held = copy[field]
      if (isObject(held)) copy[field] = this.inners.get(held) ?? held
    }
    return copy
  }

  private begin(
    role: Call['role'],
    of: ShapeName,
    name: string,
    place: Place,
    args: readonly unknown[],
  ): Call {
    const [first] = args
    const frame: FrameFacts | null = isFrame(first) ? factsOf(first) : null
    const call: Call = {
      n: this.calls.length,
      at: this.now(),
      role,
      of,
      name,
      place,
      within: this.current,
      args,
      frame,
      frameAfter: null,
      outcome: 'pending',
      result: undefined,
      threw: undefined,
      returnedAt: NaN,
      settledAt: NaN,
      last: 0,
    }
    this.calls.push(call)
    return call
  }

  private run(
    call: Call,
    inner: object | undefined,
    work: Method,
    args: unknown[],
    method: MethodShape,
  ): unknown {
    const entered = call.role !== 'door'
    const before = this.current
    if (entered) {
      this.current = call
      this.mark?.enter(call.place.half, call.name)
    }
    try {
      const result = work.apply(inner, args)
      call.outcome = 'returned'
      return this.handOut(call, result, method, call.place)
    } catch (error) {
      call.outcome = 'threw'
      call.threw = error
      throw error
    } finally {
      call.returnedAt = this.now()
      call.last = this.calls.length
      if (entered) {
        if (call.frame !== null && call.role === 'hook')
          call.frameAfter = factsAfter(call.args[0] as Frame, call.frame)
        this.current = before
        this.mark?.leave(before === null ? null : before.name)
      }
    }
  }

  /** The result as the caller gets it, a promise's when it settles. */
  private handOut(call: Call, result: unknown, method: MethodShape, place: Place): unknown {
    if (!(result instanceof Promise)) {
      call.result = result
      return this.out(result, method, place)
    }
    call.outcome = 'pending'
    return result.then(
      (value: unknown) => {
        call.outcome = 'resolved'
        call.result = value
        call.settledAt = this.now()
        return this.out(value, method, place)
      },
      (error: unknown) => {
        call.outcome = 'rejected'
        call.threw = error
        call.settledAt = this.now()
        throw error
      },
    )
  }

  private out(value: unknown, { result }: MethodShape, place: Place): unknown {
    return result !== undefined && isObject(value) ? this.around(value, result, place) : value
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

/** What JavaScript itself looks for at any object. */
const EVERYWHERE: readonly PropertyKey[] = [
  'then',
  'toJSON',
  'constructor',
  '$$typeof',
  'asymmetricMatch',
  'nodeType',
]

function isStrange(key: PropertyKey, inner: object): boolean {
  return typeof key === 'string' && !(key in inner) && !EVERYWHERE.includes(key)
}
