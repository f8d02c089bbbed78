import type { Capability, Manifest } from '../contract/index.js'
import { Counters } from '../counters.js'

/** What an attachment has to know of a half beside its hooks: what its manifest declares. */
export class HalfDescription {
  readonly name: string
  readonly capabilities: ReadonlySet<Capability>
  /** The counters that the manifest declares, of this generation. */
  readonly counters: Counters

  constructor(manifest: Pick<Manifest, 'name' | 'capabilities' | 'counters'>) {
    this.name = manifest.name
    this.capabilities = new Set(manifest.capabilities)
    this.counters = new Counters(manifest.name, manifest.counters ?? {})
  }

  /** Undefined for a counter that is not declared. */
  counter(name: string): { value: number } | undefined {
    return Object.hasOwn(this.counters.sentences, name) ? this.counters.counter(name) : undefined
  }
}

/** Finds the description of a loaded half; who loads halves keeps it. */
export type DescribeHalf = (half: object) => HalfDescription
