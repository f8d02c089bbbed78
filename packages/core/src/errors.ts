// Control-path errors. Outcomes of the data path are not errors: they are verdicts, statuses and drop reasons.

/** Every code an `AcceleratorError` can carry, with the sentence that `explain` prints. */
export const ERROR_CODES = {
  NO_MEMORY: 'The domain has no free pages left for this; give it more memory or ask for less.',
  NO_GRANTS:
    'The domain has no free grant entry left; end grants that are not used, or give it a larger table.',
  NO_PORTS: 'The domain has no free event-channel port left; close channels that are not used.',
  CLOSED:
    'The scope is closed or closing, so its doors give nothing out any more; keep nothing of an earlier attachment.',
  EPROTO:
    'The half speaks only versions of the contract older than this host accepts; install a newer release of it.',
  ENEWER:
    'The half speaks only versions of the contract newer than this host knows; install an older release or update the host.',
  EEXIST: 'A half of this name is already loaded here; unload it first or ask for an upgrade.',
  EINVAL: 'A frontend half cannot be loaded into the driver domain: it has no netfront.',
  SUPERSEDED:
    'A newer load of the same name took the place of this one while it waited for the old generation to end.',
  CANCELLED: 'The load was withdrawn while it waited for the old generation to end.',
  BAD_MANIFEST: 'The "netaccel" object of the package.json does not fit the published schema.',
  BAD_PACKAGE:
    'The package cannot be read: no such tarball, a damaged one, or a file without permission; pack it again or fetch it again.',
  BAD_INTEGRITY:
    'The bytes are not those that were expected; nothing of them was run. Fetch them again, or say which bytes you trust.',
  BAD_ARTEFACT:
    'The artefact is missing, does not compile, or does not export one defineAccelerator() result with the halves that the manifest names.',
  BAD_REQUIRE:
    'An artefact may require @netaccel/core and the node: modules that its manifest declares in "uses", nothing else.',
  NAME_TAKEN:
    'Two packages give their plugin the same name; remove one of them from the dependencies of the project, or load one by its folder.',
  NO_HALF: 'There is no such half here: the plugin does not have it, or the domain does not take it.',
  NOT_LOADED: 'No half of this name is loaded here.',
  SETUP_FAILED: 'The set-up of the half threw or rejected; its scope was undone and it may be loaded again.',
  DEADLINE: 'The work did not end by its deadline; what it held was taken back by force.',
  ABORTED: 'The work was called off because its scope closed.',
  NOT_DECLARED: 'The manifest does not declare this; add it there first.',
  BAD_KEY:
    'A plugin writes only its own keys that begin with "accel", and none of those that the host keeps.',
  BAD_ARGUMENT: 'An argument is out of its range.',
  TAKEN: 'The vif belongs to another accelerator; it must leave that one first.',
  LEASE: 'A lease was given back that was never taken: the count would have gone below zero.',
  LEAKED: 'A disposed generation is still reachable; the message names who holds it.',
} as const

/** Closed set of the codes of an `AcceleratorError`. */
export type ErrorCode = keyof typeof ERROR_CODES

/** What went wrong on the control path: a code to act on, a sentence that says what, where, and what to do. */
export class AcceleratorError extends Error {
  override readonly name = 'AcceleratorError'
  readonly code: ErrorCode
  /** The particulars of this case, without the sentence of the code. */
  readonly detail: string

  constructor(code: ErrorCode, detail: string, options?: { cause?: unknown }) {
    super(`${code}: ${detail === '' ? '' : `${detail}. `}${ERROR_CODES[code]}`, options)
    this.code = code
    this.detail = detail
  }
}

/** True when `error` is an `AcceleratorError` with this code (or with any, when none is given). */
export function isAcceleratorError(error: unknown, code?: ErrorCode): error is AcceleratorError {
  return error instanceof AcceleratorError && (code === undefined || error.code === code)
}
