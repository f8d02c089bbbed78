import { describe, expect, it } from 'vitest'
import { files, good, setUp } from './testing/loader-bench.js'
import { Registry } from './registry.js'
import { VirtualClock } from '@netaccel/xen'
import type { VersionRange } from './contract/index.js'

const HOSTS: readonly VersionRange[] = [
  [1, 1],
  [1, 2],
  [2, 3],
]

/** What a plugin of this range comes to on each of the hosts above. */
const PLUGINS: readonly [VersionRange, readonly (number | 'ENEWER' | 'EPROTO')[]][] = [
  [
    [1, 1],
    [1, 1, 'EPROTO'],
  ],
  [
    [1, 2],
    [1, 2, 2],
  ],
  [
    [1, 9],
    [1, 2, 3],
  ],
  [
    [2, 2],
    ['ENEWER', 2, 2],
  ],
  [
    [2, 3],
    ['ENEWER', 2, 3],
  ],
  [
    [3, 3],
    ['ENEWER', 'ENEWER', 3],
  ],
  [
    [4, 9],
    ['ENEWER', 'ENEWER', 'ENEWER'],
  ],
]

describe('the version of a plugin', () => {
  for (const [range, outcomes] of PLUGINS)
    for (const [at, host] of HOSTS.entries())
      it(`of ${range[0]} to ${range[1]} on a host of ${host[0]} to ${host[1]} is ${outcomes[at]}`, async () => {
        const { load, loader, registry } = setUp(host)
        const loaded = await load(files(good(), { apiVersion: { frontend: range } })).then(
          ({ version }) => version,
          (error: { code: string }) => error.code,
        )
        expect(loaded).toBe(outcomes[at])
        expect(loader.loaded.map(({ version }) => version)).toEqual(
          typeof loaded === 'number' ? [loaded] : [],
        )
        if (typeof loaded !== 'number') expect(registry.status()).toEqual([])
      })
})

describe.each(['frontend', 'backend'] as const)('the %s registry', (side) => {
  it.each(HOSTS)(
    'of %i to %i tells a newer caller its own version, with which it may come again',
    (lowest, highest) => {
      const clock = new VirtualClock().engine('domain')
      const registry = new Registry<string>({
        side,
        clock,
        inDriverDomain: side === 'backend',
        versions: [lowest, highest],
      })
      for (let version = 1; version < lowest; version++)
        expect(registry.loaded(version, 'older', 'half')).toBe('EPROTO')
      const told = registry.loaded(highest + 3, 'newer', 'half')
      expect([told, registry.status()]).toEqual([highest, []])
      expect(registry.loaded(Number(told), 'newer', 'half')).toBe(0)
      expect(registry.state('newer')).toMatchObject({ state: 'loaded', version: highest })
    },
  )
})
