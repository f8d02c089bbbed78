// One real backend driver, with a bridge that only notes, and guests that speak raw bytes.
import { gather, privateArena, wordsOf } from '@netaccel/packet'
import type { Frame } from '@netaccel/packet'
import { defaultCosts, Hypervisor, scaleCosts, settle, VirtualClock } from '@netaccel/xen'
import type { Domain, DomainResources } from '@netaccel/xen'
import type { BackVif, BackVifOptions } from '../back-vif.js'
import { Netback } from '../netback.js'
import { RawGuest } from './raw-guest.js'

/** A frame that the bridge was given, as it was. */
export interface Forwarded {
  readonly bytes: readonly number[]
  readonly checksum: string
  readonly gsoSize: number
  readonly hash: number
}

/** What the backend's directory and the guest's have beside what every vif has. */
export interface VifKeys {
  readonly back?: Readonly<Record<string, string>>
  readonly front?: Readonly<Record<string, string>>
}

/** What the driver domain and its hypervisor are. */
export interface RawWorldOptions {
  readonly type?: 'pv' | 'pvh'
  readonly unmapAndReplace?: boolean
  /** Multiplies the cost table. */
  readonly costs?: number
}

export class RawWorld {
  readonly clock: VirtualClock
  readonly driver: Domain
  readonly netback: Netback
  /** What guests have sent, released at once unless {@link keep}. */
  readonly forwarded: Forwarded[] = []
  readonly kept: Frame[] = []
  keep = false
  /** What the driver domain has taken before there is a guest. */
  empty!: DomainResources
  private readonly xen: Hypervisor

  private constructor(
    clock: VirtualClock,
    xen: Hypervisor,
    driver: Domain,
    options: Partial<BackVifOptions>,
  ) {
    this.clock = clock
    this.xen = xen
    this.driver = driver
    const bridge = {
      addPort: () => ({
        receiveBurst: (frames: readonly Frame[], count: number) => this.take(frames, count),
        close: () => {},
      }),
    }
    this.netback = new Netback(driver, { bridge, ...options })
  }

  static async make(options: Partial<BackVifOptions> = {}, host: RawWorldOptions = {}): Promise<RawWorld> {
    const clock = new VirtualClock()
    const { type, unmapAndReplace } = host
    const grants = { unmapAndReplace: unmapAndReplace ?? true }
    const costs = scaleCosts(defaultCosts, host.costs ?? 1)
    const xen = new Hypervisor({ timeline: clock, machine: { bytes: 24 << 20 }, grants, costs })
    const driver = await settle(clock, xen.createDomain({ name: 'driver', pages: 2200, type: type ?? 'pv' }))
    const world = new RawWorld(clock, xen, driver, options)
    await world.settle(world.netback.start())
    world.empty = driver.resources()
    return world
  }

  settle<T>(work: Promise<T>): Promise<T> {
    return settle(this.clock, work)
  }

  run(ms = 1): Promise<void> {
    return this.clock.run({ for: ms * 1e6 })
  }

  /** A domain with a vif that the toolstack has just made; `ms`: how long the backend has had for it. */
  async guest(keys: VifKeys = {}, ms = 5): Promise<RawGuest> {
    const domain = await this.settle(this.xen.createDomain({ name: 'guest', pages: 128 }))
    await this.settle(this.plug(domain, keys))
    if (ms > 0) await this.run(ms)
    return new RawGuest(domain, this.driver.id)
  }

  /** The toolstack takes the vif's directories away. */
  async unplug(guest: RawGuest): Promise<void> {
    await this.writeBack(guest, 'online', '0')
    await this.settle(this.driver.store.rm(this.backPath(guest.domain)))
    await this.run(50)
  }

  /** One that is connected; `front` on top of a driver's keys. */
  async connected(
    front: Readonly<Record<string, string | null>> = {},
    keys: VifKeys = {},
    split = false,
  ): Promise<{ guest: RawGuest; vif: BackVif }> {
    const guest = await this.guest(keys)
    await this.settle(guest.connect(front, split))
    await this.run(5)
    return { guest, vif: this.vif(guest) }
  }

  /** The toolstack destroys a guest. */
  destroy(guest: RawGuest): Promise<unknown> {
    return this.xen.destroyDomain(guest.domain)
  }

  /** Dead domains whose memory is held. */
  zombies(): number {
    return this.xen.reapZombies()
  }

  vif(guest: RawGuest): BackVif {
    const vif = this.netback.vif(guest.domain.id, 0)
    if (vif === undefined) throw new Error(`domain ${guest.domain.id} has no vif`)
    return vif
  }

  /** Read a key of the backend's directory of a guest's vif. */
  back(guest: RawGuest, key: string): Promise<string | undefined> {
    return this.settle(this.driver.store.read(`${this.backPath(guest.domain)}/${key}`))
  }

  writeBack(guest: RawGuest, key: string, value: string): Promise<void> {
    return this.settle(this.driver.store.write(`${this.backPath(guest.domain)}/${key}`, value))
  }

  /** A frame of these bytes goes to the guest. */
  deliver(vif: BackVif, bytes: ArrayLike<number>, describe: (frame: Frame) => void = () => {}): void {
    const [queue] = vif.queues
    const frame = queue.frames.take(bytes.length)
    if (frame === null) throw new Error('no frame is free for the test')
    frame.bytes.set(Array.from(bytes), frame.offset)
    frame.length = bytes.length
    describe(frame)
    queue.send(frame)
  }

  private backPath(guest: Domain): string {
    return `/local/domain/${this.driver.id}/backend/vif/${guest.id}/0`
  }

  private take(frames: readonly Frame[], count: number): void {
    for (const frame of frames.slice(0, count)) {
      this.forwarded.push({
        bytes: bytesOf(frame),
        checksum: frame.checksum,
        gsoSize: frame.gsoSize,
        hash: frame.hash,
      })
      if (this.keep) this.kept.push(frame)
      else frame.release()
    }
  }

  /** The two directories of a vif, as libxl makes them. */
  private async plug(guest: Domain, { back = {}, front = {} }: VifKeys): Promise<void> {
    const { driver } = this
    const backDir = this.backPath(guest)
    const frontDir = `/local/domain/${guest.id}/device/vif/0`
    await driver.store.transaction(async (tx) => {
      await tx.mkdir(frontDir)
      await tx.setPerms(frontDir, [
        { domid: guest.id, letter: 'n' },
        { domid: driver.id, letter: 'r' },
      ])
      await tx.mkdir(backDir)
      await tx.setPerms(backDir, [
        { domid: driver.id, letter: 'n' },
        { domid: guest.id, letter: 'r' },
      ])
      const entries = {
        [`${frontDir}/backend`]: backDir,
        [`${frontDir}/backend-id`]: String(driver.id),
        [`${frontDir}/state`]: '1',
        [`${backDir}/frontend`]: frontDir,
        [`${backDir}/frontend-id`]: String(guest.id),
        [`${backDir}/online`]: '1',
        [`${backDir}/handle`]: '0',
        [`${backDir}/mac`]: '00:16:3e:00:00:01',
        [`${backDir}/state`]: '1',
      }
      await tx.writeAll(entries)
      for (const [key, value] of Object.entries(back)) await tx.write(`${backDir}/${key}`, value)
      for (const [key, value] of Object.entries(front)) await tx.write(`${frontDir}/${key}`, value)
    })
  }
}

/** The bytes of a frame, wherever they lie. */
export function bytesOf(frame: Frame): number[] {
  const to = privateArena(frame.length)
  gather(frame, wordsOf(to.bytes), 0)
  return [...to.bytes]
}

/** An Ethernet frame of `length` bytes, of a type that nobody looks into. */
export function plainBytes(length: number, first = 1): number[] {
  const bytes = Array.from({ length }, (_, i) => (first + i * 7) & 0xff)
  bytes.splice(0, 14, 0, 0x16, 0x3e, 0, 0, 9, 0, 0x16, 0x3e, 0, 0, 1, 0x88, 0xb5)
  return bytes.slice(0, length)
}

/** IPv4 TCP of `length` bytes, its checksum field zero. */
export function tcpBytes(length: number): number[] {
  const bytes = Array.from({ length }, (_, i) => i & 0xff)
  bytes.splice(0, 14, 0, 0x16, 0x3e, 0, 0, 9, 0, 0x16, 0x3e, 0, 0, 1, 0x08, 0)
  const ip = length - 14
  bytes.splice(14, 20, 0x45, 0, ip >> 8, ip & 0xff, 0, 1, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2)
  bytes.splice(34, 20, 0, 80, 0, 81, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x10, 0xff, 0xff, 0, 0, 0, 0)
  return bytes
}
