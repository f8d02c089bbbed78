import { ctrlRequest, readCtrlRequest, writeCtrlResponse } from '@netaccel/xen'
import type { BackRing, CtrlRequest, Engine, PollHandle, Poller } from '@netaccel/xen'
import type { ControlRequests } from './control-requests.js'

/**
 * Serves the control ring of one guest. A batch is at most what the ring holds: a producer further ahead is one that no
 * frontend has, and ends the vif as on the other rings.
 */
export class ControlRing implements Poller {
  readonly name: string
  private readonly ring: BackRing
  private readonly requests: ControlRequests
  private readonly engine: Engine
  private readonly notify: () => void
  private readonly fatal: (cause: string) => void
  private readonly handle: PollHandle
  private readonly request: CtrlRequest
  /** The guest broke the protocol. */
  private over: boolean

  constructor(parts: {
    readonly name: string
    readonly ring: BackRing
    readonly requests: ControlRequests
    readonly engine: Engine
    notify(): void
    fatal(cause: string): void
  }) {
    this.name = `${parts.name}-control`
    this.ring = parts.ring
    this.requests = parts.requests
    this.engine = parts.engine
    this.notify = () => parts.notify()
    this.fatal = (cause) => parts.fatal(cause)
    this.request = ctrlRequest()
    this.over = false
    this.handle = parts.engine.addPoller(this)
  }

  /** The guest has raised the control channel. False: for nothing. */
  event(): boolean {
    if (this.over || this.ring.unconsumedRequests() === 0) return false
    this.handle.schedule()
    return true
  }

  poll(budget: number): boolean {
    const { engine, request, requests, ring } = this
    const ready = ring.unconsumedRequests()
    if (ready < 0) {
      this.over = true
      this.fatal('impossible number of control requests')
      return false
    }
    const count = ready < budget ? ready : budget
    for (let done = 0; done < count; done++) {
      const at = ring.slotOffset(ring.reqCons)
      readCtrlRequest(ring.words, at, request)
      ring.reqCons = (ring.reqCons + 1) >>> 0
      const status = requests.answer(request)
      const to = ring.slotOffset(ring.rspProdPvt)
      writeCtrlResponse(ring.words, to, request.id, request.type, status, requests.data)
      ring.rspProdPvt = (ring.rspProdPvt + 1) >>> 0
    }
    engine.charge('slot', count)
    if (ring.pushResponses()) this.notify()
    return ring.finalCheckRequests()
  }

  close(): void {
    this.handle.remove()
  }
}
