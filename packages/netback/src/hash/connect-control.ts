import type { CleanupStack, Domain, XenbusDevice } from '@netaccel/xen'
import { KEY_CTRL_RING_REF, KEY_EVENT_CHANNEL_CTRL, XEN_NETIF_CTRL_SLOT_BYTES } from '@netaccel/xen/netif'
import { bindChannel, mapRing, number } from '../connect.js'
import type { StaticQueue } from '../static/static-requests.js'
import { ControlRequests } from './control-requests.js'
import { ControlRing } from './control-ring.js'
import type { VifHash } from './vif-hash.js'

/** What a frontend has written of its control ring. */
export interface ControlKeys {
  readonly ringRef: number
  readonly eventChannel: number
}

/** The vif, and its queues, as the control ring needs them. */
export interface ControlledVif {
  readonly name: string
  readonly guest: number
  fatal(cause: string): void
}
export interface ControlledQueues {
  readonly hash: VifHash
  readonly active: number
  readonly all: readonly StaticQueue[]
  hashChanged(): void
}

/** Null: the frontend has none. Throws BAD_FRONTEND for a ring without a channel (xen-netback connect_ctrl_ring). */
export async function readControl(device: XenbusDevice): Promise<ControlKeys | null> {
  const ref = await device.readOtherend(KEY_CTRL_RING_REF)
  if (ref === undefined) return null
  const channel = await device.readOtherend(KEY_EVENT_CHANNEL_CTRL)
  return {
    ringRef: number(device.otherend, KEY_CTRL_RING_REF, ref),
    eventChannel: number(device.otherend, KEY_EVENT_CHANNEL_CTRL, channel),
  }
}

/** Map the control ring, bind its channel, serve it; each pushed on `cleanup`. Throws BAD_FRONTEND, NO_MEMORY. */
export function connectControl(
  domain: Domain,
  vif: ControlledVif,
  queues: ControlledQueues,
  keys: ControlKeys,
  cleanup: CleanupStack,
): void {
  const { guest, name } = vif
  const { hash } = queues
  const ring = mapRing(domain, guest, keys.ringRef, XEN_NETIF_CTRL_SLOT_BYTES, 'control', cleanup)
  const owner = {
    guest,
    get queueCount() {
      return queues.active
    },
    queue: (index: number) => (index < queues.active ? queues.all[index] : undefined),
    steeringChanged: () => queues.hashChanged(),
  }
  const requests = new ControlRequests(owner, hash, domain)
  cleanup.push('control requests', () => requests.dispose())
  let notify = (): void => {}
  const { engine } = domain
  const fatal = (cause: string): void => vif.fatal(cause)
  const served = new ControlRing({ name, ring, requests, engine, notify: () => notify(), fatal })
  cleanup.push('control', () => {
    served.close()
    for (const queue of queues.all) {
      queue.statics?.close()
      queue.statics = null
    }
    hash.reset()
    queues.hashChanged()
  })
  notify = bindChannel(domain, 0, guest, keys.eventChannel, () => served.event(), cleanup)
}
