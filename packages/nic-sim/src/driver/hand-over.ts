interface Waiter {
  /** Frames that the NIC must have taken from the wire. */
  readonly taken: number
  /** Then: frames that must have been handed to the bridge; -1 until the first holds. */
  handed: number
  readonly settle: () => void
}

/**
 * Who waits until all that had arrived is where it belongs (FL-08). Frames are taken from the wire in order, so two
 * marks suffice: the NIC has taken those that stood before it, then the driver has handed on what the NIC gave it.
 */
export class HandOver {
  private waiters: Waiter[] = []

  get waiting(): boolean {
    return this.waiters.length > 0
  }

  add(taken: number, settle: () => void): void {
    this.waiters.push({ taken, handed: -1, settle })
  }

  /** Settles those whose marks are reached. `given`: frames the NIC ever gave the driver, `handed` those handed on. */
  update(taken: number, given: number, handed: number): void {
    const ready: Waiter[] = []
    for (const waiter of this.waiters) {
      if (waiter.handed < 0 && taken >= waiter.taken) waiter.handed = given
      if (waiter.handed >= 0 && handed >= waiter.handed) ready.push(waiter)
    }
    if (ready.length === 0) return
    this.waiters = this.waiters.filter((waiter) => !ready.includes(waiter))
    for (const waiter of ready) waiter.settle()
  }

  /** The port is gone: nothing will come any more. */
  settleAll(): void {
    const { waiters } = this
    this.waiters = []
    for (const waiter of waiters) waiter.settle()
  }
}
