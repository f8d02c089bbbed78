// The artefact of the hardware half. A host whose value names this package as the kind of a NIC loads it when it is built:
//
//   nics: { eth0: { kind: '__NAME__', mac: '00:0f:53:00:00:0a' } }
//
// Real hardware would be a driver here, for a device that is there. This is a device as well, simulated: change it freely,
// layout.ts first. Reading order: layout.ts, hardware/queue-pair.ts, hardware/nic.ts.
import { defineAccelerator } from '@netaccel/core'
import { Nic } from './hardware/nic.js'

export default defineAccelerator({ hardware: (context) => new Nic(context) })
