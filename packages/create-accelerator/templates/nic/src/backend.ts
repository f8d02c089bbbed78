// The artefact of the backend half: loaded into the driver domain, beside netback and the NIC.
import { defineAccelerator } from '@netaccel/core'
import { Guest } from './backend/guest.js'
import { KIND } from './layout.js'

export default defineAccelerator({
  backend: () => ({
    openPort: (port) => port.kind === KIND && port.can('vis') && port.can('filters'),
    async probe(vif) {
      const guest = new Guest(vif)
      return (await guest.begin()) ? guest : 'declined'
    },
  }),
})
