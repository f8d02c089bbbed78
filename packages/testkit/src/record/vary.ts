// Other objects in the place of those that cross the border: with the same interface, and some members of their own.

/** An object like `inner` but for the members of `over`. */
export function vary<T extends object>(inner: T, over: Partial<T>): T {
  const bound = new Map<PropertyKey, unknown>()
  // The proxy's own target is empty: what a frozen object has could not be given out as another.
  return new Proxy({} as T, {
    get(_, key) {
      if (Object.hasOwn(over, key)) return Reflect.get(over, key) as unknown
      const known = bound.get(key)
      if (known !== undefined) return known
      const value: unknown = Reflect.get(inner, key, inner)
      if (typeof value !== 'function') return value
      // Doors have private fields, which only they themselves can reach.
      const method = value.bind(inner) as unknown
      bound.set(key, method)
      return method
    },
    set: (_, key, value) => Reflect.set(inner, key, value, inner),
    has: (_, key) => key in inner || Object.hasOwn(over, key),
  })
}
