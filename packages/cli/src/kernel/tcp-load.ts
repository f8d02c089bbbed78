import { CliError } from '../errors.js'
import { TCP_PORT } from '../programs/tcp.js'
import type { GuestNamespace } from './guest-namespace.js'
import { findProgram, Program } from './programs.js'

/** What iperf3 says at its end of the direction that the printing end sends: `... 939 Mbits/sec  3  sender`. */
const SENT = /\[TX-[CS]\].*bits\/sec\s+(\d+)\s+sender/

/** Retransmits of a whole run, by a line that iperf3 printed; 0 for any other line. */
export function retransmitsIn(line: string): number {
  return Number(SENT.exec(line)?.[1] ?? 0)
}

/** Longer than any run: the load ends when it is told to. */
const SECONDS = '86400'
const READY_PATIENCE_MS = 5000

export interface LoadEnds {
  readonly server: GuestNamespace
  readonly client: GuestNamespace
  readonly serverAddress: string
  readonly clientAddress: string
}

/** A TCP transfer, both ways at once: iperf3 where it is installed, else our own program. */
export class TcpLoad {
  readonly description: string
  readonly #ends: LoadEnds
  readonly #iperf3: string | undefined
  #server: Program | undefined
  #client: Program | undefined
  #retransmits = 0
  readonly #own: readonly string[]
  readonly #bitrate: readonly string[]

  /**
   * `own`: how to run our own programs, as a command line that a program's name and arguments are added to.
   * `bitrate`: of each way, in iperf3's words (`8M`); as fast as it goes without.
   */
  constructor(ends: LoadEnds, own: readonly string[], bitrate?: string) {
    this.#ends = ends
    this.#own = own
    this.#bitrate = bitrate === undefined ? [] : ['-b', bitrate]
    this.#iperf3 = findProgram('iperf3')
    this.description =
      this.#iperf3 === undefined
        ? 'TCP by a program of ours (iperf3 is not installed), both ways at once'
        : 'TCP by iperf3, both ways at once'
  }

  async start(): Promise<void> {
    const { server, client, serverAddress, clientAddress } = this.#ends
    const port = String(TCP_PORT)
    const iperf3 = this.#iperf3
    const count = (line: string): void => void (this.#retransmits += retransmitsIn(line))
    const serverCommand =
      iperf3 === undefined
        ? [...this.#own, 'tcp', serverAddress]
        : [iperf3, '-s', '-B', serverAddress, '-p', port, '--forceflush']
    this.#server = await started('the TCP server', server.inside(serverCommand), count)
    const clientCommand =
      iperf3 === undefined
        ? [...this.#own, 'tcp', clientAddress, serverAddress]
        : [
            iperf3,
            '-c',
            serverAddress,
            '-p',
            port,
            '-t',
            SECONDS,
            '--bidir',
            '--forceflush',
            ...this.#bitrate,
          ]
    this.#client = await started('the TCP client', client.inside(clientCommand), count)
  }

  /** What iperf3 has counted at both ends, once they have stopped; null if it is not iperf3 that sends. */
  get retransmits(): number | null {
    return this.#iperf3 === undefined ? null : this.#retransmits
  }

  /** Whether both ends are still at work; a sentence if not. */
  get trouble(): string | undefined {
    const stopped = [this.#server, this.#client].find((program) => program?.running === false)
    return stopped === undefined ? undefined : `${stopped.name} ended by itself: ${stopped.complaints.trim()}`
  }

  async stop(): Promise<void> {
    if (this.#iperf3 === undefined) {
      for (const program of [this.#client, this.#server]) program?.say('stop')
      // The ends close their halves once what they wrote has been acknowledged.
      await new Promise((resolve) => setTimeout(resolve, 300))
    }
    await this.#client?.stop('SIGINT')
    await this.#server?.stop('SIGTERM')
  }
}

/** Resolves with the program's first line of output: it listens, or is connected. */
async function started(
  name: string,
  command: readonly string[],
  onLine: (line: string) => void,
): Promise<Program> {
  let first: (() => void) | undefined
  const announced = new Promise<boolean>((resolve) => (first = () => resolve(true)))
  const program = new Program(name, command, (line) => {
    first?.()
    onLine(line)
  })
  const late = new Promise<boolean>((resolve) => setTimeout(resolve, READY_PATIENCE_MS, false).unref())
  if (await Promise.race([announced, program.ended.then(() => false), late])) return program
  await program.stop('SIGKILL')
  throw new CliError(
    'PROGRAM',
    `${name} did not start: ${program.complaints.trim() || 'it said nothing for 5 s'}`,
  )
}
