// `host.sock` of a running host: commands from outside, as JSON lines.
import { createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { HostError } from '../errors.js'
import type { Controlled } from './controlled.js'
import { HostConnection } from './host-connection.js'
import { answer } from './host-methods.js'
import { wireError } from './host-protocol.js'
import { clearSocket, HOST_SOCKET, listenAt, openRunDirectory } from './host-run-directory.js'

/** Clients at once. */
const MOST_CLIENTS = 32

/** Listens in a host's run directory. Drivers are reached through the store alone, as by any toolstack. */
export class HostServer {
  readonly path: string
  /** A dead host's socket lay there. */
  readonly replaced: boolean
  readonly #server: Server
  readonly #clients = new Set<HostConnection>()

  private constructor(path: string, replaced: boolean, host: Controlled) {
    this.path = path
    this.replaced = replaced
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.#admit(host, socket))
  }

  /**
   * Make the run directory and listen in it. A socket that a dead host has left is replaced.
   * @throws HostError BAD_RUN_DIR, HOST_RUNS
   */
  static async open(host: Controlled): Promise<HostServer> {
    const path = join(openRunDirectory(host.runDir), HOST_SOCKET)
    const server = new HostServer(path, await clearSocket(path), host)
    await listenAt(server.#server, path)
    return server
  }

  /** Clients that are connected. */
  get clients(): number {
    return this.#clients.size
  }

  /** No more clients; those that there are end. The socket goes. */
  async close(): Promise<void> {
    const ended = new Promise<void>((resolve) => void this.#server.close(() => resolve()))
    for (const client of this.#clients) client.close()
    await ended
  }

  #admit(host: Controlled, socket: Socket): void {
    if (this.#clients.size >= MOST_CLIENTS) {
      const full = new HostError('BUSY', `${MOST_CLIENTS} clients are connected to this host already.`)
      socket.on('error', () => socket.destroy())
      socket.end(`${JSON.stringify({ id: null, error: wireError(full) })}\n`, () => socket.destroy())
      socket.resume()
      return
    }
    const client: HostConnection = new HostConnection(
      socket,
      (request, stream) => answer(host, request, stream),
      () => void this.#clients.delete(client),
    )
    this.#clients.add(client)
  }
}
