// What a byte costs: moved by the copy engine, moved by a device, summed.
import { copyBytes, FramePool, fillChecksum, parseIp, parseMac, writeUdp } from '@netaccel/packet'
import { copyEngine, Machine, PAGE_SIZE } from '@netaccel/xen'
import { nsEach } from './ns-each.js'

const PAGES = 64
const FRAME_BYTES = 1514
const FRAMES = 64

/** 4 KiB at a time between pages that lie in the cache, as a batch of grant copies moves them. */
export function byteCopied(): number {
  const machine = new Machine({ bytes: 1 << 20 })
  const extent = machine.createExtent(0, 2 * PAGES)
  const engine = copyEngine(machine)
  const from = extent.base
  const to = from + PAGES * PAGE_SIZE
  return nsEach(() => {
    for (let page = 0; page < PAGES; page++)
      engine.copy(to + page * PAGE_SIZE, from + page * PAGE_SIZE, PAGE_SIZE)
    return PAGES * PAGE_SIZE
  })
}

/** Full frames, as the NIC moves them between the memory of a host and the wire. */
export function byteDma(): number {
  const pool = frames()
  const [from] = pool
  return nsEach(() => {
    for (const to of pool) copyBytes(to.words, to.offset, from.words, from.offset, FRAME_BYTES)
    return FRAMES * FRAME_BYTES
  })
}

/** The UDP checksum of full frames. */
export function byteSummed(): number {
  const pool = frames()
  return nsEach(() => {
    for (const frame of pool) {
      frame.checksum = 'blank'
      fillChecksum(frame)
    }
    return FRAMES * FRAME_BYTES
  })
}

function frames(): FramePool['frames'] {
  const machine = new Machine({ bytes: 1 << 20 })
  const arena = machine.createExtent(0, PAGES).allocPages((FRAMES * 2048) / PAGE_SIZE)
  const { frames: all } = new FramePool(arena, { frames: FRAMES, bytesEach: 2048 })
  for (const frame of all) {
    frame.reset(0)
    writeUdp(frame, {
      sourceMac: parseMac('00:16:3e:00:00:01'),
      destinationMac: parseMac('00:16:3e:00:00:02'),
      source: parseIp('10.0.0.1'),
      destination: parseIp('10.0.0.2'),
      sourcePort: 40_000,
      destinationPort: 5001,
      payloadLength: FRAME_BYTES - 42,
      blank: true,
    })
  }
  return all
}
