import { readFileSync } from 'node:fs'
import { readPlugin } from '@netaccel/core'
import { describe, expect, it } from 'vitest'
import { FRONTEND_COUNTERS } from './frontend/tally.js'
import { frontendOptions } from './frontend/options.js'
import { backendOptions } from './backend/options.js'
import { FOLDER } from './testing/two-hosts.js'

const { manifest } = readPlugin(FOLDER)
const artefact = (half: string) => readFileSync(`${FOLDER}/dist/${half}.cjs`, 'utf8')

describe('the package', () => {
  it('VN-01: has the manifest of the original’s frontend, and both halves', () => {
    expect(manifest).toMatchObject({
      name: 'sfc_netfront',
      apiVersion: { frontend: [1, 1], backend: [1, 1] },
      frontend: './dist/frontend.cjs',
      backend: './dist/backend.cjs',
      capabilities: [
        'tx',
        'tx-checksum',
        'tx-gso',
        'rx',
        'rx-checksum',
        'rx-merge',
        'vi',
        'filters',
        'observe',
      ],
    })
  })

  it('VN-03: its artefacts require core and nothing else', () => {
    for (const half of ['frontend', 'backend']) {
      const required = [...artefact(half).matchAll(/require\("([^"]+)"\)/g)].map((match) => match[1])
      expect(new Set(required)).toEqual(new Set(['@netaccel/core']))
      expect(artefact(half)).not.toMatch(/\bimport\(/)
    }
  })

  it('declares each counter that it keeps, with a sentence, and no other', () => {
    const kept = [...artefact('backend').matchAll(/\.counter\("([a-z_]+)"\)/g)].map((match) => match[1] ?? '')
    const declared = Object.entries(manifest.counters ?? {})
    const names = new Set([...FRONTEND_COUNTERS, ...kept])
    expect(new Set(declared.map(([name]) => name))).toEqual(names)
    for (const [, sentence] of declared) expect(sentence).toMatch(/^[A-Z].*\w\.$/)
  })
})

describe('its options', () => {
  it('have defaults, and what they do not know they leave alone', () => {
    expect(frontendOptions({ other: 1 })).toEqual({
      copy: false,
      receivePages: 192,
      lro: true,
      slowStart: 300,
      macAge: 30_000,
      handshake: 4000,
      farewell: 1000,
    })
    expect(backendOptions({})).toMatchObject({
      replacement: 'lru',
      events: 1024,
      tx: 512,
      rx: 512,
      filterMac: true,
    })
    expect(backendOptions({ tx: 100 })).toMatchObject({ tx: 128 })
  })

  it.each([
    [{ copy: 'yes' }, "option copy: 'yes'; give true or false"],
    [{ receivePages: 31 }, 'option receivePages: 31; give a whole number from 32 to 256'],
    [{ macAge: 1.5 }, 'option macAge: 1.5; give a whole number'],
  ])('refuses %o', (options, sentence) => {
    expect(() => frontendOptions(options)).toThrow(sentence)
  })

  it('refuses a replacement that there is not', () => {
    expect(() => backendOptions({ replacement: 'fifo' })).toThrow(
      "option replacement: 'fifo'; give one of lru, random",
    )
  })
})
