// The artefact of the backend half: loaded into the driver domain.
import { defineAccelerator } from '@netaccel/core'
import { Probed } from './backend/probed-vif.js'
import { KIND } from './layout.js'

export default defineAccelerator({
  backend: () => ({
    openPort: (port) => port.kind === KIND && port.can('vis') && port.can('filters'),
    async probe(vif) {
      const probed = new Probed(vif)
      return (await probed.begin()) ? probed : 'declined'
    },
  }),
})
