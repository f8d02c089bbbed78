// Single frames between a bench's guests: what an act sends when traffic would say too much.
import { addressOf } from '@netaccel/host'
import type { Frame } from '@netaccel/packet'
import { parseIp, parseMac, writeIpv4Checksum, writeTcp, writeUdp } from '@netaccel/packet'
import type { Bench } from './bench.js'

const ETHERNET = 14
const IP_FLAGS = 6
const MORE_FRAGMENTS = 0x2000
const L4 = 34
/** Of a full segment over a path of 1500 bytes, without options. */
const MSS = 1460

/** One frame, and the bytes of buffer that it needs. */
export interface Letter {
  readonly title: string
  readonly need: number
  write(frame: Frame, number: number): void
}

/** A payload like no other frame's, wherever the frame lies. */
function fill({ bytes, view, offset }: Frame, at: number, length: number, number: number): void {
  bytes.fill(number & 0xff, offset + at, offset + at + length)
  if (length >= 4) view.setUint32(offset + at, number)
}

/** From one guest of a bench to the other. */
export class Sender {
  private readonly bench: Bench
  private readonly from: number
  private number = 0

  /** `from`: 0 for the first guest, 1 for the second. */
  constructor(bench: Bench, from = 0) {
    this.bench = bench
    this.from = from
  }

  /** Who sends to whom, for the writers of `packet`. */
  get ends() {
    const [from, to] = [this.from, 1 - this.from].map((at) =>
      addressOf(this.bench.world, this.bench.vifs[at].path),
    )
    return {
      sourceMac: parseMac(from.mac),
      destinationMac: parseMac(to.mac),
      source: parseIp(from.ip),
      destination: parseIp(to.ip),
    }
  }

  /** Offer these as one burst. Gives how many the device took. */
  send(...letters: readonly Letter[]): number {
    const vif = this.bench.vifs[this.from]
    const frames: Frame[] = []
    for (const letter of letters) {
      const frame = vif.take(letter.need)
      if (frame === undefined) break
      this.number += 1
      letter.write(frame, this.number)
      frames.push(frame)
    }
    const taken = vif.transmit(frames, frames.length)
    for (const left of frames.slice(taken)) left.release()
    return taken
  }

  /** A datagram of one flow; each differs from the one before by a number. */
  datagram(payloadLength = 64, blank = true, port = 4000): Letter {
    const { ends } = this
    return {
      title: `a datagram of ${payloadLength} bytes, its checksum ${blank ? 'blank' : 'finished'}`,
      need: L4 + 8 + payloadLength,
      write: (frame, number) => {
        fill(frame, L4 + 8, payloadLength, number)
        const options = { ...ends, sourcePort: port, destinationPort: port + 1, payloadLength, blank }
        writeUdp(frame, { ...options, ipId: number & 0xffff })
      },
    }
  }

  /** The next segment of one TCP flow; longer than a segment: to be cut. */
  segment(payloadLength = MSS, blank = true, port = 5000): Letter {
    const { ends } = this
    let sequence = 1
    let ipId = 1
    return {
      title: `a TCP segment of ${payloadLength} bytes, its checksum ${blank ? 'blank' : 'finished'}`,
      need: L4 + 20 + payloadLength,
      write: (frame, number) => {
        fill(frame, L4 + 20, payloadLength, number)
        const gso = payloadLength > MSS ? { gsoSize: MSS } : { blank }
        const options = { ...ends, sourcePort: port, destinationPort: port + 1, payloadLength, sequence }
        writeTcp(frame, { ...options, ...gso, ipId: ipId & 0xffff })
        ipId += Math.ceil(payloadLength / MSS)
        sequence = (sequence + payloadLength) >>> 0
      },
    }
  }

  /** The first piece of a datagram that was cut: its ports are there, its checksum is of the whole. */
  fragment(): Letter {
    const whole = this.datagram(800, false)
    return {
      title: 'the first fragment of a datagram',
      need: whole.need,
      write: (frame, number) => {
        whole.write(frame, number)
        frame.view.setUint16(frame.offset + ETHERNET + IP_FLAGS, MORE_FRAGMENTS)
        writeIpv4Checksum(frame.view, frame.offset + ETHERNET)
      },
    }
  }

  /** A finished checksum that is wrong: it is the sender's own, and goes as it is. */
  wrongSum(payloadLength = 200): Letter {
    const right = this.datagram(payloadLength, false, 4100)
    return {
      title: 'a datagram with a finished checksum that is wrong',
      need: right.need,
      write: (frame, number) => {
        right.write(frame, number)
        const at = frame.offset + L4 + 6
        frame.view.setUint16(at, frame.view.getUint16(at) ^ 0x5555)
      },
    }
  }

  /** A datagram without a checksum, as RFC 768 allows over IPv4. */
  unsummed(): Letter {
    const summed = this.datagram(100, false, 4200)
    return {
      title: 'a datagram without a checksum',
      need: summed.need,
      write: (frame, number) => {
        summed.write(frame, number)
        frame.view.setUint16(frame.offset + L4 + 6, 0)
      },
    }
  }

  /** Padded behind its end, as Ethernet's shortest frame is. */
  padded(blank: boolean): Letter {
    const short = this.datagram(6, blank, 4300)
    return {
      title: `a padded datagram, its checksum ${blank ? 'blank' : 'finished'}`,
      need: 60,
      write: (frame, number) => {
        short.write(frame, number)
        frame.bytes.fill(0, frame.offset + frame.length, frame.offset + 60)
        frame.length = 60
      },
    }
  }
}
