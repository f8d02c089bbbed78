/** States of a device's half: Xen public/io/xenbus.h. In the store a decimal string in the key `state`. */
export const XenbusState = {
  /** Also: the node is gone. */
  Unknown: 0,
  Initialising: 1,
  /** Back: waits for the front's keys. */
  InitWait: 2,
  Initialised: 3,
  Connected: 4,
  Closing: 5,
  Closed: 6,
  Reconfiguring: 7,
  Reconfigured: 8,
} as const

/** 0 to 8. */
export type XenbusStateNumber = (typeof XenbusState)[keyof typeof XenbusState]

/** The name of a state, for messages. */
export function xenbusStateName(state: XenbusStateNumber): string {
  return Object.entries(XenbusState).find(([, number]) => number === state)?.[0] ?? 'Unknown'
}

/** What a `state` key says; what is missing, or no state, is Unknown. */
export function parseXenbusState(text: string | undefined): XenbusStateNumber {
  return text !== undefined && /^[0-8]$/.test(text)
    ? (Number(text) as XenbusStateNumber)
    : XenbusState.Unknown
}
