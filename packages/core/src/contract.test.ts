// The contract against the packages beneath it: what a plugin sees must be what the host has.
import * as packet from '@netaccel/packet'
import { Machine } from '@netaccel/xen'
import { describe, expect, it } from 'vitest'
import { defineAccelerator, isDefinedAccelerator } from './define.js'
import { flowKeyOf, parsePacket, PacketInfo } from './packet.js'
import { agreeVersion, checkVersion, negotiate } from './version.js'
import type { Arena, FlowKey, Frame, FramePool } from './contract/index.js'
import type { Frame as PacketFrame } from '@netaccel/packet'

describe('the contract', () => {
  it('takes an arena of package xen and a pool and a frame of package packet as its own', () => {
    const extent = new Machine({ bytes: 1 << 20 }).createExtent(1, 16)
    const arena: Arena = extent.allocPages(2)
    const pool: FramePool = new packet.FramePool(arena, { frames: 4, bytesEach: 2048 })
    const frame: Frame | undefined = pool.take()
    expect([arena.pages.length, pool.free, frame?.checksum, frame?.segments]).toEqual([2, 3, 'none', 1])
    frame?.release()
    expect(pool.free).toBe(4)
  })

  it('has packet parse what a plugin sees', () => {
    const arena = packet.privateArena(4096)
    const frame = new packet.FramePool(arena, { frames: 1, bytesEach: 2048 }).take() as PacketFrame
    packet.writeUdp(frame, {
      sourceMac: packet.parseMac('00:16:3e:00:00:01'),
      destinationMac: packet.parseMac('00:16:3e:00:00:02'),
      source: packet.parseIp('10.0.0.1'),
      destination: packet.parseIp('10.0.0.2'),
      sourcePort: 1000,
      destinationPort: 2000,
      payload: new Uint8Array(4),
    })
    const seen: Frame = frame
    const info = new PacketInfo()
    expect(parsePacket(seen, info)).toBe(true)
    const key: FlowKey | undefined = flowKeyOf(seen, info)
    expect(key).toMatchObject({ protocol: 17, source: '10.0.0.1', sourcePort: 1000, destinationPort: 2000 })
  })
})

describe('defineAccelerator', () => {
  it('freezes and marks what it is given; a copy is not marked', () => {
    const frontend = () => ({ newDevice: async () => 'declined' as const })
    const defined = defineAccelerator({ frontend })
    expect(defined).toEqual({ frontend, contract: 1 })
    expect(Object.isFrozen(defined)).toBe(true)
    expect(isDefinedAccelerator(defined)).toBe(true)
    expect(isDefinedAccelerator({ ...defined })).toBe(false)
    expect(isDefinedAccelerator(null)).toBe(false)
  })
})

describe('version negotiation', () => {
  it.each([
    [[1, 1], [1, 1], { ok: true, version: 1 }],
    [[1, 3], [2, 5], { ok: true, version: 3 }],
    [[1, 9], [2, 5], { ok: true, version: 5 }],
    [[6, 9], [2, 5], { ok: false, refusal: 'newer', hostVersion: 5 }],
    [[1, 1], [2, 5], { ok: false, refusal: 'EPROTO', hostVersion: 5 }],
  ] as const)('of %j with %j', (half, host, result) => {
    expect(negotiate(half, host)).toEqual(result)
  })

  it('of one version is the original rule', () => {
    expect([0, 1, 2, 3].map((version) => checkVersion(version, [1, 2]))).toEqual(['EPROTO', 0, 0, 2])
  })

  it('of a half without a range is NO_HALF', () => {
    expect(() => agreeVersion('p', undefined, [1, 1])).toThrow(/^NO_HALF: p has no range/)
  })
})
