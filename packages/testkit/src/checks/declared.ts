// VN-05 and VN-06: what a manifest declares, and what is seen at work.
import type { Capability } from '@netaccel/core'
import type { Scene } from '../bench/scene.js'
import type { Judgement } from '../kit/judging.js'
import { each } from '../kit/judging.js'
import type { Call } from '../record/calls.js'

const accepted = ({ name, result }: Call): boolean => name === 'startXmit' && result === 'accepted'
const delivered = ({ of, name }: Call): boolean => of === 'queueDoors' && name === 'deliver'

/** How a capability shows at the border: the calls in which it is at work. */
const AT_WORK: Readonly<Record<Capability, (call: Call) => boolean>> = {
  tx: accepted,
  'tx-checksum': (call) => accepted(call) && call.frame?.checksum === 'blank',
  'tx-gso': (call) => accepted(call) && (call.frame?.gsoSize ?? 0) > 0,
  rx: delivered,
  'rx-checksum': (call) => delivered(call) && call.frame?.checksum === 'verified',
  'rx-merge': (call) => delivered(call) && (call.frame?.segments ?? 1) > 1,
  queues: ({ of, name, place }) => of === 'vif' && name === 'openQueue' && (place.queue ?? 0) > 0,
  vi: ({ of, name, result }) => of === 'backendVif' && name === 'createVi' && typeof result === 'object',
  filters: ({ of, name, result }) =>
    of === 'backendVif' && name === 'insertFilter' && typeof result === 'object',
  observe: ({ of, name }) => (of === 'port' || of === 'backendVif') && name === 'observe',
  peers: ({ of, name, args }) =>
    (of === 'frontendVif' || of === 'backendVif') &&
    ((name === 'grant' && args[2] !== undefined) || (name === 'listen' && args[1] !== undefined)),
}

const NAMES = Object.keys(AT_WORK) as Capability[]

/** VN-05. */
export function atWork(scene: Scene): Judgement {
  const { capabilities } = scene.subject
  return each(
    NAMES.filter((name) => capabilities.has(name)),
    (name) =>
      scene.calls.some(AT_WORK[name])
        ? undefined
        : `the manifest declares "${name}", and it was not seen at work${scene.refusal === undefined ? '' : `: ${scene.refusal}`}`,
  )
}

/** VN-06. */
export function onlyDeclared(scene: Scene): Judgement {
  const { capabilities } = scene.subject
  return each(
    NAMES.filter((name) => !capabilities.has(name)),
    (name) => {
      const call = scene.calls.find(AT_WORK[name])
      if (call === undefined) return undefined
      return {
        sentence: `${call.name} did what "${name}" stands for, which the manifest does not declare`,
        at: call.at,
      }
    },
  )
}
