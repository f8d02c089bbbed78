import type { Arena, CleanupStack, Domain } from '@netaccel/xen'
import { ControlRing } from './control-ring.js'
import { HashControl } from './hash-control.js'
import type { HashSetting } from './hash-control.js'
import { StaticGrants } from './static-grants.js'
import type { TxRing } from '../tx-ring.js'

/** The control ring of one connection, and what a device says over it. */
export class VifControl {
  readonly ring: ControlRing
  readonly hash: HashControl
  /** The setting is in force; and why it is not, if the backend would not have it. */
  hashed: boolean
  refusal: string | null
  /** Queues that send without grants of their own; and why others do not. */
  staticQueues: number
  staticRefusal: string | null
  private readonly domain: Domain
  private readonly backend: number
  private statics: StaticGrants | null

  /** Throws as {@link ControlRing}. */
  constructor(domain: Domain, backend: number, cleanup: CleanupStack) {
    this.domain = domain
    this.ring = new ControlRing(domain, backend, cleanup)
    this.hash = new HashControl(this.ring, domain, backend)
    this.hashed = false
    this.refusal = null
    this.staticQueues = 0
    this.staticRefusal = null
    this.backend = backend
    this.statics = null
  }

  /** The pages of an arena are granted for good. Throws NO_GRANTS. */
  share(arena: Arena, cleanup: CleanupStack): void {
    const { backend, domain } = this
    this.statics = new StaticGrants(domain, backend, arena, domain.engine, cleanup)
  }

  /** Both ends are connected: tell the backend the setting. The device works without, so a refusal is only noted. */
  begin(setting: HashSetting | undefined, rings: readonly TxRing[]): void {
    this.domain.engine.asyncBegin()
    void this.tellAll(setting, rings).finally(() => this.domain.engine.asyncEnd())
  }

  private async tellAll(setting: HashSetting | undefined, rings: readonly TxRing[]): Promise<void> {
    try {
      if (setting !== undefined) await this.hash.set(setting)
      this.hashed = setting !== undefined
    } catch (error) {
      this.refusal = sentenceOf(error)
    }
    const { statics } = this
    if (statics === null) return
    try {
      for (const [queue, ring] of rings.entries()) {
        await statics.tell(this.ring, queue)
        ring.statics = statics.given
        this.staticQueues++
      }
    } catch (error) {
      this.staticRefusal = sentenceOf(error)
    }
  }
}

function sentenceOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
