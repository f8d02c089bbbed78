import { textOf } from '../errors.js'
import { CliError } from '../errors.js'
import { needProgram, Program, runShort } from './programs.js'

/** What the guest's device is in the guest's namespace. */
export interface GuestAddress {
  readonly device: string
  readonly mac: string
  readonly mtu: number
  /** With the length of its prefix: `10.77.0.1/24`. */
  readonly address: string
}

/** A TAP that nobody reads for a moment must hold what the kernel sends meanwhile, or the kernel drops it. */
const TX_QUEUE_LENGTH = 10_000

/**
 * A network namespace without a name, held by a child process: it ends with that process, which ends with us, whether
 * we close it, die, or are killed.
 */
export class GuestNamespace {
  readonly name: string
  readonly #holder: Program
  readonly pid: number

  private constructor(name: string, holder: Program, pid: number) {
    this.name = name
    this.#holder = holder
    this.pid = pid
  }

  /** Throws CliError 'REFUSED' where the system allows no further namespace. */
  static async open(name: string): Promise<GuestNamespace> {
    let ready: (() => void) | undefined
    const announced = new Promise<void>((resolve) => (ready = resolve))
    // cat ends when its input does: the pipe to us is a second thing that ends the holder.
    const command = [needProgram('unshare'), '-n', 'sh', '-c', 'echo ready; exec cat']
    const holder = new Program(`namespace of ${name}`, command, () => ready?.())
    const failed = holder.ended.then(() => {
      throw new CliError(
        'REFUSED',
        `the system refuses a network namespace for ${name}: ${holder.complaints.trim()}`,
      )
    })
    await Promise.race([announced, failed])
    return new GuestNamespace(name, holder, holder.child.pid as number)
  }

  /** A command line that runs in this namespace. */
  inside(command: readonly string[]): string[] {
    return [needProgram('nsenter'), '-t', String(this.pid), '-n', ...command]
  }

  /** Move a device here and bring it up with its addresses. */
  adopt(guest: GuestAddress): void {
    const { device, mac, mtu, address } = guest
    const ip = needProgram('ip')
    try {
      runShort([ip, 'link', 'set', device, 'netns', String(this.pid)])
      const lines = [
        'link set lo up',
        // No link-local address: the kernel then sends no IPv6 of its own accord. IPv6 as such stays on.
        `link set dev ${device} addrgenmode none`,
        `link set dev ${device} address ${mac} mtu ${mtu} txqueuelen ${TX_QUEUE_LENGTH}`,
        `addr add ${address} dev ${device}`,
        `link set dev ${device} up`,
      ]
      runShort(this.inside([ip, '-batch', '-']), `${lines.join('\n')}\n`)
    } catch (error) {
      throw new CliError(
        'REFUSED',
        `the device ${device} cannot be set up in ${this.name}: ${textOf(error)}`,
        {
          cause: error,
        },
      )
    }
  }

  /** Frames that the kernel dropped before the device of that name could be read. */
  droppedBefore(device: string): number {
    const text = runShort(this.inside([needProgram('ip'), '-s', '-j', 'link', 'show', 'dev', device]))
    const links = JSON.parse(text) as { stats64?: { tx?: { dropped?: number } } }[]
    return links[0]?.stats64?.tx?.dropped ?? 0
  }

  /** Ends with whatever is still in it. */
  async close(): Promise<void> {
    this.#holder.child.stdin?.end()
    await this.#holder.stop('SIGKILL')
  }
}
