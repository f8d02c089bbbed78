import {
  FrontRing,
  LateEoi,
  XEN_NETIF_CTRL_STATUS_NOT_SUPPORTED,
  XEN_NETIF_CTRL_STATUS_SUCCESS,
  ctrlResponse,
  readCtrlResponse,
  writeCtrlRequest,
} from '@netaccel/xen'
import type { Arena, CleanupStack, CtrlResponse, Domain, Port } from '@netaccel/xen'
import { XEN_NETIF_CTRL_SLOT_BYTES } from '@netaccel/xen/netif'
import { NetfrontError } from '../errors.js'

/** What the backend must be told of the control ring. */
export interface ControlKeys {
  readonly ringRef: number
  readonly eventChannel: number
}

interface Asked {
  readonly type: number
  readonly answered: (response: CtrlResponse) => void
  readonly failed: (error: NetfrontError) => void
}

/** Another request waits while all slots are taken; who sends so many does not wait for answers. */
const MOST_ASKED = 64

/** The frontend's end of a control ring: requests, and the promises of their answers. */
export class ControlRing {
  readonly keys: ControlKeys
  private readonly domain: Domain
  private readonly ring: FrontRing
  private readonly port: Port
  private readonly asked: Map<number, Asked>
  private nextId: number
  /** Why nothing can be asked; null: it can. */
  private over: NetfrontError | null

  /** Makes the ring, grants it to `backend`, allocates its channel; all is pushed on `cleanup`. Throws what they throw. */
  constructor(domain: Domain, backend: number, cleanup: CleanupStack) {
    this.domain = domain
    this.asked = new Map()
    this.nextId = 0
    this.over = null
    const { arena, ref } = grantedPage(domain, backend, cleanup)
    this.ring = new FrontRing(arena, XEN_NETIF_CTRL_SLOT_BYTES)
    const eoi = new LateEoi(domain.events, domain.engine, () => this.take())
    const port = domain.events.allocUnbound(backend, eoi.handler)
    eoi.attach(port, false)
    cleanup.push('control channel', () => {
      eoi.close()
      domain.events.close(port)
      this.end(new NetfrontError('CLOSED', 'the backend has gone before it answered a control request'))
    })
    this.port = port
    this.keys = { ringRef: ref, eventChannel: port }
  }

  /**
   * Ask the backend; resolves with the `data` of its answer. Rejects with NetfrontError: REFUSED with the status that it
   * gave, CLOSED when it goes first, BAD_BACKEND when it answers what was not asked, BAD_STATE when too much is asked.
   */
  async ask(type: number, data: readonly number[]): Promise<number> {
    const { domain, ring } = this
    if (this.over !== null) throw this.over
    if (this.asked.size >= MOST_ASKED)
      throw new NetfrontError('BAD_STATE', `${MOST_ASKED} control requests wait for answers: await some`)
    domain.engine.asyncBegin()
    try {
      const answer = new Promise<CtrlResponse>((answered, failed) => {
        while (this.asked.has(this.nextId)) this.nextId = (this.nextId + 1) & 0xffff
        const id = this.nextId
        this.nextId = (id + 1) & 0xffff
        this.asked.set(id, { type, answered, failed })
        writeCtrlRequest(ring.words, ring.slotOffset(ring.reqProdPvt), id, type, data)
        ring.reqProdPvt = (ring.reqProdPvt + 1) >>> 0
      })
      domain.engine.charge('slot', 1)
      if (ring.pushRequests()) domain.events.notify(this.port)
      return dataOf(type, await answer)
    } finally {
      domain.engine.asyncEnd()
    }
  }

  /** The channel was raised. False: for nothing. */
  private take(): boolean {
    const { ring } = this
    if (this.over !== null || ring.unconsumedResponses() === 0) return false
    do {
      const count = ring.unconsumedResponses()
      if (count < 0 || count > (ring.reqProdPvt - ring.rspCons) >>> 0)
        return this.broken('more than was asked')
      for (let i = 0; i < count; i++) {
        const response = ctrlResponse()
        readCtrlResponse(ring.words, ring.slotOffset(ring.rspCons), response)
        ring.rspCons = (ring.rspCons + 1) >>> 0
        const asked = this.asked.get(response.id)
        if (asked === undefined || asked.type !== response.type) return this.broken('what was not asked')
        this.asked.delete(response.id)
        asked.answered(response)
      }
    } while (ring.finalCheckResponses())
    return true
  }

  /** Nothing more is asked; the data rings go on (XSA-376: a backend that lies is not believed). */
  private broken(what: string): true {
    this.end(new NetfrontError('BAD_BACKEND', `the backend answered ${what} on the control ring`))
    return true
  }

  private end(why: NetfrontError): void {
    this.over ??= why
    for (const { failed } of this.asked.values()) failed(why)
    this.asked.clear()
  }
}

function dataOf(type: number, { status, data }: CtrlResponse): number {
  if (status === XEN_NETIF_CTRL_STATUS_SUCCESS) return data
  const reason =
    status === XEN_NETIF_CTRL_STATUS_NOT_SUPPORTED ? 'does not know it, or not now' : `gave status ${status}`
  throw new NetfrontError('REFUSED', `the backend refused control request ${type}: it ${reason}`)
}

function grantedPage(
  domain: Domain,
  backend: number,
  cleanup: CleanupStack,
): { readonly arena: Arena; readonly ref: number } {
  const arena = domain.extent.allocPages(1)
  let ref = -1
  cleanup.push('control ring', () => {
    if (ref < 0) domain.extent.freePages(arena)
    else domain.grants.endGrant(ref, arena)
  })
  FrontRing.init(arena)
  ref = domain.grants.grant(backend, arena.pages[0], 'rw')
  return { arena, ref }
}
