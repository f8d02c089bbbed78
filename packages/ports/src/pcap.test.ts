import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  FramePool,
  PacketInfo,
  parseIp,
  parseMac,
  parsePacket,
  poolBytes,
  privateArena,
} from '@netaccel/packet'
import { PcapWriter, Random, verifyChecksum, writeTcp } from '@netaccel/packet'
import type { Frame } from '@netaccel/packet'
import { VirtualClock } from '@netaccel/xen'
import { afterAll, describe, expect, it } from 'vitest'
import { parseCapture, readCapture, sentBy } from './capture.js'
import { PortError } from './errors.js'
import type { GuestDevice, GuestStack } from './guest-device.js'
import { PcapSink, RecordedDevice } from './pcap-sink.js'
import { PcapSource } from './pcap-source.js'

const folder = mkdtempSync(join(tmpdir(), 'netaccel-pcap-'))
afterAll(() => rmSync(folder, { recursive: true }))

const MAC_A = parseMac('00:16:3e:00:00:01')
const MAC_B = parseMac('00:16:3e:00:00:02')

/** A device that takes at most `room` frames until it is emptied. */
class Box implements GuestDevice {
  readonly pool = new FramePool(privateArena(poolBytes(16, 69_632) + 4096), { frames: 16, bytesEach: 69_632 })
  readonly taken: { at: number; bytes: string }[] = []
  stack: GuestStack | null = null
  room = Infinity
  now: () => number = () => 0

  take(): Frame | undefined {
    return this.pool.take()
  }

  transmit(frames: Frame[], count: number): number {
    let taken = 0
    for (; taken < count && this.room > 0; taken++, this.room--) {
      const frame = frames[taken]
      const bytes = Buffer.from(frame.bytes.slice(frame.offset, frame.offset + frame.length)).toString('hex')
      this.taken.push({ at: this.now(), bytes })
      frame.release()
    }
    return taken
  }
}

/** `count` frames of 60 bytes, `gap` ns apart, each with its number in the last byte. */
function captureFile(count: number, gap: number, mac = MAC_A): Uint8Array {
  const blocks: Uint8Array[] = []
  const writer = new PcapWriter((block) => blocks.push(block))
  for (let i = 0; i < count; i++) {
    const bytes = new Uint8Array(60)
    bytes.set(mac, 6)
    bytes[59] = i
    const at = 7_999_999_990 + i * gap
    writer.write(bytes, 0, 60, Math.floor(at / 1e9), at % 1e9)
  }
  writer.flush()
  return Buffer.concat(blocks)
}

function errorOf(work: () => unknown): PortError {
  try {
    work()
  } catch (error) {
    if (error instanceof PortError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

describe('a capture', () => {
  it('has its times from the first frame on, exact over the second', () => {
    const capture = parseCapture(captureFile(3, 1500), 'x.pcap')
    expect(capture.records.map(({ at }) => at)).toEqual([0, 1500, 3000])
    expect(capture.durationNs).toBe(3000)
  })

  it('is split by sender', () => {
    const file = captureFile(2, 10)
    expect(sentBy(parseCapture(file, 'x'), MAC_B).records).toHaveLength(0)
    expect(sentBy(parseCapture(file, 'x'), MAC_B, MAC_A).records).toHaveLength(2)
  })

  it('says where it was cut off', () => {
    const path = join(folder, 'cut.pcap')
    writeFileSync(path, captureFile(3, 10).slice(0, 24 + 2 * 76 + 20))
    const { code, message } = errorOf(() => readCapture(path))
    expect(code).toBe('BAD_CAPTURE')
    expect(message).toContain(path)
    expect(message).toContain('ends 20 bytes into the record at byte 176')
  })

  it('says what else is wrong', () => {
    expect(errorOf(() => readCapture(join(folder, 'none.pcap'))).code).toBe('BAD_FILE')
    expect(errorOf(() => parseCapture(Buffer.from('GET / HTTP/1.1\r\n\r\n.......'), 'x')).message).toContain(
      'it is no capture',
    )
    const other = captureFile(1, 10)
    other[20] = 113
    expect(errorOf(() => parseCapture(other, 'x')).message).toContain(
      'its link type is 113, not Ethernet (1)',
    )
    const snapped = captureFile(1, 10)
    new DataView(snapped.buffer, snapped.byteOffset).setUint32(24 + 12, 1514, true)
    expect(errorOf(() => parseCapture(snapped, 'x')).message).toContain('60 of 1514 bytes')
  })
})

describe('a source', () => {
  function play(options: { speed?: number; repeatNs?: number; room?: number }, ns: number) {
    const clock = new VirtualClock()
    const engine = clock.engine('guest', undefined)
    const box = new Box()
    box.now = () => clock.now()
    box.room = options.room ?? Infinity
    let ended = 0
    const source = new PcapSource({
      capture: parseCapture(captureFile(4, 1_000_000), 'x'),
      device: box,
      engine,
      ...(options.speed === undefined ? {} : { speed: options.speed }),
      ...(options.repeatNs === undefined ? {} : { repeatNs: options.repeatNs }),
      prepare: (frame, record, round) => frame.view.setUint16(frame.offset + 40, round * 100 + record),
      onEnd: () => ended++,
    })
    source.start()
    return { clock, box, source, ended: () => ended, run: () => clock.run({ for: ns }) }
  }
  const numbers = (box: Box): number[] =>
    box.taken.map(({ bytes }) => Number.parseInt(bytes.slice(80, 84), 16))
  /** In whole tens of µs: the engine's own work takes its time too. */
  const times = (box: Box): number[] => box.taken.map(({ at }) => Math.round(at / 10_000))

  it('plays at the recorded pace', async () => {
    const { box, run, ended, source } = play({}, 1e9)
    await run()
    expect(times(box)).toEqual([0, 100, 200, 300])
    expect(ended()).toBe(1)
    expect(source.sent).toEqual({ frames: 4, segments: 4, bytes: 240 })
  })

  it('plays twice as fast, and all at once', async () => {
    const twice = play({ speed: 2 }, 1e9)
    await twice.run()
    expect(times(twice.box)).toEqual([0, 50, 100, 150])
    const atOnce = play({ speed: 0 }, 1e9)
    await atOnce.run()
    expect(times(atOnce.box)).toEqual([0, 0, 0, 0])
  })

  it('repeats, with new numbers in each round', async () => {
    const { box, run, ended } = play({ repeatNs: 5_000_000 }, 9_500_000)
    await run()
    expect(numbers(box)).toEqual([0, 1, 2, 3, 100, 101, 102, 103])
    expect(times(box)).toEqual([0, 100, 200, 300, 500, 600, 700, 800])
    expect(ended()).toBe(0)
  })

  it('comes to its end at times that no clock can hit exactly', async () => {
    const { box, run } = play({ speed: 3, repeatNs: 4_000_000 / 3 + 1 / 7 }, 1e8)
    await run()
    expect(numbers(box)).toEqual(Array.from({ length: 300 }, (_, i) => Math.floor(i / 4) * 100 + (i % 4)))
  })

  it('waits for a device that takes nothing, and leaves nothing out', async () => {
    const { box, run, source, clock } = play({ room: 1 }, 10_000_000)
    await run()
    expect(numbers(box)).toEqual([0])
    expect(source.held).toBe(1)
    box.room = Infinity
    source.wake()
    await clock.run({ for: 10_000_000 })
    expect(numbers(box)).toEqual([0, 1, 2, 3])
    expect(source.ended).toBe(true)
    expect(box.pool.free).toBe(16)
  })

  it('goes on where it was stopped', async () => {
    const { box, clock, source } = play({}, 0)
    await clock.run({ for: 1_500_000 })
    source.stop()
    await clock.run({ for: 50_000_000 })
    expect(numbers(box)).toEqual([0, 1])
    source.start()
    await clock.run({ for: 5_000_000 })
    expect(times(box)).toEqual([0, 100, 5150, 5250])
  })

  it('refuses a pace that cannot be', () => {
    const common = {
      capture: parseCapture(captureFile(1, 1), 'x'),
      device: new Box(),
      engine: new VirtualClock().engine('g'),
    }
    expect(errorOf(() => new PcapSource({ ...common, speed: -1 })).code).toBe('BAD_OPTION')
    expect(errorOf(() => new PcapSource({ ...common, speed: 0, repeatNs: 1 })).code).toBe('BAD_OPTION')
  })
})

describe('a sink', () => {
  it('writes what the source then reads, cut and with its sums finished', async () => {
    const clock = new VirtualClock()
    const engine = clock.engine('guest')
    const box = new Box()
    const path = join(folder, 'gso.pcap')
    const sink = new PcapSink({ path, engine })
    const recorded = new RecordedDevice(box, sink)
    const payload = new Uint8Array(5000)
    const random = new Random(3)
    for (let i = 0; i < payload.length; i++) payload[i] = random.below(256)
    const frame = recorded.take(6000) as Frame
    writeTcp(frame, {
      sourceMac: MAC_A,
      destinationMac: MAC_B,
      source: parseIp('10.77.0.1'),
      destination: parseIp('10.77.0.2'),
      sourcePort: 1,
      destinationPort: 2,
      sequence: 77,
      payload,
    })
    Object.assign(frame, {
      checksum: 'blank',
      checksumStart: 34,
      checksumOffset: 16,
      gsoType: 'tcpv4',
      gsoSize: 1448,
    })
    frame.segments = 4
    expect(recorded.transmit([frame], 1)).toBe(1)
    sink.close()
    sink.close()
    const { records } = readCapture(path)
    expect(records.map(({ bytes }) => bytes.length)).toEqual([1502, 1502, 1502, 54 + 5000 - 3 * 1448])
    const info = new PacketInfo()
    const payloads: Uint8Array[] = []
    for (const { bytes } of records) {
      const copy = box.take() as Frame
      copy.bytes.set(bytes, copy.offset)
      copy.length = bytes.length
      expect(parsePacket(copy, info)).toBe(true)
      expect(verifyChecksum(copy, info)).toBe(true)
      payloads.push(bytes.slice(info.payloadOffset))
      copy.release()
    }
    expect(Buffer.concat(payloads).equals(Buffer.from(payload))).toBe(true)
  })

  it('writes each frame once, when the device takes it late, and those that come in', () => {
    const clock = new VirtualClock()
    const engine = clock.engine('guest')
    const box = new Box()
    const sink = new PcapSink({ path: join(folder, 'late.pcap'), engine })
    const recorded = new RecordedDevice(box, sink)
    const frames = [0, 1, 2].map(() => Object.assign(recorded.take(60) as Frame, { length: 60 }))
    box.room = 1
    expect(recorded.transmit(frames, 3)).toBe(1)
    box.room = 5
    expect(recorded.transmit(frames.slice(1), 2)).toBe(2)
    let received = 0
    recorded.stack = { receive: (frame) => (received++, frame.release()), wake: () => undefined }
    box.stack?.receive(Object.assign(box.take() as Frame, { length: 60 }))
    expect([sink.records, received, box.pool.free]).toEqual([4, 1, 16])
    sink.close()
    expect(readFileSync(sink.path)).toHaveLength(24 + 4 * 76)
  })

  it('stops before the file is longer than it may be', () => {
    const engine = new VirtualClock().engine('guest')
    const box = new Box()
    const sink = new PcapSink({ path: join(folder, 'bound.pcap'), engine, mostBytes: 24 + 2 * 76 })
    const frame = Object.assign(box.take() as Frame, { length: 60 })
    sink.record(frame)
    sink.record(frame)
    expect([sink.records, sink.full]).toEqual([2, false])
    sink.record(frame)
    expect([sink.records, sink.full]).toEqual([2, true])
    sink.close()
    expect(readFileSync(sink.path)).toHaveLength(24 + 2 * 76)
  })

  it('says why a file cannot be written', () => {
    const engine = new VirtualClock().engine('guest')
    expect(errorOf(() => new PcapSink({ path: join(folder, 'no/such/x.pcap'), engine })).code).toBe(
      'BAD_FILE',
    )
  })
})
