/**
 * The places at which a trace sees a frame, in the order of the way out and then of the way in. `stage` is the number
 * of docs/packet-way.md; a place bears the same number in both directions.
 */
export const STEPS = {
  'stack sends': { stage: '1', way: 'out', says: 'the guest offers it to its device' },
  fork: { stage: '2', way: 'out', says: 'netfront has chosen the path' },
  'tx ring': { stage: '3s', way: 'out', says: 'granted, and written into the TX ring' },
  'plugin sends': { stage: '3f', way: 'out', says: 'lent to the accelerator, which wrote descriptors' },
  'from guest': { stage: '4s', way: 'out', says: 'copied into the driver domain' },
  'into bridge': { stage: '5s', way: 'both', says: 'received by a port of the bridge' },
  'out of bridge': { stage: '5s', way: 'both', says: 'sent by a port of the bridge' },
  'port sends': { stage: '6s', way: 'out', says: "in the NIC's queue" },
  'VI sends': { stage: '4f', way: 'out', says: 'read through the descriptors of a VI' },
  'NIC sends': { stage: '7', way: 'out', says: 'cut into segments and summed, if need be' },
  'onto wire': { stage: '8', way: 'out', says: 'has left the host' },
  'off wire': { stage: '8', way: 'in', says: 'has arrived at the other end' },
  'NIC receives': { stage: '7', way: 'in', says: 'looked up in the filter table' },
  'VI receives': { stage: '4f', way: 'in', says: 'laid into the buffers that a VI has posted' },
  'port receives': { stage: '6s', way: 'in', says: 'handed on by the driver' },
  'to guest': { stage: '4s', way: 'in', says: "copied into the guest's posted pages" },
  'rx ring': { stage: '3s', way: 'in', says: 'read from the RX ring' },
  'plugin receives': { stage: '3f', way: 'in', says: 'read from the events of a VI' },
  poll: { stage: '2', way: 'in', says: "delivered by the queue's poll" },
  'stack receives': { stage: '1', way: 'in', says: "is the guest's" },
} as const

/** A place at which a trace sees a frame. */
export type Step = keyof typeof STEPS

/** All places, in the order of the table. */
export const STEP_NAMES = Object.keys(STEPS) as readonly Step[]

/** The path by which a frame goes; '' where it has no say, as on the wire. */
export type Path = 'slow' | 'fast' | ''
