// `xenstored.sock` of a running host: its store over the standard wire protocol (Xen docs/misc/xenstore.txt), for the standard
// clients. Whoever may open it is domain 0.
import { createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { defaultStreamLimits, StoreStream } from '@netaccel/xen'
import type { Host } from '../build/host.js'
import type { World } from '../build/world.js'
import { clearSocket, listenAt, openRunDirectory } from './host-run-directory.js'

/** Clients at once, beyond which a connection is closed at once. */
const MOST_CLIENTS = 64
const DOMAIN_0 = { domid: 0, privileged: true }

/**
 * The store of one host, as long as its world runs. A client costs the host a bounded amount of memory, and time in which the
 * store serves the others by turns; one that breaks the protocol, or watches and does not read, has its connection ended.
 */
export class XenstoredSocket {
  readonly path: string
  /** A dead host's socket lay there, and was removed. */
  readonly replaced: boolean
  readonly #server: Server
  readonly #clients = new Set<Socket>()

  private constructor(path: string, replaced: boolean, host: Host) {
    this.path = path
    this.replaced = replaced
    this.#server = createServer((socket) => this.#admit(host, socket))
  }

  /**
   * Listen in a run directory, which is made when it is not there: the stores of all hosts of a world, in their order.
   * @throws HostError BAD_RUN_DIR, HOST_RUNS; nobody listens then
   */
  static async openAll(world: World, runDir: string): Promise<XenstoredSocket[]> {
    const opened: XenstoredSocket[] = []
    try {
      for (const host of world.hosts.values())
        opened.push(await XenstoredSocket.open(host, join(runDir, storeSocketName(world, host.name))))
      return opened
    } catch (error) {
      for (const socket of opened) await socket.close()
      throw error
    }
  }

  /** Listen for the store of one host. @throws HostError BAD_RUN_DIR, HOST_RUNS */
  static async open(host: Host, path: string): Promise<XenstoredSocket> {
    openRunDirectory(join(path, '..'))
    const socket = new XenstoredSocket(path, await clearSocket(path), host)
    await listenAt(socket.#server, path)
    return socket
  }

  /** Clients that are connected. */
  get clients(): number {
    return this.#clients.size
  }

  /** No more clients; the connections of those that there are end. The socket goes. */
  async close(): Promise<void> {
    const ended = new Promise<void>((resolve) => void this.#server.close(() => resolve()))
    for (const client of this.#clients) client.destroy()
    await ended
  }

  #admit(host: Host, socket: Socket): void {
    // What a client that vanishes leaves to be told ends with it.
    socket.on('error', () => socket.destroy())
    if (this.#clients.size >= MOST_CLIENTS) {
      socket.destroy()
      return
    }
    this.#clients.add(socket)
    const sink = {
      write: (bytes: Uint8Array): boolean => socket.write(bytes),
      end: (): void => socket.destroySoon(),
      taken: (): void => void socket.resume(),
    }
    const stream = new StoreStream(host.hypervisor.xenstored, sink, DOMAIN_0, defaultStreamLimits)
    socket.on('data', (chunk: Buffer) => {
      if (!stream.receive(chunk)) socket.pause()
    })
    socket.on('drain', () => stream.drained())
    socket.on('close', () => {
      this.#clients.delete(socket)
      stream.closed()
    })
  }
}

/** The socket of a host's store in the run directory of its world: a world of several hosts has several. */
export function storeSocketName({ hosts }: World, host: string): string {
  return hosts.size === 1 ? 'xenstored.sock' : `xenstored-${host}.sock`
}
