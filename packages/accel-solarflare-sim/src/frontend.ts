// The artefact of the frontend half: loaded into a guest, beside its netfront.
import { defineAccelerator } from '@netaccel/core'
import type { FrontendAccelerator, FrontendContext } from '@netaccel/core'
import { Attachment } from './frontend/attachment.js'
import { frontendOptions } from './frontend/options.js'

function frontend(context: FrontendContext): FrontendAccelerator {
  const options = frontendOptions(context.options)
  return { newDevice: (vif) => new Attachment(vif, options).begin() }
}

export default defineAccelerator({ frontend })
