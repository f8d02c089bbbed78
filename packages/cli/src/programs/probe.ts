// The probe: numbered datagrams both ways on fixed ports. Runs as a process of its own in a guest's namespace, is told
// what to do by lines on its input and answers by lines of JSON.
import { createSocket } from 'node:dgram'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { ArrivalCount } from './arrivals.js'

/** The port of both ends. */
export const PROBE_PORT = 7007
export const PROBE_BYTES = 64
/** Where the number stands in the datagram; before it the word that tells a probe from anything else. */
export const PROBE_NUMBER = 4
export const PROBE_WORD = 0x6e617062
const TICK_MS = 2
/** Most that is sent at once when the process was late. */
const MOST_AT_ONCE = 64
const SOCKET_BUFFER = 4 << 20

export interface ProbeReport {
  /** Datagrams that the kernel took from us. */
  readonly sent: number
  /** Different numbers of the peer's that arrived, those that came more than once, and those after a larger one. */
  readonly received: number
  readonly doubled: number
  readonly reordered: number
  /** Datagrams that our kernel dropped because this process was too slow to read them. */
  readonly overflowed: number
}

/** `own` and `peer` are IPv4 addresses; `rate` is datagrams a second. */
export function runProbe(own: string, peer: string, rate: number): void {
  const socket = createSocket({ type: 'udp4', recvBufferSize: SOCKET_BUFFER, sendBufferSize: SOCKET_BUFFER })
  const arrivals = new ArrivalCount()
  let timer: NodeJS.Timeout | undefined
  let number = 0
  let failed = 0
  let began = 0

  const tick = (): void => {
    const due = Math.min(Math.floor(((performance.now() - began) * rate) / 1000) - number, MOST_AT_ONCE)
    for (let i = 0; i < due; i++) {
      const datagram = Buffer.alloc(PROBE_BYTES, 0x5a)
      datagram.writeUInt32BE(PROBE_WORD, 0)
      datagram.writeUInt32BE(number++, PROBE_NUMBER)
      socket.send(datagram, PROBE_PORT, peer, (error) => {
        if (error !== null) failed++
      })
    }
  }
  const report = (): ProbeReport => ({
    sent: number - failed,
    ...arrivals.report(),
    overflowed: overflowed(),
  })
  const commands: Record<string, () => void> = {
    start: () => {
      began = performance.now() - (number * 1000) / rate
      timer = setInterval(tick, TICK_MS)
    },
    stop: () => clearInterval(timer),
    report: () => console.log(JSON.stringify(report())),
  }

  socket.on('message', (datagram) => {
    if (datagram.length === PROBE_BYTES && datagram.readUInt32BE(0) === PROBE_WORD)
      arrivals.note(datagram.readUInt32BE(PROBE_NUMBER))
  })
  socket.bind(PROBE_PORT, own, () => console.log('ready'))
  const input = createInterface({ input: process.stdin })
  input.on('line', (line) => commands[line]?.())
  input.on('close', () => process.exit(0))
}

/** `RcvbufErrors` of this network namespace. */
function overflowed(): number {
  const [names = '', values = ''] = readFileSync('/proc/self/net/snmp', 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('Udp:'))
  const index = names.split(' ').indexOf('RcvbufErrors')
  return index < 0 ? 0 : Number(values.split(' ')[index])
}
