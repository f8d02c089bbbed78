import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import * as core from '@netaccel/core'
import type { Frame, FrontendVif } from '@netaccel/core'
import { describe, expect, it } from 'vitest'
import { backend, frontend } from './index.js'

const folder = fileURLToPath(new URL('..', import.meta.url))
const signal = new AbortController().signal

describe('the package', () => {
  it('VN-01: has a manifest that core reads, and the two artefacts that it names', () => {
    const plugin = core.readPlugin(folder)
    expect(plugin.manifest.name).toBe('dummy')
    expect(plugin.manifest.capabilities).toEqual([])
    expect(core.readArtefact(plugin, 'frontend').path).toMatch(/dist\/frontend.cjs$/)
    expect(core.readArtefact(plugin, 'backend').path).toMatch(/dist\/backend.cjs$/)
  })

  it('ships artefacts that require core alone', () => {
    for (const half of ['frontend', 'backend']) {
      const text = readFileSync(`${folder}/dist/${half}.cjs`, 'utf8')
      const required = [...text.matchAll(/require\("([^"]+)"\)/g)].map((match) => match[1])
      expect(new Set(required)).toEqual(new Set(['@netaccel/core']))
    }
  })
})

describe('the halves', () => {
  const logged: string[] = []
  const log = (_level: string, text: string) => void logged.push(text)

  it('TX-03, RX-02, IR-01: the queue declines, is idle and arms, whatever the order', async () => {
    const half = await frontend.frontend?.({ version: 1, log } as unknown as core.FrontendContext)
    const vif = await half?.newDevice({ log } as unknown as FrontendVif)
    if (vif === undefined || vif === 'declined') throw new Error('the dummy takes every vif')
    const queue = vif.openQueue({} as core.FrontendQueue)
    const frame = Object.freeze({ length: 60 }) as unknown as Frame
    expect([queue.accepts(frame), queue.startXmit(frame), queue.hasRoom()]).toEqual([false, 'declined', true])
    expect([queue.poll(64), queue.startInterrupts(), queue.poll(0)]).toEqual(['idle', 'armed', 'idle'])
    queue.stopInterrupts()
    queue.flush()
    vif.change?.({ kind: 'mtu', mtu: 1400 })
    vif.stats?.()
    expect(vif.remove('unloaded', signal)).toBeUndefined()
    expect(logged).toEqual(['loaded at version 1 of the contract', 'the mtu has changed'])
  })

  it('opens every port and probes every vif', async () => {
    logged.length = 0
    const half = await backend.backend?.({ version: 1, log } as unknown as core.BackendContext)
    expect(half?.openPort({ kind: 'none' } as core.BackendPort)).toBe(true)
    const vif = { log, port: { name: 'eth1' } } as unknown as core.BackendVif
    const probed = await half?.probe(vif)
    if (probed === undefined || probed === 'declined') throw new Error('the dummy probes every vif')
    await probed.start?.(signal)
    probed.change?.({ kind: 'link', up: false })
    await probed.stop?.(signal)
    expect(logged.slice(1)).toEqual(['the frontend listens', 'port eth1: link', 'the frontend leaves'])
  })
})
