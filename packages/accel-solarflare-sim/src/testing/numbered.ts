import type { Flow } from '@netaccel/host'
import { type Frame, parseIp, parseMac, writeUdp } from '@netaccel/packet'

/** Numbered datagrams of one flow; every n-th is one that the plugin cannot take, if `oddOnes` is n. */
export class Numbered implements Flow {
  readonly need = 600
  readonly #port: number
  readonly #from: number
  readonly #oddOnes: number
  #number = 0

  constructor(port: number, from: number, oddOnes: number) {
    this.#port = port
    this.#from = from
    this.#oddOnes = oddOnes
  }

  write(frame: Frame): void {
    const number = this.#number++
    const odd = this.#oddOnes > 0 && number % this.#oddOnes === 0
    writeUdp(frame, {
      sourceMac: parseMac(`00:16:3e:00:00:0${this.#from}`),
      destinationMac: parseMac(`00:16:3e:00:00:0${3 - this.#from}`),
      source: parseIp(`10.0.0.${this.#from}`),
      destination: parseIp(`10.0.0.${3 - this.#from}`),
      sourcePort: this.#port,
      destinationPort: this.#port,
      payloadLength: 500,
      blank: odd,
    })
    // A blank checksum in a frame with bytes behind its packet: the NIC would not find the place to fill in.
    if (odd) frame.length += 6
    frame.view.setUint32(frame.offset + 42, number)
  }
}
