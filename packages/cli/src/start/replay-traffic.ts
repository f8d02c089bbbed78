import type { World } from '@netaccel/host'
import {
  fillChecksum,
  type Frame,
  ICMP_CHECKSUM,
  ICMP_ECHO_HEADER,
  ICMP_ECHO_ID,
  PacketInfo,
  parseMac,
  parsePacket,
  setBlank,
  sumBytes,
} from '@netaccel/packet'
import { type Capture, PcapSource, sentBy } from '@netaccel/ports'
import { ArrivalCount } from '../programs/arrivals.js'
import { PROBE_NUMBER, PROBE_PORT } from '../programs/probe.js'
import type { Traffic, TrafficResult } from './traffic.js'
import { GUESTS } from './world.js'

/** How much faster than it was recorded: the capture's TCP was held to a small rate to keep the file small. */
const SPEED = 8
/** Between two rounds of the capture. */
const PAUSE_NS = 1_000_000
const ICMP = 1

/** What one guest sends and what the other made of it, by kind. */
interface Numbered {
  sent: number
  readonly arrived: ArrivalCount
}

const numbered = (): Numbered => ({ sent: 0, arrived: new ArrivalCount() })

/** One direction of the replay. */
class Way {
  readonly probe = numbered()
  readonly ping = numbered()
  readonly #info = new PacketInfo()

  /** Give each probe datagram and each echo a number of its own, over all rounds. */
  number(frame: Frame): void {
    const info = this.#info
    const kind = this.#kindOf(frame)
    if (kind === 'probe') {
      frame.view.setUint32(frame.offset + info.payloadOffset + PROBE_NUMBER, this.probe.sent++)
      if (setBlank(frame, info)) fillChecksum(frame)
    } else if (kind === 'ping') {
      // Identifier and sequence number together are the 32 bits that we number anew.
      const at = frame.offset + info.payloadOffset
      frame.view.setUint32(at + ICMP_ECHO_ID, this.ping.sent++)
      frame.view.setUint16(at + ICMP_CHECKSUM, 0)
      frame.view.setUint16(at + ICMP_CHECKSUM, ~sumBytes(frame.words, at, info.payloadLength) & 0xffff)
    }
  }

  note(frame: Frame): void {
    const kind = this.#kindOf(frame)
    const at = frame.offset + this.#info.payloadOffset
    if (kind === 'probe') this.probe.arrived.note(frame.view.getUint32(at + PROBE_NUMBER))
    else if (kind === 'ping') this.ping.arrived.note(frame.view.getUint32(at + ICMP_ECHO_ID))
  }

  #kindOf(frame: Frame): 'probe' | 'ping' | 'other' {
    const info = this.#info
    if (!parsePacket(frame, info)) return 'other'
    if (info.isUdp && info.destinationPort === PROBE_PORT) return 'probe'
    return info.ipVersion === 4 && info.protocol === ICMP && info.payloadLength >= ICMP_ECHO_HEADER
      ? 'ping'
      : 'other'
  }
}

/** Both guests play their side of a capture, round after round; numbers make each round's packets new. */
export class ReplayTraffic implements Traffic {
  readonly description: string
  readonly remarks: readonly string[]
  readonly #ways: readonly Way[]
  readonly #sources: readonly PcapSource[]

  constructor(world: World, capture: Capture) {
    const repeatNs = capture.durationNs / SPEED + PAUSE_NS
    const frames = capture.records.length
    this.description = `a capture of kernel TCP, a UDP probe and a ping (${frames} frames), replayed in virtual time`
    this.remarks = ['times and rates are virtual: they follow the cost table of the world, not this machine']
    this.#ways = GUESTS.map(() => new Way())
    this.#sources = GUESTS.map(({ path, mac }, i) => {
      const own = this.#ways[i]
      const other = this.#ways[1 - i]
      const vif = world.vif(path)
      return new PcapSource({
        capture: sentBy(capture, parseMac(mac)),
        device: vif.device,
        engine: vif.engine,
        speed: SPEED,
        repeatNs,
        prepare: (frame) => own.number(frame),
        receiver: (frame) => {
          other.note(frame)
          frame.release()
        },
      })
    })
  }

  async start(): Promise<void> {
    for (const source of this.#sources) source.start()
  }

  async stopSenders(): Promise<void> {
    for (const source of this.#sources) source.stop()
  }

  rest(): void {
    // A capture that has stopped sends nothing of its own accord.
  }

  async result(): Promise<TrafficResult> {
    const sum = (kind: 'probe' | 'ping') => {
      const total = { sent: 0, lost: 0, doubled: 0, reordered: 0 }
      for (const way of this.#ways) {
        const { sent, arrived } = way[kind]
        const { received, doubled, reordered } = arrived.report()
        total.sent += sent
        total.lost += sent - received
        total.doubled += doubled
        total.reordered += reordered
      }
      return total
    }
    const { sent, lost, doubled } = sum('ping')
    return {
      probe: sum('probe'),
      ping: { sent, lost, doubled },
      tcp: { retransmits: null },
      beforeUs: 0,
      doubts: [],
    }
  }

  async close(): Promise<void> {
    // The sources are the world's stacks and end with it.
  }
}
