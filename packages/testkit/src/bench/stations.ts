// Stations that are no guests of a bench: addresses that show themselves here and there.
import { ARP_REQUEST, FramePool, poolBytes, privateArena, writeArp } from '@netaccel/packet'
import type { Frame } from '@netaccel/packet'
import type { Bench } from './bench.js'
import { Sender } from './frames.js'
import type { Letter } from './frames.js'

/** Somebody behind the first host's bridge has these addresses now, and says so by gratuitous ARPs, as after a migration. */
export class Stranger {
  private readonly pool: FramePool
  private readonly port: { receive(frame: Frame): void }

  constructor({ world }: Bench) {
    this.pool = new FramePool(privateArena(poolBytes(1, 256)), { frames: 1, bytesEach: 256 })
    this.port = world.host('a').bridge.addPort({ name: 'stranger', send: (sent) => sent.release() })
  }

  speak(mac: Uint8Array, ip: Uint8Array): void {
    const frame = this.pool.take()
    if (frame === undefined) return
    const everybody = mac.map(() => 0xff)
    const who = { sourceMac: mac, destinationMac: everybody, senderIp: ip, targetIp: ip }
    writeArp(frame, { ...who, operation: ARP_REQUEST })
    this.port.receive(frame)
  }
}

/** Addresses of stations behind the second guest. */
export function stations(count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, n) => Uint8Array.of(0x00, 0x16, 0x3e, 0x55, 0x00, n + 1))
}

/** Datagrams of one flow from a station to the first guest, and from that to it. */
export function betweenStation(bench: Bench): Record<'fromIt' | 'toIt', (mac: Uint8Array) => void> {
  const [here, there] = [new Sender(bench), new Sender(bench, 1)]
  const [out, back] = [here.datagram(100, false, 6100), there.datagram(100, false, 6000)]
  return {
    fromIt: (mac) => void there.send(addressed(back, 6, mac)),
    toIt: (mac) => void here.send(addressed(out, 0, mac)),
  }
}

/** The same with another address at byte `at` of its Ethernet header. */
function addressed(letter: Letter, at: number, mac: Uint8Array): Letter {
  return {
    ...letter,
    write(frame, number) {
      letter.write(frame, number)
      frame.bytes.set(mac, frame.offset + at)
    },
  }
}
