// The closed table of events: name, fields, level, sentence. Its text is the documentation.
import type { RemoveReason } from './contract/index.js'
import type { Side, StopReport } from './registry-types.js'
import type { RuleId } from './rules/types.js'

/** What each event carries. */
export interface EventFields {
  half_loading: { readonly name: string; readonly half: string; readonly hash: string }
  half_loaded: {
    readonly name: string
    readonly half: string
    readonly hash: string
    readonly version: number
  }
  half_failed: { readonly name: string; readonly half: string; readonly cause: unknown }
  half_registered: {
    readonly name: string
    readonly side: Side
    readonly generation: number
    readonly version: number
  }
  half_draining: {
    readonly name: string
    readonly side: Side
    readonly generation: number
    readonly reason: RemoveReason
  }
  half_stopped: { readonly name: string; readonly side: Side; readonly report: StopReport }
  half_purged: { readonly name: string; readonly half: string; readonly hash: string }
  half_leaked: { readonly name: string; readonly half: string; readonly holders: readonly string[] }
  load_deferred: { readonly name: string; readonly side: Side }
  load_refused: { readonly name: string; readonly side: Side; readonly code: 'SUPERSEDED' | 'CANCELLED' }
  load_requested: { readonly name: string; readonly by: 'store' | 'vif' }
  load_request_failed: { readonly name: string; readonly cause: unknown }
  member_attached: {
    readonly name: string
    readonly side: Side
    readonly member: string
    readonly outcome: 'attached' | 'declined'
    readonly cause: unknown
  }
  detach_failed: {
    readonly name: string
    readonly side: Side
    readonly member: string
    readonly cause: unknown
  }
  phase: {
    readonly vif: string
    readonly side: Side
    readonly from: string
    readonly to: string
    readonly name: string
  }
  forced: {
    readonly vif: string
    readonly side: Side
    readonly name: string
    readonly holders: readonly string[]
  }
  fault: {
    readonly vif: string
    readonly queue: number
    readonly name: string
    readonly rule: RuleId
    readonly hook: string
    readonly cause: unknown
  }
  refused: { readonly vif: string; readonly name: string; readonly rule: RuleId; readonly text: string }
  punished: { readonly vif: string; readonly name: string; readonly evidence: string }
  plugin_log: {
    readonly name: string
    readonly scope: string
    readonly level: 'info' | 'warn' | 'error'
    readonly text: string
    readonly cause: unknown
  }
}

/** Closed set of events. */
export type EventName = keyof EventFields

export interface EventFacts {
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly sentence: string
}

export const EVENTS: Readonly<Record<EventName, EventFacts>> = {
  half_loading: {
    level: 'debug',
    sentence: 'The artefact of a half was read and hashed and is about to be compiled and set up.',
  },
  half_loaded: { level: 'info', sentence: 'A half is loaded into this domain.' },
  half_failed: {
    level: 'error',
    sentence: 'A half could not be loaded; what its set-up had taken was undone.',
  },
  half_registered: {
    level: 'debug',
    sentence: 'A generation is live: vifs that asked for it are being attached.',
  },
  half_draining: { level: 'info', sentence: 'A generation takes no new vif; those that it has detach.' },
  half_stopped: {
    level: 'info',
    sentence: 'The last lease of a generation is gone, or its deadline has passed; the report says which.',
  },
  half_purged: { level: 'debug', sentence: 'The loader has dropped every reference to a generation.' },
  half_leaked: { level: 'error', sentence: 'A purged generation is still reachable; the holders are named.' },
  load_deferred: {
    level: 'info',
    sentence: 'A load waits until the last lease of the generation before it is gone.',
  },
  load_refused: { level: 'warn', sentence: 'A load that waited was called off or replaced.' },
  load_requested: {
    level: 'debug',
    sentence: 'A half was asked for: by a key in the store, or by a vif whose accel-frontend names it.',
  },
  load_request_failed: {
    level: 'warn',
    sentence: 'A load that was asked for did not come about; the vifs stay on the slow path.',
  },
  member_attached: { level: 'debug', sentence: 'A vif was offered to a generation, with this outcome.' },
  detach_failed: { level: 'error', sentence: 'The detach of a vif rejected; it is taken for detached.' },
  phase: { level: 'info', sentence: 'A vif went from one phase of its attachment to the next.' },
  forced: { level: 'warn', sentence: 'A deadline passed: the vif was detached by force.' },
  fault: {
    level: 'error',
    sentence:
      'A data-path hook threw or gave a value that its contract does not know; the vif detaches by force.',
  },
  refused: { level: 'warn', sentence: 'A door refused what a plugin asked, because it breaks the rule.' },
  punished: { level: 'warn', sentence: 'A backend half says that the guest broke the protocol.' },
  plugin_log: { level: 'info', sentence: 'A plugin has something to say.' },
}
