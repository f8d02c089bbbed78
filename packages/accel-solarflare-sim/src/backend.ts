// The artefact of the backend half: loaded into the driver domain, beside netback and the NIC driver.
import { defineAccelerator } from '@netaccel/core'
import type { BackendAccelerator, BackendContext, BackendVif, ProbedVif } from '@netaccel/core'
import { backendOptions } from './backend/options.js'
import type { BackendOptions } from './backend/options.js'
import { WatchedPort } from './backend/port.js'
import { macWords, Probed } from './backend/probed-vif.js'

/** The kind of NIC whose descriptors and doorbells this plugin knows. */
const KIND = 'nic-sim'

function backend(context: BackendContext): BackendAccelerator {
  const options = backendOptions(context.options)
  const ports = new Map<string, WatchedPort>()
  return {
    openPort(port) {
      if (port.kind !== KIND || !(['vis', 'filters', 'observe'] as const).every((part) => port.can(part)))
        return false
      const { name } = port
      ports.set(name, new WatchedPort(port))
      port.undo(() => void ports.delete(name))
      return true
    },

    async probe(vif) {
      const port = ports.get(vif.port.name)
      return port === undefined ? 'declined' : probe(vif, port, options)
    },
  }
}

/** Reserves the vif's address on the port. Another vif with the same one could not be told from it: declined. */
async function probe(
  vif: BackendVif,
  port: WatchedPort,
  options: BackendOptions,
): Promise<ProbedVif | 'declined'> {
  const mac = macWords(vif.mac)
  const outcome = port.guests.reserve(mac)
  if (outcome !== 'reserved') {
    vif.log(
      'warn',
      `${vif.mac} on port ${port.name}: ${outcome === 'full' ? 'its table is full' : 'already there'}`,
    )
    return 'declined'
  }
  const probed = new Probed(vif, port, mac, options)
  try {
    if (await probed.begin()) return probed
  } catch (cause) {
    port.guests.release(mac)
    throw cause
  }
  port.guests.release(mac)
  return 'declined'
}

export default defineAccelerator({ backend })
