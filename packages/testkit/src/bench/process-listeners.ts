type Listener = (...args: unknown[]) => void

/** What listens to this process now. A plugin's listeners stay when it is gone; the process is not the kit's alone. */
export class ProcessListeners {
  private readonly before = new Map<string | symbol, ReadonlySet<unknown>>()

  constructor() {
    for (const name of process.eventNames()) this.before.set(name, new Set(process.rawListeners(name)))
  }

  /** Takes away what listens now and did not before. */
  restore(): void {
    for (const name of process.eventNames()) {
      const known = this.before.get(name)
      for (const listener of process.rawListeners(name))
        if (known?.has(listener) !== true) process.off(name, listener as Listener)
    }
  }
}
