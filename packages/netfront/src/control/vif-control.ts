import type { CleanupStack, Domain } from '@netaccel/xen'
import { ControlRing } from './control-ring.js'
import { HashControl } from './hash-control.js'
import type { HashSetting } from './hash-control.js'

/** The control ring of one connection, and what a device says over it. */
export class VifControl {
  readonly ring: ControlRing
  readonly hash: HashControl
  /** The setting is in force; and why it is not, if the backend would not have it. */
  hashed: boolean
  refusal: string | null
  private readonly domain: Domain

  /** Throws as {@link ControlRing}. */
  constructor(domain: Domain, backend: number, cleanup: CleanupStack) {
    this.domain = domain
    this.ring = new ControlRing(domain, backend, cleanup)
    this.hash = new HashControl(this.ring, domain, backend)
    this.hashed = false
    this.refusal = null
  }

  /** Both ends are connected: tell the backend the setting. The device works without, so a refusal is only noted. */
  begin(setting: HashSetting | undefined): void {
    if (setting === undefined) return
    this.domain.engine.asyncBegin()
    void this.hash
      .set(setting)
      .then(() => (this.hashed = true))
      .catch((error: unknown) => (this.refusal = error instanceof Error ? error.message : String(error)))
      .finally(() => this.domain.engine.asyncEnd())
  }
}
