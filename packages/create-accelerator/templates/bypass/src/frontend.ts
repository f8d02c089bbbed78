// The artefact of the frontend half: loaded into a guest, beside its netfront.
import { defineAccelerator } from '@netaccel/core'
import { Attachment } from './frontend/attachment.js'

export default defineAccelerator({
  frontend: () => ({ newDevice: (vif) => new Attachment(vif).begin() }),
})
