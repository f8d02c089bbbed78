// The TCP load where iperf3 is not installed: both ends send at once, as `iperf3 --bidir` does.
import { connect, createServer, type Socket } from 'node:net'
import { createInterface } from 'node:readline'

export const TCP_PORT = 5201
const CHUNK = Buffer.alloc(256 * 1024, 0x61)

export interface TcpReport {
  readonly sent: number
  readonly received: number
}

/** Listen on `own` (`peer` undefined), or connect from it to `peer`. */
export function runTcp(own: string, peer: string | undefined): void {
  const sockets = new Set<Socket>()
  let received = 0
  let sent = 0
  let sending = true

  const pump = (socket: Socket): void => {
    while (sending && !socket.destroyed && socket.write(CHUNK)) sent += CHUNK.length
  }
  const use = (socket: Socket): void => {
    sockets.add(socket)
    socket.on('data', (chunk) => (received += chunk.length))
    socket.on('drain', () => {
      sent += CHUNK.length
      pump(socket)
    })
    socket.on('error', (error) => console.error(error.message))
    socket.on('close', () => sockets.delete(socket))
    pump(socket)
  }
  const stop = (): void => {
    sending = false
    for (const socket of sockets) socket.end()
  }

  if (peer === undefined) {
    createServer({ allowHalfOpen: true }, use).listen(TCP_PORT, own, () => console.log('ready'))
  } else {
    const socket = connect({ host: peer, port: TCP_PORT, localAddress: own, allowHalfOpen: true }, () => {
      console.log('ready')
      use(socket)
    })
    socket.on('error', () => process.exit(1))
  }
  const input = createInterface({ input: process.stdin })
  input.on('line', (line) => {
    if (line === 'stop') stop()
    if (line === 'report') console.log(JSON.stringify({ sent, received } satisfies TcpReport))
  })
  input.on('close', () => process.exit(0))
}
