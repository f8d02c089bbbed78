// Seeded traffic between two guests, and the eye that checks it: every byte of a flow is a function of its place, so the
// receiver needs nothing from the sender but the seed's flow number.
import type { GuestStack, Vif } from '@netaccel/netfront'
import {
  copyBytes,
  fillChecksum,
  PacketInfo,
  parseIp,
  parseMac,
  parsePacket,
  privateArena,
  Random,
  verifyChecksum,
  wordsOf,
  writeTcp,
  writeUdp,
} from '@netaccel/packet'
import type { Frame, TcpOptions, UdpOptions } from '@netaccel/packet'
import type { Engine } from '@netaccel/xen'

const BURST = 32
const PATTERN = 1 << 17

/** 256 KiB in which byte i is a function of i modulo 128 Ki: payloads are copied from here and compared with it. */
const pattern = (() => {
  const arena = privateArena(2 * PATTERN)
  for (let i = 0; i < 2 * PATTERN; i++) {
    const at = i % PATTERN
    arena.bytes[i] = (at * 167 + (at >> 8) * 13 + (at >> 16)) & 0xff
  }
  return wordsOf(arena.bytes)
})()

/** What to send. */
export interface Mix {
  readonly seed: number
  readonly frames: number
  readonly gso: boolean
  readonly blank: boolean
}

/** Sends a seeded mix as fast as the device takes it: UDP of 64 to 1,514 bytes, TCP segments, GSO frames to 64 KiB. */
export class Sender implements GuestStack {
  sent = 0
  segments = 0
  bytes = 0
  /** Called for what comes in meanwhile. */
  receiver: Receiver | null = null
  private readonly vif: Vif
  private readonly engine: Engine
  private readonly mix: Mix
  private readonly random: Random
  private readonly tcp: TcpOptions[]
  private readonly udp: UdpOptions[]
  private readonly burst: Frame[] = []
  private made = 0
  private scheduled = false
  private stopped = false

  constructor(
    vif: Vif,
    engine: Engine,
    from: { mac: string; id: number },
    to: { mac: string; id: number },
    mix: Mix,
  ) {
    this.vif = vif
    this.engine = engine
    this.mix = mix
    this.random = new Random(mix.seed)
    const link = { sourceMac: parseMac(from.mac), destinationMac: parseMac(to.mac) }
    const v4 = { ...link, source: parseIp(`10.0.0.${from.id}`), destination: parseIp(`10.0.0.${to.id}`) }
    const v6 = { ...link, source: parseIp(`fd00::${from.id}`), destination: parseIp(`fd00::${to.id}`) }
    this.udp = [v4, v6].map((base) => ({
      ...base,
      sourcePort: 7000 + from.id,
      destinationPort: 9,
      payloadLength: 0,
    }))
    this.tcp = [v4, v6].map((base) => ({
      ...base,
      sourcePort: 7000 + from.id,
      destinationPort: 80,
      sequence: 0,
      payloadLength: 0,
    }))
    vif.stack = this
  }

  get done(): boolean {
    return this.sent === this.mix.frames
  }

  start(): void {
    this.wake()
  }

  /** Send no more, and give back what was made. */
  stop(): void {
    this.stopped = true
    for (const frame of this.burst.splice(0)) frame.release()
  }

  receive(frame: Frame): void {
    if (this.receiver === null) frame.release()
    else this.receiver.receive(frame)
  }

  wake(): void {
    if (this.scheduled || this.stopped) return
    this.scheduled = true
    this.engine.defer(() => {
      this.scheduled = false
      this.pump()
    })
  }

  private pump(): void {
    if (this.stopped) return
    while (this.burst.length < BURST && this.made < this.mix.frames) {
      const frame = this.make()
      if (frame === undefined) break
      this.burst.push(frame)
      this.made++
    }
    if (this.burst.length === 0) {
      if (this.made < this.mix.frames) this.engine.after(20_000, () => this.wake())
      return
    }
    const taken = this.vif.transmit(this.burst, this.burst.length)
    this.sent += taken
    this.burst.splice(0, taken)
    if (taken > 0) this.wake()
  }

  private make(): Frame | undefined {
    const { random, mix } = this
    const kind = random.below(4)
    const version = random.below(2)
    if (kind < 2) return this.makeUdp(this.udp[version], 22 + random.below(1400))
    const tcp = this.tcp[version]
    const large = mix.gso && kind === 3 && this.vif.features.gso
    return this.makeTcp(
      tcp,
      large ? 1449 + random.below(63_000) : 1 + random.below(1400),
      large ? 1000 + random.below(400) : 0,
    )
  }

  private makeUdp(options: UdpOptions, payload: number): Frame | undefined {
    const frame = this.vif.txPool.take(payload + 62)
    if (frame === undefined) return undefined
    const headers = options.source.length === 4 ? 42 : 62
    const at = this.made % PATTERN
    copyBytes(frame.words, frame.offset + headers, pattern, at, payload)
    frame.view.setUint32(frame.offset + headers, this.made)
    options.payloadLength = payload
    options.blank = this.mix.blank && this.random.below(2) === 0
    writeUdp(frame, options)
    return this.count(frame)
  }

  private makeTcp(options: TcpOptions, payload: number, gsoSize: number): Frame | undefined {
    const frame = this.vif.txPool.take(payload + 74)
    if (frame === undefined) return undefined
    const headers = options.source.length === 4 ? 54 : 74
    copyBytes(frame.words, frame.offset + headers, pattern, options.sequence % PATTERN, payload)
    options.payloadLength = payload
    options.gsoSize = gsoSize
    options.blank = this.mix.blank && this.random.below(2) === 0
    writeTcp(frame, options)
    options.sequence = (options.sequence + payload) >>> 0
    return this.count(frame)
  }

  private count(frame: Frame): Frame {
    this.segments += frame.segments
    this.bytes += frame.length
    return frame
  }
}

/** Checks what arrives: whole, once, in order within its flow, every checksum right. Releases everything. */
export class Receiver {
  frames = 0
  segments = 0
  bytes = 0
  payload = 0
  gsoFrames = 0
  blank = 0
  /** What was wrong, the first few. */
  readonly wrong: string[] = []
  /** Frames kept before they are released, to hold the device's pages for a while. */
  keep = 0
  private readonly held: Frame[] = []
  private readonly info = new PacketInfo()
  private readonly next = new Map<string, number>()

  receive(frame: Frame): void {
    this.frames++
    this.segments += frame.segments
    this.bytes += frame.length
    if (frame.gsoSize > 0) this.gsoFrames++
    if (frame.checksum === 'blank') this.blank++
    this.look(frame)
    this.held.push(frame)
    while (this.held.length > this.keep) this.held.shift()?.release()
  }

  releaseAll(): void {
    for (const frame of this.held.splice(0)) frame.release()
  }

  private look(frame: Frame): void {
    const info = this.info
    if (!parsePacket(frame, info))
      return this.complain(`a frame of ${frame.length} bytes that is ${info.result}`)
    if (!info.l4) return
    const flow = `${info.ipVersion}/${info.protocol}/${info.sourcePort}`
    const at = frame.offset + info.payloadOffset
    this.payload += info.payloadLength
    if (frame.gsoSize > 0 && frame.segments !== Math.ceil(info.payloadLength / frame.gsoSize)) {
      this.complain(`${flow}: ${frame.segments} segments of ${info.payloadLength} bytes by ${frame.gsoSize}`)
    }
    if (frame.checksum === 'blank' && frame.gsoSize === 0) fillChecksum(frame)
    if (frame.gsoSize === 0 && !verifyChecksum(frame, info)) this.complain(`${flow}: bad checksum`)
    const tcp = info.isTcp
    const expected = this.next.get(flow)
    const place = tcp ? info.sequence : frame.view.getUint32(at)
    if (tcp && place !== (expected ?? 0))
      this.complain(`${flow}: sequence ${place} instead of ${expected ?? 0}`)
    if (!tcp && expected !== undefined && place < expected)
      this.complain(`${flow}: number ${place} after ${expected}`)
    this.next.set(flow, tcp ? (place + info.payloadLength) >>> 0 : place + 1)
    const skip = tcp ? 0 : 4
    for (let i = skip; i < info.payloadLength; i++) {
      if (frame.bytes[at + i] === pattern.bytes[(place % PATTERN) + i]) continue
      return this.complain(`${flow}: wrong byte ${i} of ${info.payloadLength} at ${place}`)
    }
  }

  private complain(what: string): void {
    if (this.wrong.length < 20) this.wrong.push(`frame ${this.frames}: ${what}`)
  }
}
