import type { BackendVif, Closable, Filter, GrantRef, Vi } from '@netaccel/core'
import { KEY_CHANNEL, KEY_QUEUES, KEY_RX_PAGES, KEY_TX_PAGES, readNumbers, SLOTS } from '../layout.js'

/** Milliseconds that the queues may take to become quiet. */
const QUIET_MS = 500

/**
 * What one guest has of the NIC, in a scope of its own: its pages, mapped and registered, its pair of queues, its event
 * channel. Scopes are undone newest first, so the memory, whose scope was opened first, goes last: after the queues that
 * could touch it (MEM-03).
 */
export class GuestQueues {
  private readonly vif: BackendVif
  private readonly scope: BackendVif & Closable
  private readonly memory: BackendVif & Closable
  private vi: Vi | undefined
  private filter: Filter | undefined
  private wanted = false

  constructor(vif: BackendVif) {
    this.vif = vif
    this.scope = vif.child('queues')
    this.memory = this.scope.child('memory')
  }

  /** The guest's keys are read once. False: they name nothing usable, or the NIC has no queues left. */
  async open(): Promise<boolean> {
    const { scope, memory, vif } = this
    const read = async (key: string): Promise<number[] | undefined> =>
      readNumbers(await scope.keys.readPeer(key))
    const sends = await read(KEY_TX_PAGES)
    const receives = await read(KEY_RX_PAGES)
    const [port] = (await read(KEY_CHANNEL)) ?? []
    if (sends === undefined || receives === undefined || port === undefined) return this.cannot('its keys')
    const rings = memory.arena(2)
    const vi = scope.createVi({ owner: vif.peer, events: SLOTS, tx: SLOTS, rx: SLOTS, rings })
    if (typeof vi === 'string') return this.cannot(`the NIC says: ${vi}`)
    this.vi = vi
    const sendBase = this.register(sends, 'ro')
    const receiveBase = this.register(receives, 'rw')
    if (sendBase < 0 || receiveBase < 0) return this.cannot('its pages')
    const channel = scope.connect(port, () => {})
    if (channel === undefined) return this.cannot(`its event channel ${port}`)
    vi.onWake(() => channel.notify())
    const grants = vi.pages.map(({ page, access }) => memory.grant(page, access))
    return scope.keys.write({ [KEY_QUEUES]: [sendBase, receiveBase, ...grants].join(' ') })
  }

  /** Frames for the guest's address go to its queues from here on. The host keeps them in order. */
  steer(): void {
    if (this.wanted) return
    this.wanted = true
    this.scope.task('steering', async () => {
      const { vi, scope, vif } = this
      if (vi === undefined || !this.wanted) return
      const answer = await scope.insertFilter({ mac: vif.mac }, vi)
      if (typeof answer === 'string') vif.log('warn', `${vif.mac} is not steered: ${answer}`)
      else if (this.wanted) this.filter = answer
      else answer.remove()
    })
  }

  unsteer(): void {
    this.wanted = false
    this.filter?.remove()
    this.filter = undefined
  }

  async close(): Promise<void> {
    this.unsteer()
    const { vi } = this
    this.vi = undefined
    const late = new AbortController()
    const timer = this.vif.after(QUIET_MS, () => late.abort())
    try {
      await vi?.quiesce(late.signal)
      vi?.close()
    } finally {
      timer.cancel()
      await this.vif.keys.write({ [KEY_QUEUES]: undefined })
      await this.scope.close()
    }
  }

  /** Index of the first page, or below 0. A guest that asks for more than it may have is named (CT-07). */
  private register(refs: readonly GrantRef[], access: 'ro' | 'rw'): number {
    if (refs.length > this.vif.limits.bufferPages) {
      this.vif.punish(`it asked for ${refs.length} pages of buffers`)
      return -1
    }
    const mapping = this.memory.map(refs, access)
    if (typeof mapping === 'number') return -1
    return this.vi?.register(mapping.pages.map(({ page }) => page)) ?? -1
  }

  private cannot(what: string): false {
    this.vif.log('warn', `the guest cannot be served: ${what}`)
    return false
  }
}
