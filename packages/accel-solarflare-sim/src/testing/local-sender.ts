import { type Frame, FramePool, parseIp, parseMac, writeUdp } from '@netaccel/packet'
import type { TwoHosts } from './two-hosts.js'

/** One end of a conversation. */
export interface End {
  readonly mac: string
  readonly ip: string
}

/** The guests of {@link TwoHosts}. */
export const GUEST_A: End = { mac: '00:16:3e:00:00:01', ip: '10.0.0.1' }
export const GUEST_B: End = { mac: '00:16:3e:00:00:02', ip: '10.0.0.2' }

/** UDP datagrams from one end to the ports of another, their checksums finished. */
export class Datagrams {
  private readonly from: End
  private readonly receiver: End
  private number = 0

  constructor(from: End, receiver: End) {
    this.from = from
    this.receiver = receiver
  }

  to(port: number): (frame: Frame) => void {
    const { from, receiver } = this
    const number = ++this.number
    return (frame) => {
      writeUdp(frame, {
        sourceMac: parseMac(from.mac),
        destinationMac: parseMac(receiver.mac),
        source: parseIp(from.ip),
        destination: parseIp(receiver.ip),
        sourcePort: 1000 + number,
        destinationPort: port,
        payloadLength: 20,
      })
    }
  }
}

/** Puts frames onto the bridge of a host, as a sender in its driver domain would. */
export class LocalSender {
  private readonly pool: FramePool
  private readonly port: { receive(frame: Frame): void }

  constructor(pair: TwoHosts, host: string) {
    const { bridge, driver } = pair.world.host(host)
    this.pool = new FramePool(driver.extent.allocPages(32), { frames: 64, bytesEach: 1024 })
    this.port = bridge.addPort({ name: 'test', send: (sent) => sent.release() })
  }

  send(write: (frame: Frame) => void): void {
    const frame = this.pool.take()
    if (frame === undefined) throw new Error('64 frames are on their way; run the world')
    write(frame)
    this.port.receive(frame)
  }
}
