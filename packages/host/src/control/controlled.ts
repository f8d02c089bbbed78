import type { World } from '../build/world.js'

/** What the methods of a host's socket act on. */
export interface Controlled {
  readonly world: World
  /** The host's name: the last part of its run directory by default. */
  readonly name: string
  /** The folder whose installed packages it loads; `add` installs there. */
  readonly project: string
  /** The file that the world was read from; undefined: none. */
  readonly file?: string
  /** Where the socket is. */
  readonly runDir: string
  /** End the host in good order. Returns at once. */
  stop(): void
}

/** Settles after `ns` nanoseconds of the world's time, or when `signal` aborts. */
export function worldPause({ world }: Controlled, ns: number, signal?: AbortSignal): Promise<void> {
  const [host] = world.hosts.values()
  return new Promise((resolve) => {
    const done = (): void => {
      timer.cancel()
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const timer = host.driver.engine.after(ns, done)
    signal?.addEventListener('abort', done)
    if (signal?.aborted === true) done()
  })
}
