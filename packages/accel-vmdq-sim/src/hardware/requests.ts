// What is asked of the NIC through its port: a pair of queues, frames for an address.
import { parseMac } from '@netaccel/core'
import type { FlowKey, ViRequest } from '@netaccel/core'
import { COMPLETIONS } from '../layout.js'
import type { QueuePair } from './queue-pair.js'
import type { Steer } from './steering.js'

/** The rings are of powers of two, and lie in the memory that was given for them; no completion is without a place. */
export function fits({ events, tx, rx }: ViRequest, memory: { readonly length: number }): boolean {
  const rings = [events, tx, rx]
  const bytes = rings.reduce((sum, entries) => sum + Math.ceil((entries * 8) / 4096) * 4096, 0)
  const good = rings.every((entries) => entries >= 64 && entries <= 4096 && (entries & (entries - 1)) === 0)
  return good && memory.length >= bytes && events >= tx + rx && events <= COMPLETIONS
}

/** The only key that the NIC can tell frames apart by. */
export function isMacOnly(key: FlowKey): boolean {
  return key.mac !== undefined && Object.keys(key).length === 1
}

/** Frames for this address are the pair's. */
export function steerTo(pair: QueuePair, mac: string): Steer {
  const bytes = parseMac(mac)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  return { pair, high: view.getUint16(0), low: view.getInt32(2), count: 0 }
}
