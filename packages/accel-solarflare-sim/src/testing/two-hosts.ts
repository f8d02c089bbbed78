// Two machines joined by a wire, a guest on each, traffic both ways: what the end-to-end tests run on.
import { fileURLToPath } from 'node:url'
import { build, makeFlows, VirtualStack } from '@netaccel/host'
import type { BuildOptions, Mix, World, WorldValue } from '@netaccel/host'
import { readPlugin } from '@netaccel/core'
import type { Registry, RegistryMember } from '@netaccel/core'
import { type Frame, Random } from '@netaccel/packet'

export const FOLDER = fileURLToPath(new URL('../..', import.meta.url))
export const MS = 1_000_000

const ONE = { mac: '00:16:3e:00:00:01', ip: '10.0.0.1' }
const TWO = { mac: '00:16:3e:00:00:02', ip: '10.0.0.2' }

export const TCP_ONLY: Mix = { tcp: 1, tcp6: 0, udp: 0, icmp: 0, arp: 0 }
export const MIXED: Mix = { tcp: 0.5, tcp6: 0.1, udp: 0.2, icmp: 0.1, arp: 0.1 }

/** The value of the world; `change` may alter it before it is built. */
export function twoHosts(seed = 1): WorldValue {
  const host = (mac: string, guest: string) => ({
    // Room for another guest.
    memory: 64,
    nics: { eth0: { mac } },
    guests: { guest1: { vifs: { vif0: { mac: guest, accel: 'eth0' } } } },
    links: ['guest1.vif0 -> bridge', 'eth0 -> bridge'],
  })
  return {
    seed,
    hosts: { a: host('00:0f:53:00:00:0a', ONE.mac), b: host('00:0f:53:00:00:0b', TWO.mac) },
    wires: [{ link: 'a.eth0 -> b.eth0', gbps: 10, delayUs: 2 }],
  }
}

/** Segments by path. */
export interface Counts {
  readonly fast: number
  readonly slow: number
}

type Options = Readonly<Record<string, unknown>>

export class TwoHosts {
  readonly world: World
  readonly stacks: readonly VirtualStack[]
  private readonly random: Random

  private constructor(world: World, seed: number) {
    this.world = world
    this.random = new Random(seed)
    this.stacks = world.vifs
      .slice(0, 2)
      .map((vif) => new VirtualStack(vif, vif.engine, this.random.fork(vif.path)))
  }

  static async make(value = twoHosts(), options: BuildOptions = {}): Promise<TwoHosts> {
    return new TwoHosts(await build(value, options), value.seed ?? 1)
  }

  /** `flows` each way; a burst of 16 about every `gapNs`. */
  start(flows = 8, mix: Mix = TCP_ONLY, gapNs = 100_000): void {
    const [there, back] = this.stacks
    there.start(makeFlows(ONE, TWO, flows, mix, this.random.fork('there')), { burst: 16, gapNs })
    back.start(makeFlows(TWO, ONE, flows, mix, this.random.fork('back')), { burst: 16, gapNs })
  }

  async for(ms: number): Promise<void> {
    await this.world.run({ for: ms * MS })
  }

  /** Runs until `done`, `ms` milliseconds at most. */
  async until(done: () => boolean, ms = 10_000): Promise<boolean> {
    await this.world.run({ for: ms * MS, until: done })
    return done()
  }

  load(): Promise<void> {
    return this.world.load(FOLDER)
  }

  /** As {@link load}, by the loaders themselves, with options for each half. Waits until both vifs are active. */
  async loadWith(options: { frontend?: Options; backend?: Options }): Promise<void> {
    const plugin = readPlugin(FOLDER)
    for (const { plugins } of this.world.hosts.values())
      await this.world.drive(plugins.loader.load(plugin, 'backend', { options: options.backend ?? {} }))
    for (const host of this.world.hosts.values())
      for (const { plugins } of host.guests.values())
        await this.world.drive(plugins.loader.load(plugin, 'frontend', { options: options.frontend ?? {} }))
    if (!(await this.until(() => this.phases().every((phase) => phase === 'active'))))
      throw new Error(`not attached: ${this.phases().join(', ')}`)
  }

  /** Both halves on one host alone; settles when its vif has made up its mind. */
  async loadOn(name: string): Promise<string> {
    const plugin = readPlugin(FOLDER)
    const host = this.world.host(name)
    const vif = this.world.vif(`${name}.guest1.vif0`)
    await this.world.drive(host.plugins.loader.load(plugin, 'backend'))
    for (const { plugins } of host.guests.values())
      await this.world.drive(plugins.loader.load(plugin, 'frontend'))
    await this.until(() => vif.phase === 'active' || vif.phase === 'declined', 8000)
    return vif.phase
  }

  async unloadOn(name: string): Promise<void> {
    const host = this.world.host(name)
    for (const { plugins } of host.guests.values())
      await this.world.drive(plugins.loader.unload('sfc_netfront', 'frontend'))
    await this.world.drive(host.plugins.loader.unload('sfc_netfront', 'backend'))
  }

  /** Counters of the half that is loaded on this host, its own or its guest's, summed over all its attachments. */
  counters(host: string, side: 'frontend' | 'backend'): Record<string, number> {
    const { plugins, guests } = this.world.host(host)
    // A look at the status has every half tell what it has counted.
    this.world.status()
    const guest = guests.get('guest1')?.plugins
    const half = side === 'backend' ? halfOf(plugins.registry) : guest && halfOf(guest.registry)
    const loader = side === 'backend' ? plugins.loader : guest?.loader
    return half === undefined || loader === undefined
      ? {}
      : Object.fromEntries(loader.describe(half).counters.entries())
  }

  phases(): string[] {
    return this.world.vifs.map(({ phase }) => phase)
  }

  /** Quotas of the first guest of a host, as the toolstack sets them; they hold from the next probe on. */
  async limit(host: string, { filters, pages }: { filters: number; pages: number }): Promise<void> {
    const { netback, driver } = this.world.host(host)
    const directory = netback.vifs[0]?.device.nodename
    const keys = { 'max-filters': filters, 'max-buf-pages': pages, 'max-mcasts': 8 }
    for (const [key, value] of Object.entries(keys))
      await this.world.drive(driver.store.write(`${directory}/limits/${key}`, String(value)))
  }

  /** One frame from the stack of a host's guest. */
  transmit(host: string, write: (frame: Frame) => void): void {
    const device = this.world.vif(`${host}.guest1.vif0`)
    const frame = device.take(1514)
    if (frame === undefined) throw new Error('the device has no frame')
    write(frame)
    if (device.transmit([frame], 1) !== 1) throw new Error('the device takes no frame')
  }

  /** The bytes of the frames that a host's guest receives from now on. */
  capture(host: string): Uint8Array[] {
    const seen: Uint8Array[] = []
    this.world.vif(`${host}.guest1.vif0`).stack = {
      receive(frame) {
        seen.push(frame.bytes.slice(frame.offset, frame.offset + frame.length))
        frame.release()
      },
      wake() {},
    }
    return seen
  }

  async unload(): Promise<void> {
    await this.world.unload('sfc_netfront')
  }

  /** Silence, then the verdict's sentences: empty when nothing was lost or doubled. */
  async settle(): Promise<readonly string[]> {
    for (const stack of this.stacks) stack.stop()
    await this.until(() => this.stacks.every((stack) => stack.idle), 1000)
    await this.for(20)
    const drained = await this.world.drain()
    await this.for(20)
    const { verdict, reasons } = this.world.judge()
    const found = [...reasons]
    if (!drained) found.push('something is still in flight')
    if (verdict !== 'nothing lost' && found.length === 0) found.push(verdict)
    return found
  }

  /** Segments that went by the fast path since `from`, as a share of all; TX and RX of both guests. */
  fastShare(from: Counts = { fast: 0, slow: 0 }): number {
    const now = this.counts()
    const fast = now.fast - from.fast
    return fast / (fast + now.slow - from.slow)
  }

  counts(): Counts {
    let fast = 0
    let slow = 0
    for (const { tx, rx } of this.world.status().vifs) {
      fast += tx.fast.segments + rx.fast.segments
      slow += tx.slow.segments + rx.slow.segments
    }
    return { fast, slow }
  }
}

/** The half that is loaded under our name, as any vif that asks for it is told. */
function halfOf<H extends object>(registry: Registry<H>): H | undefined {
  let found: H | undefined
  const member: RegistryMember<H> = {
    name: 'a look',
    attach: (half) => {
      found = half
      return Promise.resolve('declined')
    },
    detach: () => Promise.resolve(),
  }
  registry.request('sfc_netfront', member)
  void registry.withdraw(member)
  return found
}
