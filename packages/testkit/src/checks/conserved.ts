// FL-09 and MEM-01: what the books say of a whole act, whatever the act was.
import type { Resources } from '@netaccel/host'
import type { Scene } from '../bench/scene.js'
import type { Judgement } from '../kit/judging.js'

/** FL-09: the same segments, once each, in order within a flow. */
export function conserved({ verdict, drained }: Scene): Judgement {
  const sentences = verdict.verdict === 'lost' ? [...verdict.reasons] : []
  if (!drained) sentences.push('something was in flight still, a second after the last frame was sent')
  return { seen: verdict.oracle?.entered ?? 0, findings: sentences.map((sentence) => ({ sentence })) }
}

const WORDS: Readonly<Record<keyof Resources, string>> = {
  grants: 'grants',
  mappings: 'mappings of pages of the other end',
  ports: 'event-channel ports',
  watches: 'watches',
  pages: 'pages',
  vis: 'virtual interfaces',
  filters: 'filters',
  leases: 'leases',
}

/** MEM-01: both ends stand as before the first attach. */
export function allBack({ left }: Scene): Judgement {
  const names = Object.keys(left) as (keyof Resources)[]
  return {
    seen: 1,
    findings: names.map((name) => ({
      sentence: `${left[name]} ${WORDS[name]} were not given back after the last detach`,
    })),
  }
}
