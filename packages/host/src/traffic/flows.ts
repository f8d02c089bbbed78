import type { ArpOptions, EchoOptions, Frame, Random, TcpOptions, UdpOptions } from '@netaccel/packet'
import {
  parseIp,
  parseMac,
  tcpHeaders,
  udpHeaders,
  writeArp,
  writeIcmpEcho,
  writeTcp,
  writeUdp,
} from '@netaccel/packet'

/** One end of generated traffic. */
export interface Address {
  readonly mac: string
  readonly ip: string
  readonly ip6?: string
}

/** How much of which traffic; the shares need not add up to 1. */
export interface Mix {
  /** TCP-like flows: consecutive sequence numbers, small segments, full ones and GSO frames. */
  readonly tcp: number
  readonly tcp6: number
  readonly udp: number
  /** UDP with single datagrams that an accelerator may decline: see {@link SHORT_EVERY}. Default 0. */
  readonly short?: number
  readonly icmp: number
  /** Gratuitous broadcasts: they go to everybody and always slow. */
  readonly arp: number
}

export const defaultMix: Mix = { tcp: 0.6, tcp6: 0.1, udp: 0.2, icmp: 0.05, arp: 0.05 }

/** A generated flow: writes its next frame. One object per flow, nothing allocated per frame. */
export interface Flow {
  /** Bytes of buffer the next frame needs. Fixed until {@link write} is called. */
  readonly need: number
  write(frame: Frame): void
}

const ETHERNET_MTU_FRAME = 1514
/** The shortest frame without its checksum: what is shorter is padded. */
const ETHERNET_MIN_FRAME = 60
/**
 * Of a flow of the kind `short` one datagram in so many is short: padded behind its end, and with a blank checksum,
 * whose place hardware finds by a frame's end, it may have to go another way than its neighbours.
 */
export const SHORT_EVERY = 16

/** Make `count` flows from one end to another, of kinds and sizes drawn from `random`. */
export function makeFlows(from: Address, to: Address, count: number, mix: Mix, random: Random): Flow[] {
  const { short = 0 } = mix
  const total = mix.tcp + mix.tcp6 + mix.udp + short + mix.icmp + mix.arp
  const flows: Flow[] = []
  for (let i = 0; i < count; i += 1) {
    let draw = random.float() * total
    const port = 10_000 + i
    if ((draw -= mix.tcp) < 0) flows.push(new TcpFlow(from, to, port, false, random))
    else if ((draw -= mix.tcp6) < 0) flows.push(new TcpFlow(from, to, port, true, random))
    else if ((draw -= mix.udp) < 0) flows.push(new UdpFlow(from, to, port, random))
    else if ((draw -= short) < 0) flows.push(new UdpFlow(from, to, port, random, SHORT_EVERY))
    else if ((draw -= mix.icmp) < 0) flows.push(new EchoFlow(from, to, i, random))
    else flows.push(new ArpFlow(from, random))
  }
  return flows
}

function link(from: Address, to: Address, six: boolean) {
  return {
    sourceMac: parseMac(from.mac),
    destinationMac: parseMac(to.mac),
    source: parseIp(six ? (from.ip6 ?? mapped(from.ip)) : from.ip),
    destination: parseIp(six ? (to.ip6 ?? mapped(to.ip)) : to.ip),
  }
}

/** A unique local IPv6 address that ends in an IPv4 one's bytes. */
function mapped(ip: string): string {
  const [a, b, c, d] = ip.split('.').map(Number) as [number, number, number, number]
  return `fd00::${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`
}

/** Put a running number into the payload, so that no two frames of a flow are alike. */
function number(frame: Frame, at: number, length: number, value: number): void {
  if (length >= 4) frame.view.setUint32(frame.offset + at, value >>> 0)
}

/** Ethernet's padding: zeros up to the shortest frame. */
function pad(frame: Frame): void {
  frame.bytes.fill(0, frame.offset + frame.length, frame.offset + ETHERNET_MIN_FRAME)
  frame.length = ETHERNET_MIN_FRAME
}

class TcpFlow implements Flow {
  need = 0
  readonly #options: TcpOptions
  readonly #headers: number
  /** Payload of a full segment: what an Ethernet frame leaves beside the headers. */
  readonly #mss: number
  readonly #random: Random
  #payload = 0
  #id = 0

  constructor(from: Address, to: Address, port: number, six: boolean, random: Random) {
    this.#options = {
      ...link(from, to, six),
      sourcePort: port,
      destinationPort: 5001 + (port % 64),
      sequence: random.next32(),
    }
    this.#headers = tcpHeaders(this.#options)
    this.#mss = ETHERNET_MTU_FRAME - this.#headers
    this.#random = random.fork(`tcp${port}`)
    this.#plan()
  }

  /** One in four is small, two are full, one is a GSO frame of up to 64 KiB. */
  #plan(): void {
    const draw = this.#random.below(8)
    if (draw < 2) this.#payload = this.#random.below(200)
    else if (draw < 6) this.#payload = this.#mss
    else this.#payload = this.#mss * (2 + this.#random.below(43)) - this.#random.below(this.#mss)
    this.need = this.#headers + this.#payload
  }

  write(frame: Frame): void {
    const options = this.#options
    const payload = this.#payload
    options.payloadLength = payload
    options.gsoSize = payload > this.#mss ? this.#mss : 0
    options.blank = (this.#id & 3) !== 0
    options.ipId = this.#id & 0xffff
    for (let at = 0; at < payload; at += this.#mss)
      number(frame, this.#headers + at, payload - at, options.sequence + at)
    writeTcp(frame, options)
    options.sequence = (options.sequence + payload) >>> 0
    options.acknowledgement = ((options.acknowledgement ?? 0) + 1) >>> 0
    this.#id += frame.segments
    this.#plan()
  }
}

class UdpFlow implements Flow {
  need = 0
  readonly #options: UdpOptions
  readonly #headers: number
  readonly #random: Random
  readonly #shortEvery: number
  #id = 0

  constructor(from: Address, to: Address, port: number, random: Random, shortEvery = 0) {
    this.#shortEvery = shortEvery
    this.#options = { ...link(from, to, false), sourcePort: port, destinationPort: 7001 + (port % 64) }
    this.#headers = udpHeaders(this.#options)
    this.#random = random.fork(`udp${port}`)
    this.#plan()
  }

  #plan(): void {
    if (this.#isShort) this.need = ETHERNET_MIN_FRAME
    else this.need = this.#headers + 18 + this.#random.below(ETHERNET_MTU_FRAME - this.#headers - 18)
  }

  get #isShort(): boolean {
    return this.#shortEvery > 0 && this.#id % this.#shortEvery === this.#shortEvery - 1
  }

  write(frame: Frame): void {
    const options = this.#options
    const short = this.#isShort
    const payload = short ? 4 + this.#random.below(14) : this.need - this.#headers
    options.payloadLength = payload
    options.ipId = this.#id & 0xffff
    options.blank = short || (this.#id & 1) === 1
    number(frame, this.#headers, payload, this.#id)
    writeUdp(frame, options)
    if (short) pad(frame)
    this.#id += 1
    this.#plan()
  }
}

class EchoFlow implements Flow {
  readonly need = 98
  readonly #options: EchoOptions

  constructor(from: Address, to: Address, id: number, random: Random) {
    const payload = new Uint8Array(56).map(() => random.below(256))
    this.#options = { ...link(from, to, false), echoId: id, sequence: 0, payload }
  }

  write(frame: Frame): void {
    writeIcmpEcho(frame, this.#options)
    this.#options.sequence = (this.#options.sequence + 1) & 0xffff
    this.#options.ipId = this.#options.sequence
  }
}

class ArpFlow implements Flow {
  readonly need = 60
  readonly #options: ArpOptions
  #id: number

  constructor(from: Address, random: Random) {
    const ip = parseIp(from.ip)
    this.#id = random.below(65_536)
    this.#options = {
      sourceMac: parseMac(from.mac),
      destinationMac: parseMac('ff:ff:ff:ff:ff:ff'),
      operation: 1,
      senderIp: ip,
      targetIp: Uint8Array.from(ip),
    }
  }

  /** Asks for ever another address, so that each request is one of its kind. */
  write(frame: Frame): void {
    this.#id += 1
    this.#options.targetIp[2] = (this.#id >> 8) & 255
    this.#options.targetIp[3] = this.#id & 255
    writeArp(frame, this.#options)
  }
}
