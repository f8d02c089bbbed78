import type { IoPage, View, VifScope } from '@netaccel/core'
import { Addresses } from '../addresses.js'
import { RX_RING, TX_RING } from '../layout.js'
import { Ring } from '../ring.js'

/** The pair of queues that this guest has, as it is mapped here. */
export interface MappedQueues {
  /** Index of the first page that was registered for sending, and for receiving. */
  readonly sendBase: number
  readonly receiveBase: number
  readonly sends: Ring
  readonly buffers: Ring
  readonly status: View
  readonly addresses: Addresses
  readonly bell: IoPage
}

/** Maps what the driver domain's key names. A string: why that cannot be. */
export function mapQueues(scope: VifScope, numbers: readonly number[]): MappedQueues | string {
  const [sendBase, receiveBase, ...refs] = numbers
  if (refs.length !== 4) return `${refs.length} pages for a pair of queues, which has 4`
  const rings = scope.map(refs.slice(0, 1), 'rw')
  const rest = scope.map(refs.slice(1, 3), 'ro')
  const bell = scope.mapIo(refs[3])
  if (typeof rings === 'number' || typeof rest === 'number' || typeof bell === 'number')
    return 'the pages of its queues cannot be mapped'
  return {
    sendBase,
    receiveBase,
    sends: new Ring(rings.pages[0], TX_RING),
    buffers: new Ring(rings.pages[0], RX_RING),
    status: rest.pages[0],
    addresses: new Addresses(rest.pages[1]),
    bell,
  }
}
