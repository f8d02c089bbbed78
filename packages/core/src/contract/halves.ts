// What an artefact exports.
import type { BackendAccelerator, BackendContext } from './backend.js'
import type { FrontendAccelerator, FrontendContext } from './frontend.js'
import type { AcceleratedPort, HardwareContext } from './hardware.js'

/** What every artefact exports, wrapped by `defineAccelerator`. Set-up settles within 2 s (VN-02..VN-04). */
export interface Halves {
  frontend?(context: FrontendContext): FrontendAccelerator | Promise<FrontendAccelerator>
  backend?(context: BackendContext): BackendAccelerator | Promise<BackendAccelerator>
  hardware?(context: HardwareContext): AcceleratedPort | Promise<AcceleratedPort>
}

/** The three places where a half can run. */
export type HalfName = keyof Halves

/** The result of `defineAccelerator`: halves that say which contract they were written to. */
export type DefinedAccelerator = Readonly<Halves> & { readonly contract: 1 }
