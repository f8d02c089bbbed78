import { type Frame, FramePool, parseIp, parseMac, poolBytes, privateArena, writeUdp } from '@netaccel/packet'
import { Hypervisor, settle, VirtualClock } from '@netaccel/xen'
import { describe, expect, it } from 'vitest'
import { SoftwareOffload } from './software-offload.js'

const SIZE = 9000

async function setUp() {
  const timeline = new VirtualClock()
  const hypervisor = new Hypervisor({ timeline, machine: { bytes: 8 << 20 } })
  const domain = await settle(timeline, hypervisor.createDomain({ name: 'driver', pages: 256 }))
  const out: Frame[] = []
  const state = { room: 0, answer: 'taken' as 'taken' | 'full', drops: false }
  const offload: SoftwareOffload = new SoftwareOffload(
    domain,
    (frame) => {
      if (state.answer === 'full') return 'full'
      out.push(frame)
      if (state.drops) frame.release()
      return 'taken'
    },
    () => {
      state.room++
      offload.flush()
    },
  )
  const pool = new FramePool(privateArena(poolBytes(4, SIZE)), { frames: 4, bytesEach: SIZE })
  const blank = (payloadLength: number): Frame => {
    const frame = pool.take()
    if (frame === undefined) throw new Error('no frame')
    const ends = {
      source: parseIp('10.0.0.1'),
      destination: parseIp('10.0.0.2'),
      sourcePort: 1,
      destinationPort: 2,
    }
    const macs = { sourceMac: parseMac('00:16:3e:00:00:01'), destinationMac: parseMac('00:16:3e:00:00:02') }
    writeUdp(frame, { ...ends, ...macs, payloadLength, blank: true })
    return frame
  }
  return { domain, out, state, offload, pool, blank }
}

describe('SoftwareOffload', () => {
  it('sums a frame that it has alone in place, one that others hold in a copy, and charges for it', async () => {
    const { domain, out, offload, blank, pool } = await setUp()
    const charged = (): number[] => [domain.engine.charged('byteSummed'), domain.engine.charged('byteCopied')]
    const before = charged()
    const alone = blank(100)
    const shared = blank(100)
    shared.hold()
    expect([offload.transmit(alone), offload.transmit(shared)]).toEqual(['taken', 'taken'])
    expect([out[0] === alone, out[1] === shared, shared.checksum, shared.holders]).toEqual([
      true,
      false,
      'blank',
      1,
    ])
    expect(out[1].checksum).toBe('none')
    expect(charged()).toEqual([before[0] + 2 * 142, before[1] + 142])
    for (const frame of [...out, shared]) frame.release()
    expect([offload.close(), pool.free]).toEqual([0, 4])
  })

  it('lets a frame pass that no such NIC sends, so that nothing waits behind it', async () => {
    const { out, offload, blank } = await setUp()
    const long = blank(3000)
    long.hold()
    expect([offload.transmit(long), out[0] === long]).toEqual(['taken', true])
    expect(offload.transmit(blank(10))).toBe('taken')
  })

  it('gives hardware that drops a piece at once no piece twice', async () => {
    const { out, state, offload, blank } = await setUp()
    state.drops = true
    for (let i = 0; i < 3; i++) {
      const frame = blank(50)
      frame.hold()
      offload.transmit(frame)
      frame.release()
    }
    expect([out.length, state.room]).toEqual([3, 3])
  })

  it('gives up at its end what it holds, and tells how much', async () => {
    const { domain, state, offload, blank } = await setUp()
    const pages = domain.resources().pages
    state.answer = 'full'
    const frame = blank(50)
    frame.hold()
    expect(offload.transmit(frame)).toBe('taken')
    expect(offload.transmit(blank(50))).toBe('full')
    expect(offload.close()).toBe(1)
    expect(domain.resources().pages).toBeLessThan(pages)
  })
})
