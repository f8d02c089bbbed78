import type { World } from '@netaccel/host'
import { TapDevice, TapStack } from '@netaccel/ports'
import type { GuestDevice, TapSet } from '@netaccel/ports'
import { CleanupStack } from '@netaccel/xen'
import { GUESTS, MTU } from '../start/world.js'
import type { Traffic, TrafficResult } from '../start/traffic.js'
import { GuestNamespace } from './guest-namespace.js'
import { Ping } from './ping.js'
import { ProbePair } from './probe-pair.js'
import { findProgram } from './programs.js'
import { TcpLoad } from './tcp-load.js'

/** One guest whose stack is the kernel. */
interface Side {
  readonly stack: TapStack
  readonly device: string
  readonly address: string
  readonly namespace: GuestNamespace
}

export interface KernelTrafficOptions {
  /** How to run our own programs: a command line that a program's name and arguments are added to. */
  readonly own: readonly string[]
  /** Of the TCP load, each way, in iperf3's words; as fast as it goes without. */
  readonly bitrate?: string
  /** Puts something between a guest's device and its stack; a recorder for instance. */
  readonly between?: (path: string, device: GuestDevice) => GuestDevice
}

/** The Linux kernel as the stack of both guests, with programs that send. */
export class KernelTraffic implements Traffic {
  readonly description: string
  readonly remarks: string[] = []
  readonly #sides: readonly Side[]
  readonly #load: TcpLoad
  readonly #probe: ProbePair
  readonly #cleanup: CleanupStack
  #ping: Ping | undefined
  #pinged = { sent: 0, lost: 0, doubled: 0 }
  readonly #doubts: string[] = []

  private constructor(sides: readonly Side[], load: TcpLoad, probe: ProbePair, cleanup: CleanupStack) {
    this.#sides = sides
    this.#load = load
    this.#probe = probe
    this.#cleanup = cleanup
    this.description = `${load.description}; a probe of numbered UDP datagrams each way; a ping`
  }

  /**
   * Make TAPs and namespaces and put them behind the guests of the world.
   * Throws PortError or CliError 'REFUSED' where the system does not allow it; nothing is left then.
   */
  static async open(world: World, set: TapSet, options: KernelTrafficOptions): Promise<KernelTraffic> {
    const { own, bitrate, between } = options
    const cleanup = new CleanupStack()
    try {
      const sides: Side[] = []
      for (const guest of GUESTS) sides.push(await openSide(world, set, guest, cleanup, between))
      const [one, two] = sides as [Side, Side]
      const load = new TcpLoad(
        {
          server: two.namespace,
          client: one.namespace,
          serverAddress: two.address,
          clientAddress: one.address,
        },
        own,
        bitrate,
      )
      const ends = [
        { namespace: one.namespace, address: one.address, peer: two.address },
        { namespace: two.namespace, address: two.address, peer: one.address },
      ]
      const probe = await ProbePair.open(ends, own)
      cleanup.push('probe', () => probe.close())
      cleanup.push('TCP load', () => load.stop())
      return new KernelTraffic(sides, load, probe, cleanup)
    } catch (error) {
      await cleanup.run()
      throw error
    }
  }

  async start(): Promise<void> {
    const [one, two] = this.#sides as [Side, Side]
    if (findProgram('ping') === undefined) this.remarks.push('`ping` is not installed: no ICMP was sent')
    else {
      this.#ping = new Ping(one.namespace, two.address)
      if (!(await this.#ping.reply())) this.#doubts.push('no ping came back before the traffic began')
    }
    this.#probe.start()
    await this.#load.start()
  }

  async stopSenders(): Promise<void> {
    const { trouble } = this.#load
    if (trouble !== undefined) this.#doubts.push(trouble)
    await this.#load.stop()
    this.#probe.stop()
    if (this.#ping !== undefined) this.#pinged = await this.#ping.stop()
  }

  rest(): void {
    for (const { stack } of this.#sides) stack.reading = false
  }

  async result(): Promise<TrafficResult> {
    const { result, overflowed } = await this.#probe.result()
    const beforeUs = this.#sides.reduce((sum, side) => sum + side.namespace.droppedBefore(side.device), 0)
    const doubts = [...this.#doubts]
    if (beforeUs > 0) doubts.push(`the kernel dropped ${beforeUs} frames before they reached a TAP's reader`)
    if (overflowed > 0)
      doubts.push(`the kernel dropped ${overflowed} datagrams that the probe was too slow to read`)
    for (const { stack, device } of this.#sides) {
      const refused = Object.entries(stack.dropped).filter(([, count]) => count > 0)
      for (const [reason, count] of refused)
        doubts.push(`${count} frames at ${device} came to nothing (${reason})`)
    }
    return {
      probe: result,
      ping: this.#pinged,
      tcp: { retransmits: this.#load.retransmits },
      beforeUs,
      doubts,
    }
  }

  close(): Promise<void> {
    return this.#cleanup.run()
  }
}

async function openSide(
  world: World,
  set: TapSet,
  guest: (typeof GUESTS)[number],
  cleanup: CleanupStack,
  between: KernelTrafficOptions['between'] = (_path, device) => device,
): Promise<Side> {
  const { path, tap: device, address } = guest
  const vif = world.vif(path)
  const tap = await TapDevice.open(device)
  cleanup.push(`TAP ${device}`, () => tap.close())
  const namespace = await GuestNamespace.open(path)
  cleanup.push(`namespace of ${path}`, () => namespace.close())
  namespace.adopt({ device, mac: vif.mac, mtu: MTU, address: `${address}/24` })
  const stack = new TapStack({ device: between(path, vif.device), tap, engine: vif.engine, set, mtu: MTU })
  cleanup.push(`stack of ${path}`, () => stack.close())
  return { stack, device, address, namespace }
}
