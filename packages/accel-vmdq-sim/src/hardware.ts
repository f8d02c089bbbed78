// The artefact of the hardware half: loaded by a host whose NIC names this package as its kind.
import { defineAccelerator } from '@netaccel/core'
import { VmdqNic } from './hardware/nic.js'

export default defineAccelerator({ hardware: (context) => new VmdqNic(context) })
