import type { BackendVif, Channel, Closable, Filter, GrantRef, Page, Vi } from '@netaccel/core'
import {
  ALL_RING_PAGES,
  BUFFERS,
  COMPLETIONS,
  KEY_CHANNEL,
  KEY_QUEUES,
  KEY_RECEIVE_PAGES,
  KEY_SEND_PAGES,
  readNumbers,
  SENDS,
} from '../layout.js'

/** Milliseconds that the queues may take to become quiet. */
const QUIET_MS = 500

/**
 * What one guest has of the NIC, in a scope of its own: its pages mapped and registered, its rings, its event channel.
 * The keys of the guest are read once; what they name and is not there ends the attempt.
 */
export class GuestQueues {
  private readonly vif: BackendVif
  private readonly scope: BackendVif & Closable
  private readonly memory: BackendVif & Closable
  private vi: Vi | undefined
  private channel: Channel | undefined
  private filter: Filter | undefined
  private wanted = false

  constructor(vif: BackendVif) {
    this.vif = vif
    this.scope = vif.child('queues')
    this.memory = this.scope.child('memory')
  }

  /** False: the guest's keys name nothing usable, or the NIC has no queues left. */
  async open(): Promise<boolean> {
    const { scope, vif } = this
    const read = async (key: string): Promise<number[] | undefined> =>
      readNumbers(await scope.keys.readPeer(key))
    const send = await read(KEY_SEND_PAGES)
    const receive = await read(KEY_RECEIVE_PAGES)
    const [port] = (await read(KEY_CHANNEL)) ?? []
    if (send === undefined || receive === undefined || port === undefined) return this.cannot('its keys')
    const vi = scope.createVi({
      owner: vif.peer,
      events: COMPLETIONS,
      tx: SENDS,
      rx: BUFFERS,
      rings: this.memory.arena(ALL_RING_PAGES),
    })
    if (typeof vi === 'string') return this.cannot(`queues of the NIC: ${vi}`)
    this.vi = vi
    const sendBase = this.register(send, 'ro')
    const receiveBase = this.register(receive, 'rw')
    if (sendBase < 0 || receiveBase < 0) return this.cannot('its pages')
    this.channel = scope.connect(port, () => {})
    if (this.channel === undefined) return this.cannot(`its event channel ${port}`)
    vi.onWake(() => this.channel?.notify())
    const grants = vi.pages.map(({ page, access }) => this.memory.grant(page, access))
    return scope.keys.write({ [KEY_QUEUES]: [sendBase, receiveBase, ...grants].join(' ') })
  }

  /** Frames for the guest's address go to its queues from here on. */
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

  /** The queues first, quiet; then the pages that they could touch. */
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
      await this.scope.keys.write({ [KEY_QUEUES]: undefined })
      await this.scope.close()
    }
  }

  private register(refs: readonly GrantRef[], access: 'ro' | 'rw'): number {
    if (refs.length > this.vif.limits.bufferPages) {
      this.vif.punish(`it asked for ${refs.length} pages of buffers`)
      return -1
    }
    const mapping = this.memory.map(refs, access)
    if (typeof mapping === 'number') return -1
    return this.vi?.register(mapping.pages.map(({ page }): Page => page)) ?? -1
  }

  private cannot(what: string): false {
    this.vif.log('warn', `the guest cannot be served: ${what}`)
    return false
  }
}
