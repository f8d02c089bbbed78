// The artefact of the backend half: loaded into the driver domain, beside netback. It is the switch.
import { defineAccelerator } from '@netaccel/core'
import { Guest } from './backend/guest.js'
import { Switch } from './backend/switch.js'

export default defineAccelerator({
  backend: (context) => {
    const hub = new Switch(context)
    return {
      // The port without hardware that bears this plugin's name: vifs whose key `accel` is that name are probed.
      openPort: (port) => port.kind === 'none',
      async probe(vif) {
        const guest = new Guest(vif, hub)
        return (await guest.begin()) ? guest : 'declined'
      },
    }
  },
})
