// FL-09 and MEM-01: what the books say of a whole act, whatever the act was.
import type { Resources } from '@netaccel/host'
import type { Returning } from '../acts/returning.js'
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
  return nothingOf(left, 'were not given back after the last detach')
}

/** MEM-01: a guest that comes back finds what it found the first time. */
export function noMore({ times, more }: Returning): Judgement {
  return {
    ...nothingOf(more, `more are taken after the guest's half has come back ${times} times`),
    seen: times,
  }
}

function nothingOf(left: Partial<Resources>, what: string): Judgement {
  const names = Object.keys(left) as (keyof Resources)[]
  return {
    seen: 1,
    findings: names.map((name) => ({
      sentence: `${left[name]} ${WORDS[name]} ${what}`,
    })),
  }
}
