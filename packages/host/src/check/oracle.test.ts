import { FramePool, type Frame, poolBytes, privateArena, Random, Segmenter } from '@netaccel/packet'
import { describe, expect, it } from 'vitest'
import { defaultMix, makeFlows } from '../traffic/flows.js'
import { EdgeOracle } from './oracle.js'

const a = { mac: '00:16:3e:00:00:01', ip: '10.0.0.1' }
const b = { mac: '00:16:3e:00:00:02', ip: '10.0.0.2' }

/** A way from a to b that may do something wrong with the n-th frame; what it yields has arrived. */
type Way = (frame: Frame, nth: number, deliver: (frame: Frame) => void) => void

function run(way: Way, frames = 20_000, seed = 7) {
  const oracle = new EdgeOracle()
  oracle.addEdge('a', a.mac)
  oracle.addEdge('b', b.mac)
  const pool = new FramePool(privateArena(poolBytes(64, 65_600) + 4096), { frames: 64, bytesEach: 65_600 })
  const flows = makeFlows(a, b, 40, defaultMix, new Random(seed))
  const random = new Random(seed)
  for (let i = 0; i < frames; i += 1) {
    const frame = pool.take() as Frame
    flows[random.below(flows.length)].write(frame)
    oracle.entered('a', frame)
    way(frame, i, (arrived) => {
      oracle.left('b', arrived)
      arrived.release()
    })
  }
  return oracle.verdict()
}

describe('edge oracle', () => {
  it('agrees with a way that does nothing wrong', () => {
    const verdict = run((frame, _n, deliver) => deliver(frame))
    expect(verdict).toMatchObject({ missing: 0, doubled: 0, reordered: 0 })
    expect(verdict.left).toBe(verdict.entered)
    expect(verdict.entered).toBeGreaterThan(40_000)
  })

  it('knows a GSO frame again by its segments', () => {
    const pool = new FramePool(privateArena(poolBytes(8, 2048)), { frames: 8, bytesEach: 2048 })
    const segmenter = new Segmenter()
    const verdict = run((frame, _n, deliver) => {
      if (frame.gsoSize === 0) return deliver(frame)
      segmenter.begin(frame)
      const count = segmenter.count
      for (let k = 0; k < count; k += 1) {
        const segment = pool.take() as Frame
        segmenter.write(k, segment)
        deliver(segment)
      }
      frame.release()
      return undefined
    })
    expect(verdict).toMatchObject({ missing: 0, doubled: 0, reordered: 0 })
  })

  it('catches 1 in 10,000 dropped', () => {
    const verdict = run((frame, n, deliver) => (n % 10_000 === 5000 ? frame.release() : deliver(frame)))
    expect(verdict.missing).toBeGreaterThan(0)
    expect(verdict.doubled).toBe(0)
  })

  it('catches 1 in 10,000 doubled', () => {
    const verdict = run((frame, n, deliver) => {
      if (n % 10_000 === 5000) {
        frame.hold()
        deliver(frame)
      }
      deliver(frame)
    })
    expect(verdict.doubled).toBeGreaterThan(0)
    expect(verdict.missing).toBe(0)
  })

  it('catches two swapped frames of one flow', () => {
    const held: Frame[] = []
    const verdict = run((frame, _n, deliver) => {
      held.push(frame)
      if (held.length < 50) return
      // All of one flow are together: the last first.
      for (const late of held.splice(0).reverse()) deliver(late)
    })
    expect(verdict.reordered).toBeGreaterThan(0)
    expect(verdict).toMatchObject({ missing: 0, doubled: 0 })
  })

  it('catches one flipped payload bit', () => {
    const verdict = run((frame, n, deliver) => {
      if (n === 77) frame.bytes[frame.offset + frame.length - 1] ^= 1
      deliver(frame)
    })
    expect(verdict.missing).toBe(1)
    expect(verdict.doubled).toBe(1)
  })

  it('lets checksums be completed on the way', () => {
    const verdict = run((frame, _n, deliver) => {
      if (frame.checksum === 'blank')
        frame.view.setUint16(frame.offset + frame.checksumStart + frame.checksumOffset, 0x1234)
      deliver(frame)
    })
    expect(verdict).toMatchObject({ missing: 0, doubled: 0, reordered: 0 })
  })

  it('never throws, whatever the bytes', () => {
    const oracle = new EdgeOracle()
    oracle.addEdge('a', a.mac)
    oracle.addEdge('b', b.mac)
    const random = new Random(3)
    const view = new DataView(new ArrayBuffer(256))
    for (let i = 0; i < 20_000; i += 1) {
      for (let at = 0; at < 256; at += 4) view.setUint32(at, random.next32())
      view.setUint16(12, random.chance(0.5) ? 0x0800 : 0x86dd)
      view.setUint8(14, random.chance(0.5) ? 0x45 : 0x60)
      oracle.entered('a', { view, offset: 0, length: random.below(257), gsoSize: random.below(3) })
    }
    expect(oracle.verdict().entered + oracle.elsewhere).toBeGreaterThan(0)
  })
})
