import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Node's garbage collector as a function, also in a process that was started without `--expose-gc`. */
export function collector(): () => void {
  const { gc } = globalThis
  if (gc !== undefined) return () => gc()
  setFlagsFromString('--expose-gc')
  return runInNewContext('gc') as () => void
}
