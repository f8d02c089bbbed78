// The store keys of the pair, in the directories of the two ends; the words are the original's. Where a half stands,
// `accelstate`, is written by core's AccelState.

/** Guest: grant references, decimal, of the control page and of the page with the two message rings. */
export const KEY_CONTROL_PAGE = 'accel-ctrl-page'
export const KEY_MESSAGE_PAGE = 'accel-msg-page'
/** Guest: event-channel ports, decimal: messages both ways, and wake-ups of the VI. */
export const KEY_MESSAGE_CHANNEL = 'accel-msg-channel'
export const KEY_NET_CHANNEL = 'accel-net-channel'

/** A grant reference or a port as a peer wrote it; undefined: no decimal number below 2^31. */
export function parseNumber(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,10}$/.test(text)) return undefined
  const value = Number(text)
  return value < 0x8000_0000 ? value : undefined
}
