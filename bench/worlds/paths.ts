import {
  build,
  type GuestVif,
  type Host,
  type HostValue,
  tuneV8,
  type World,
  type WorldValue,
} from '@netaccel/host'
import { type Frame, FramePool, poolBytes } from '@netaccel/packet'
import { PAGE_SIZE } from '@netaccel/xen'
import { cpuSeconds } from '../lib/cpu.js'
import { HardwareTime } from './hardware-time.js'
import { type Device, type End, segmentsOf, Sink, Source } from './traffic.js'

// As `netaccel` runs.
tuneV8()

/** One way of frames through a built world, from a source to a sink. */
export class Path {
  readonly world: World
  private readonly source: Source
  private readonly sink: Sink
  private readonly each: number
  /** Segments at which {@link send} ends. */
  private end = 0
  /** One for all, since V8 compiles each new closure again, and the code would count as growth of the heap. */
  private readonly arrived = (): boolean => this.sink.segments >= this.end

  constructor(world: World, source: Source, sink: Sink, length: number) {
    this.world = world
    this.source = source
    this.sink = sink
    this.each = segmentsOf(length)
  }

  /** Frames that arrived so far. */
  get frames(): number {
    return this.sink.segments / this.each
  }

  /** Frames a second of processor time while the source sends for about `seconds`. */
  async rate(seconds: number): Promise<number> {
    const before = this.frames
    const start = cpuSeconds()
    // Asking for the processor's time is dear, so it is asked twice; the machine's clock says when to stop.
    const end = performance.now() + seconds * 1000
    let looks = 0
    await this.drive(() => (++looks & 63) === 0 && performance.now() >= end)
    const used = cpuSeconds() - start
    const rate = (this.frames - before) / used
    await this.settle()
    return rate
  }

  /** The share of the time that is spent in the simulated NICs while the source sends for about `seconds`. */
  async hardware(seconds: number): Promise<number> {
    const time = new HardwareTime(this.world)
    time.start()
    await this.rate(seconds)
    return time.stop()
  }

  /** Send until `count` more frames have arrived; some more are then on their way. */
  async send(count: number): Promise<void> {
    this.end = this.sink.segments + count * this.each
    await this.drive(this.arrived)
  }

  close(): Promise<void> {
    return this.world.close()
  }

  private async drive(until: () => boolean): Promise<void> {
    this.source.start()
    await this.world.run({ until })
    this.source.stop()
  }

  /** Let what is on its way arrive, so that the next measurement begins with nothing in flight. An idle clock allocates. */
  settle(): Promise<void> {
    return this.world.run({ for: 3_000_000 })
  }
}

export interface PathOptions {
  /** Bytes of each frame. */
  readonly length: number
  /** Package of an accelerator to load; none unless said. */
  readonly accel?: string
}

const A = { mac: '00:16:3e:00:00:01', ip: '10.0.0.1', port: 40_000 }
const B = { mac: '00:16:3e:00:00:02', ip: '10.0.0.2', port: 5001 }

/** Guest, netfront, netback, bridge, netback, netfront, guest: in one host. The NIC is there for a plugin to ask for. */
export async function localPath({ length, accel }: PathOptions): Promise<Path> {
  const world = await start({
    hosts: {
      a: {
        nics: { eth0: { mac: '00:0f:53:00:00:0a' } },
        guests: {
          guest1: { vifs: { vif0: { mac: A.mac, accel: 'eth0' } } },
          guest2: { vifs: { vif0: { mac: B.mac, accel: 'eth0' } } },
        },
        links: ['guest1.vif0 -> bridge', 'guest2.vif0 -> bridge'],
      },
    },
  })
  if (accel !== undefined) await world.load(accel)
  return guestToGuest(world, 'a.guest1', 'a.guest2', length)
}

/**
 * Guest, netfront, netback, bridge, driver domain. `premapped`: the buffers that the guest sends from are granted for good, by
 * its control ring, instead of one grant for each frame.
 */
export async function toDriverPath(length: number, premapped: boolean): Promise<Path> {
  const world = await start({
    hosts: {
      a: {
        guests: { guest1: { vifs: { vif0: { mac: A.mac, staticGrants: premapped } } } },
        links: ['guest1.vif0 -> bridge'],
      },
    },
  })
  await world.run({ for: 3_000_000 })
  const vif: GuestVif = world.vif('a.guest1.vif0')
  if (premapped && vif.vif.control?.staticQueues !== 1)
    throw new Error(`no static grants: ${vif.vif.control?.staticRefusal ?? 'there is no control ring'}`)
  const from: End = { ...A, domain: domainOf(world.host('a'), 'guest1') }
  const to: End = { ...B, domain: world.host('a').driver }
  const local = new LocalDevice(world.host('a'))
  local.sink = new Sink(local, to, from)
  vif.stack = new Sink(vif, from, to)
  return new Path(world, new Source(vif, from, to, length), local.sink, length)
}

/** Guest to guest across two NICs and a wire; through the driver domains, or past them with an accelerator. */
export async function wirePath({ length, accel }: PathOptions): Promise<Path> {
  const host = (nic: string, mac: string): HostValue => ({
    nics: { eth0: { mac: nic } },
    guests: { guest1: { vifs: { vif0: { mac, accel: 'eth0' } } } },
    links: ['guest1.vif0 -> bridge', 'eth0 -> bridge'],
  })
  const world = await start({
    hosts: { a: host('00:0f:53:00:00:0a', A.mac), b: host('00:0f:53:00:00:0b', B.mac) },
    wires: ['a.eth0 -> b.eth0'],
  })
  if (accel !== undefined) await world.load(accel)
  return guestToGuest(world, 'a.guest1', 'b.guest1', length)
}

/** Driver domain to driver domain across the same NICs, each by the local port of its bridge; no guest. */
export async function dom0Path({ length }: PathOptions): Promise<Path> {
  const host = (mac: string): HostValue => ({ nics: { eth0: { mac } }, links: ['eth0 -> bridge'] })
  const world = await start({
    hosts: { a: host('00:0f:53:00:00:0a'), b: host('00:0f:53:00:00:0b') },
    wires: ['a.eth0 -> b.eth0'],
  })
  const a = new LocalDevice(world.host('a'))
  const b = new LocalDevice(world.host('b'))
  const from: End = { ...A, domain: world.host('a').driver }
  const to: End = { ...B, domain: world.host('b').driver }
  a.sink = new Sink(a, from, to)
  b.sink = new Sink(b, to, from)
  return new Path(world, new Source(a, from, to, length), b.sink, length)
}

function guestToGuest(world: World, source: string, sink: string, length: number): Path {
  const [hostA, guestA] = source.split('.')
  const [hostB, guestB] = sink.split('.')
  const from: End = { ...A, domain: domainOf(world.host(hostA), guestA) }
  const to: End = { ...B, domain: domainOf(world.host(hostB), guestB) }
  const a: GuestVif = world.vif(`${source}.vif0`)
  const b: GuestVif = world.vif(`${sink}.vif0`)
  const counted = new Sink(b, to, from)
  a.stack = new Sink(a, from, to)
  b.stack = counted
  return new Path(world, new Source(a, from, to, length), counted, length)
}

function domainOf(host: Host, guest: string): End['domain'] {
  const found = host.guests.get(guest)
  if (found === undefined) throw new Error(`there is no guest ${guest}`)
  return found.domain
}

/** The driver domain's own stack: frames of its memory, a port of the bridge. */
class LocalDevice implements Device {
  sink: Sink | null = null
  private readonly small: FramePool
  private readonly jumbo: FramePool
  private readonly port: { receive(frame: Frame): void }

  constructor(host: Host) {
    const { extent } = host.driver
    const pool = (frames: number, bytesEach: number): FramePool => {
      const pages = Math.ceil(poolBytes(frames, bytesEach) / PAGE_SIZE)
      return new FramePool(extent.allocPages(pages), { frames, bytesEach })
    }
    // As many as a guest's device has.
    this.small = pool(256, 2048)
    this.jumbo = pool(8, 17 * PAGE_SIZE)
    const send = (frame: Frame): void => (this.sink === null ? frame.release() : this.sink.receive(frame))
    this.port = host.bridge.addPort({ name: 'local', send })
  }

  take(length: number): Frame | undefined {
    return length <= 2048 ? this.small.take() : this.jumbo.take()
  }

  transmit(frames: Frame[], count: number): number {
    for (let i = 0; i < count; i++) this.port.receive(frames[i])
    return count
  }
}

/**
 * On the machine's own clock: every engine with work steps in turn, nothing waits for a simulated cost, and so the
 * processor time that goes is what the code takes. The judge at the edges and the meter by path are left out.
 */
function start(value: WorldValue): Promise<World> {
  return build({ ...value, clock: 'real' }, { oracle: false, meter: false })
}
