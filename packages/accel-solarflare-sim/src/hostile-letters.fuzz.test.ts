// CT-01, CT-02, CT-05, CT-07: either half, against pages that the other end fills as it likes.
import { MessagePages } from '@netaccel/core'
import { afterAll, afterEach, describe, expect, it, vi as mock } from 'vitest'
import { Conversation } from './backend/conversation.js'
import { GuestBuffers } from './backend/guest-buffers.js'
import { Handshake } from './frontend/handshake.js'
import { Registration } from './frontend/registration.js'
import { attackBackend } from './testing/attack-backend.js'
import { attackFrontend } from './testing/attack-frontend.js'
import type { LocalMac, SetHw } from './shared/words.js'

/** Fixed for the planted faults, which these must find; `npm run fuzz` gives the attacks others. */
const SEEDS = Array.from({ length: 16 }, (_, i) => i + 1)
const START = process.env['NETACCEL_SEED']
const ATTACKS = START === undefined ? SEEDS : Array.from({ length: 200 }, (_, i) => Number(START) * 200 + i)

type Inside = Record<string, (...args: never[]) => unknown>
const inside = (part: { prototype: object }): Inside => part.prototype as unknown as Inside
const call = (method: (...args: never[]) => unknown, self: object, ...args: unknown[]): unknown =>
  (method as (...all: unknown[]) => unknown).apply(self, args)

/** Has `change` done to the object before a method of its runs. */
function before(
  part: { prototype: object },
  method: string,
  change: (self: Record<string, unknown>) => void,
): void {
  const original = inside(part)[method]
  mock.spyOn(inside(part), method).mockImplementation(function (this: object, ...args) {
    change(this as Record<string, unknown>)
    return call(original, this, ...args)
  })
}

/** Name, and how a half is broken. Each is a check that a careless implementation forgets. */
const faults: Record<'backend' | 'frontend', [string, () => void][]> = {
  backend: [
    ['an impossible index is believed', believeIndices],
    ['the quota is not looked at', () => before(GuestBuffers, 'map', (self) => (self['limit'] = 1e9))],
    [
      'a request of any number of pages is taken',
      () =>
        mock.spyOn(GuestBuffers.prototype, 'map').mockImplementation(function (
          this: GuestBuffers,
          { pages, grants },
        ) {
          const self = this as unknown as Record<'scope' | 'vi', never> & {
            count: number
            standing: { value: number }
          }
          const mapping = call(inside({ prototype: self.scope })['map'], self.scope, grants, 'rw')
          if (typeof mapping === 'number') return { refused: '', guilty: true }
          self.count += pages
          self.standing.value += pages
          return { address: 1 }
        }),
    ],
    [
      'pages stay mapped that found no place in the buffer table',
      () =>
        before(GuestBuffers, 'map', (self) => {
          const scope = self['scope'] as { map: (...args: unknown[]) => unknown }
          const { map } = scope
          scope.map = (...args) => {
            scope.map = map
            const mapping = map(...args)
            return typeof mapping === 'number' ? mapping : Object.assign(mapping as object, { unmap() {} })
          }
        }),
    ],
    ['each greeting makes a VI', () => before(Conversation, 'answered', (self) => (self['greeted'] = false))],
    [
      'a word that nobody knows is an assertion',
      () =>
        mock.spyOn(inside(Conversation), 'refuse').mockImplementation(() => {
          throw new Error('assertion')
        }),
    ],
    [
      'an impossible index ends the reading for good',
      () =>
        mock.spyOn(inside(Conversation), 'punish').mockImplementation(function (this: object) {
          ;(this as Record<string, unknown>)['pages'] = undefined
        }),
    ],
  ],
  frontend: [
    ['an impossible index is believed', believeIndices],
    ['SETHW is taken at any time', () => before(Handshake, 'setHw', (self) => (self['state'] = 'greeted'))],
    [
      'the sizes in SETHW are believed',
      () =>
        mock.spyOn(inside(Handshake), 'setHw').mockImplementation(function (this: object, ...args) {
          const [hw] = args as unknown as [SetHw]
          const self = this as unknown as Record<string, unknown> & { parts: Record<'viScope', never> }
          if (self['state'] !== 'greeted') return
          const { map } = self.parts.viScope as {
            map: (...all: unknown[]) => { pages: unknown[]; whole: unknown } | number
          }
          const [events, tx, rx] = [hw.eventGrants, [hw.txGrant], [hw.rxGrant]].map((refs) => map(refs, 'rw'))
          if (typeof events === 'number' || typeof tx === 'number' || typeof rx === 'number') return
          self['vi'] = { ...hw, events: events.whole ?? events.pages[0], tx: tx.pages[0], rx: rx.pages[0] }
          self['state'] = 'mapped'
        }),
    ],
    [
      'an answer that nobody waits for counts',
      () =>
        mock.spyOn(Registration.prototype, 'answered').mockImplementation(function (this: Registration) {
          ;(this as unknown as Record<string, unknown>)['done'] = this.total
          return true
        }),
    ],
    [
      'a group address may be sent to',
      () =>
        mock.spyOn(inside(Handshake), 'localMac').mockImplementation(function (this: object, ...args) {
          const [{ mac }] = args as unknown as [LocalMac]
          const { parts } = this as unknown as { parts: { macs: { learn(high: number, low: number): void } } }
          parts.macs.learn(mac.high, mac.low | 0)
        }),
    ],
    [
      'a word that nobody knows is an assertion',
      () =>
        mock.spyOn(inside(Handshake), 'refuse').mockImplementation(() => {
          throw new Error('assertion')
        }),
    ],
  ],
}

function believeIndices(): void {
  const { receive } = MessagePages.prototype
  mock.spyOn(MessagePages.prototype, 'receive').mockImplementation(function (this: MessagePages) {
    const got = receive.call(this)
    return got === 'bad' ? 'message' : got
  })
}

const attacks = { backend: attackBackend, frontend: attackFrontend }
let inputs = 0
let found = 0

afterEach(() => {
  mock.restoreAllMocks()
})

afterAll(() => {
  console.log(`hostile letters: ${inputs} inputs tried, ${found} planted faults found`)
})

describe.each(['backend', 'frontend'] as const)(
  'the %s half, and an end that writes what it likes',
  (side) => {
    it('nothing is thrown, taken twice, kept, or written where it has no business, and work is bounded', async () => {
      let deep = 0
      for (const seed of ATTACKS) {
        const seen = await attacks[side](seed)
        inputs += seen.inputs
        if (seen.deep) deep++
        expect(seen.findings, `seed ${seed}`).toEqual([])
      }
      // An attack that never gets past the greeting shows nothing of what comes behind.
      expect(deep).toBeGreaterThan(ATTACKS.length / 8)
    })

    it.each(faults[side])('the seeds find it when %s', async (_, plant) => {
      plant()
      let findings: string[] = []
      for (const seed of SEEDS) {
        const seen = await attacks[side](seed)
        inputs += seen.inputs
        ;({ findings } = seen)
        if (findings.length > 0) break
      }
      if (findings.length > 0) found++
      expect(findings).not.toEqual([])
    })
  },
)
