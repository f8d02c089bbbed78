// The states of the contract: of a half in a domain, and of a vif at either end.

export interface StateFacts {
  /** Whose state it is. */
  readonly of: 'generation' | 'netfront vif' | 'netback vif'
  readonly meaning: string
  /** What leads out of it. */
  readonly next: string
}

const states = {
  'generation:resolved': {
    of: 'generation',
    meaning: 'the manifest is valid and a version is agreed',
    next: 'load: loading, or deferred',
  },
  'generation:deferred': {
    of: 'generation',
    meaning: 'an older generation of the name is not disposed yet',
    next: 'its last lease ends: loading; unload: resolved; a newer load takes its place: SUPERSEDED',
  },
  'generation:loading': {
    of: 'generation',
    meaning: 'read, hashed, compiled; its set-up runs',
    next: 'settles: loaded; throws, or 2 s: its scope is undone and it may be loaded again',
  },
  'generation:loaded': {
    of: 'generation',
    meaning: 'registered; shown as probed while a vif attaches, as active while one is attached',
    next: 'unload, upgrade, requestUnload, death of the domain: draining; a second load: EEXIST',
  },
  'generation:draining': {
    of: 'generation',
    meaning: 'no new attachment; every vif detaches; a second unload joins the first',
    next: 'leases 0, or 10 s: disposed',
  },
  'generation:disposed': {
    of: 'generation',
    meaning: 'its scope is closed, trampolines are inert, doors are dead, core has dropped every reference',
    next: 'checked: proven gone, or LEAKED with the names of the holders',
  },
  'netfront:none': {
    of: 'netfront vif',
    meaning: 'the key accel-frontend is absent',
    next: 'the key names a loaded half: attaching; another: requested, and the catalogue of the domain is asked',
  },
  'netfront:requested': {
    of: 'netfront vif',
    meaning: 'a half is named that is not loaded',
    next: 'loaded: attaching; key gone or resume: none',
  },
  'netfront:declined': {
    of: 'netfront vif',
    meaning: 'newDevice declined, failed or was late, or a hook failed',
    next: 'key change, reload, suspend cancelled, reset of the port done: attaching; key gone: none; never by itself',
  },
  'netfront:attaching': {
    of: 'netfront vif',
    meaning: 'newDevice and openQueue run',
    next: 'done: receiving; failure: declined; key gone, unload, suspend: called off',
  },
  'netfront:receiving': {
    of: 'netfront vif',
    meaning: 'poll and interrupts are live, the TX gate is shut',
    next: 'the backend is steering: active; its silence for 3 s, or any leave: draining',
  },
  'netfront:active': {
    of: 'netfront vif',
    meaning: 'both ways are live',
    next: 'any leave (unload, key gone or changed, suspend, removal, backend closing, reset, requestDetach, fault): draining',
  },
  'netfront:draining': {
    of: 'netfront vif',
    meaning: 'the TX gate is shut; what is lent comes back; what stands in the VI is delivered',
    next: 'done or deadline: requested, none, declined or suspended, by cause',
  },
  'netfront:suspended': {
    of: 'netfront vif',
    meaning: 'removed, still wished for',
    next: 'cancelled and connected: attaching; resumed: none, then as the keys of the new host say',
  },
  'netback:none': {
    of: 'netback vif',
    meaning: 'no backend half has this vif',
    next: 'the key accel names an open port: probed, then offered',
  },
  'netback:offered': {
    of: 'netback vif',
    meaning: 'probed; accel-frontend is written; waits for a frontend, as often as one comes',
    next: 'the frontend is receiving: starting; a leave: removed, none',
  },
  'netback:starting': {
    of: 'netback vif',
    meaning: 'what was taken from the vif before has left; start runs',
    next: 'settled: steering; failure: closing',
  },
  'netback:steering': {
    of: 'netback vif',
    meaning: 'filters may be inserted: the NIC delivers flows of this vif to its VI',
    next: 'either end leaves: closing',
  },
  'netback:closing': {
    of: 'netback vif',
    meaning: 'stop has settled, filters are removed: nothing more enters the VI',
    next: 'offered again; or removed, none',
  },
} as const satisfies Record<string, StateFacts>

/** `<of>:<state>`, closed. */
export type StateName = keyof typeof states

export const STATES: Readonly<Record<StateName, StateFacts>> = states
