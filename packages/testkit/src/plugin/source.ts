// What is tested: a plugin's package, as it is or varied.
import type { GenerationFacts, HalfName, Halves, Manifest } from '@netaccel/core'

/** An exact text of an artefact that is replaced: how a saboteur is made of a sound plugin. */
export interface Patch {
  readonly half: HalfName
  /** Must occur in the artefact exactly once. */
  readonly find: string
  readonly put: string
}

/** Puts other halves in the place of a plugin's. `where`: the domain that it is loaded into, `a.guest1`. */
export type VaryHalves = (halves: Halves, facts: GenerationFacts, where: string) => Halves

/** A plugin's package, as it is or varied. */
export interface PluginSource {
  /** Folder of the package. */
  readonly folder: string
  readonly patches?: readonly Patch[]
  /** What its halves are told at each load: small rings, which are soon full. */
  readonly options?: Readonly<Record<string, unknown>>
  /** What its manifest says instead. */
  readonly manifest?: Partial<Manifest>
  /**
   * Each makes one half speak another version of the conversation between the two: a twin, which the other half as it is must
   * decline (VN-07). Without any the rule is not checked: what the halves say to each other is their own matter.
   */
  readonly twins?: readonly (readonly Patch[])[]
  /** Such a plugin is checked in the thread that asks for it (`isolate: false`): a function cannot go to another. */
  readonly vary?: VaryHalves
}
