import { describe, expect, it } from 'vitest'
import { PacketError } from './errors.js'
import { bufferStride, FramePool, poolBytes } from './frame-pool.js'
import { privateArena } from './memory.js'

function codeOf(work: () => void): string {
  try {
    work()
  } catch (error) {
    if (error instanceof PacketError) return error.code
    throw error
  }
  return 'nothing thrown'
}

function pool(frames = 4, bytesEach = 2048, headroom = 64): FramePool {
  return new FramePool(privateArena(poolBytes(frames, bytesEach)), { frames, bytesEach, headroom })
}

describe('FramePool', () => {
  it('hands out frames that begin behind their headroom, empty and plain', () => {
    const frame = pool().take()
    expect(frame).toMatchObject({
      start: 0,
      capacity: 2048,
      offset: 64,
      headroom: 64,
      tailroom: 1984,
      length: 0,
      checksum: 'none',
      checksumStart: 0,
      checksumOffset: 0,
      gsoSize: 0,
      gsoType: 'none',
      segments: 1,
      id: 0,
      origin: 0,
      hash: 0,
      next: null,
      holders: 1,
    })
  })

  it('makes a frame that comes back new again', () => {
    const frames = pool(1)
    const first = frames.take()!
    Object.assign(first, { offset: 900, length: 7, checksum: 'blank', checksumStart: 34, checksumOffset: 16 })
    Object.assign(first, { gsoSize: 1448, gsoType: 'tcpv4', segments: 9, id: 5, origin: 3, hash: 77 })
    first.release()
    const again = frames.take()!
    expect(again).toBe(first)
    expect(again).toMatchObject({
      offset: 64,
      length: 0,
      checksum: 'none',
      checksumStart: 0,
      checksumOffset: 0,
    })
    expect(again).toMatchObject({ gsoSize: 0, gsoType: 'none', segments: 1, id: 0, origin: 0, hash: 0 })
  })

  it('takes over what another frame is known as, but neither bytes nor length', () => {
    const frames = pool(2)
    const [from, to] = [frames.take()!, frames.take()!]
    const known = {
      checksum: 'blank',
      checksumStart: 34,
      checksumOffset: 16,
      gsoSize: 1448,
      gsoType: 'tcpv4',
    }
    Object.assign(from, known, { segments: 9, id: 5, origin: 3, hash: 77, length: 40 })
    to.describeAs(from)
    expect(to).toMatchObject({ ...known, segments: 9, id: 5, origin: 3, hash: 77 })
    expect([to.length, to.offset, to.holders]).toEqual([0, 2048 + 64, 1])
  })

  it('takes the frame released last first, and says undefined when all are out', () => {
    const frames = pool(3)
    const [a, b, c] = [frames.take()!, frames.take()!, frames.take()!]
    expect([a.index, b.index, c.index]).toEqual([0, 1, 2])
    expect(frames.take()).toBeUndefined()
    expect(frames.free).toBe(0)
    a.release()
    c.release()
    expect(frames.free).toBe(2)
    expect(frames.take()).toBe(c)
    expect(frames.take()).toBe(a)
  })

  it('keeps a frame until its last holder lets go', () => {
    const frames = pool(1)
    const frame = frames.take()!
    frame.hold()
    frame.release()
    expect(frames.free).toBe(0)
    frame.release()
    expect(frames.free).toBe(1)
  })

  it('refuses a second release and a hold on a free frame, and stays whole', () => {
    const frames = pool(2)
    const frame = frames.take()!
    frame.release()
    expect(codeOf(() => frame.release())).toBe('DOUBLE_RELEASE')
    expect(codeOf(() => frame.hold())).toBe('FRAME_FREE')
    expect(codeOf(() => frames.frames[1].release())).toBe('DOUBLE_RELEASE')
    expect(frames.free).toBe(2)
    expect(new Set([frames.take(), frames.take(), frames.take()]).size).toBe(3)
  })

  it('refuses to take back a frame that stands in a queue', () => {
    const frames = pool(2)
    const frame = frames.take()!
    frame.next = frames.take()!
    expect(codeOf(() => frame.release())).toBe('FRAME_QUEUED')
  })

  it('tells when a frame has come back, after it can be taken', () => {
    const frames = pool(1)
    const seen: number[] = []
    frames.onFree = () => seen.push(frames.free)
    const frame = frames.take()!
    frame.hold()
    frame.release()
    expect(seen).toEqual([])
    frame.release()
    expect(seen).toEqual([1])
  })

  it('begins buffers of a page or more on pages, wherever the arena lies', () => {
    const memory = privateArena(20 * 4096 * 3)
    const arena = { ...memory, offset: 4096 - 8, length: memory.length - 4096 + 8 }
    const frames = new FramePool(arena, { frames: 2, bytesEach: 65536 + 18 })
    expect(frames.stride).toBe(17 * 4096)
    expect(frames.frames.map((frame) => frame.start)).toEqual([4096, 18 * 4096])
  })

  it('begins small buffers on 8 bytes', () => {
    const arena = { ...privateArena(1000), offset: 3, length: 997 }
    const frames = new FramePool(arena, { frames: 3, bytesEach: 99 })
    expect(frames.frames.map((frame) => frame.start)).toEqual([8, 112, 216])
    expect([bufferStride(4095), bufferStride(4096), bufferStride(4097)]).toEqual([4096, 4096, 8192])
  })

  it.each([
    ['no frames', { frames: 0, bytesEach: 64 }, 'BAD_OPTION'],
    ['half a frame', { frames: 1.5, bytesEach: 64 }, 'BAD_OPTION'],
    ['empty buffers', { frames: 1, bytesEach: 0 }, 'BAD_OPTION'],
    ['all headroom', { frames: 1, bytesEach: 64, headroom: 64 }, 'BAD_OPTION'],
    ['more than the arena holds', { frames: 17, bytesEach: 64 }, 'BAD_ARENA'],
  ] as const)('refuses %s', (_what, options, code) => {
    expect(codeOf(() => new FramePool(privateArena(1024), options))).toBe(code)
  })

  it('refuses an arena that reaches beyond its memory, and memory that words cannot be read from', () => {
    const memory = privateArena(128)
    expect(codeOf(() => new FramePool({ ...memory, length: 256 }, { frames: 4, bytesEach: 64 }))).toBe(
      'BAD_ARENA',
    )
    const bytes = new Uint8Array(new ArrayBuffer(200), 4, 128)
    const view = new DataView(bytes.buffer, 4, 128)
    expect(
      codeOf(() => new FramePool({ view, bytes, offset: 0, length: 128 }, { frames: 1, bytesEach: 64 })),
    ).toBe('BAD_ARENA')
  })

  it('gives its frames the very view of the arena, and refuses one of another stretch', () => {
    const memory = privateArena(128)
    const options = { frames: 1, bytesEach: 64 }
    expect(new FramePool(memory, options).frames[0].view).toBe(memory.view)
    const other = { ...privateArena(128), view: memory.view }
    expect(codeOf(() => new FramePool(other, options))).toBe('BAD_ARENA')
  })

  it('shares one word view among all pools of a memory', () => {
    const memory = privateArena(1024)
    const first = new FramePool({ ...memory, length: 512 }, { frames: 1, bytesEach: 64 })
    const second = new FramePool({ ...memory, offset: 512, length: 512 }, { frames: 1, bytesEach: 64 })
    expect(first.frames[0].words).toBe(second.frames[0].words)
  })
})
