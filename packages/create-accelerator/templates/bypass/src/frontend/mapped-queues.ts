import type { View, VifScope } from '@netaccel/core'
import { RX_RING, TX_RING } from '../layout.js'
import { Peers } from '../peers.js'
import { Ring } from '../ring.js'

/** The rings that this guest has, and what goes with them, as they are mapped here. */
export interface MappedQueues {
  /** Index of the first page that is sent from, and of the first that is received into. */
  readonly sendBase: number
  readonly receiveBase: number
  readonly sends: Ring
  readonly buffers: Ring
  readonly registers: View
  readonly peers: Peers
}

/** Maps what the driver domain's key names. A string: why that cannot be. */
export function mapQueues(scope: VifScope, numbers: readonly number[]): MappedQueues | string {
  const [sendBase, receiveBase, ...refs] = numbers
  if (refs.length !== 3) return `${refs.length} pages of queues, which have 3`
  const ours = scope.map(refs.slice(0, 2), 'rw')
  const peers = scope.map(refs.slice(2), 'ro')
  if (typeof ours === 'number' || typeof peers === 'number') return 'the pages of its queues cannot be mapped'
  const [rings, registers] = ours.pages
  return {
    sendBase,
    receiveBase,
    sends: new Ring(rings, TX_RING),
    buffers: new Ring(rings, RX_RING),
    registers,
    peers: new Peers(peers.pages[0]),
  }
}
