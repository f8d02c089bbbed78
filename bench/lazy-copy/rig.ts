import { Netback } from '@netaccel/netback'
import type { LazyCopyMode } from '@netaccel/netback'
import { MachineBus, NicDevice, NicDriver } from '@netaccel/nic-sim'
import { FramePool, type Frame, poolBytes } from '@netaccel/packet'
import { type Domain, type Engine, Hypervisor, PAGE_SIZE, settle, VirtualClock } from '@netaccel/xen'
import { cpuSeconds } from '../lib/cpu.js'
import { Guest, plug } from './guest.js'

/** Where a guest's frames end: given back unread; read, a word of each cache line; sent by a NIC. */
export type SinkKind = 'drop' | 'read' | 'nic'

const DRIVER_PAGES = 4096
const GUEST_PAGES = 700
const CACHE_LINE_WORDS = 16
/** Virtual time in which all that is on the way arrives. */
const SETTLE_NS = 3_000_000
const RX_FRAMES = 64

/** An engine as the clock calls it. */
interface Stepped {
  step(): void
}

/** A guest, netback in one mode, and a sink, on a clock of their own. */
export class Rig {
  /** Frames that the sink has had. */
  frames = 0
  /** What the sink has read, so that it is read. */
  seen = 0
  private readonly clock = new VirtualClock()
  private readonly mode: LazyCopyMode | undefined
  private guest: Guest | null = null
  private nic: NicDriver | null = null
  private hardware: Engine[] = []
  private words: Int32Array = new Int32Array(0)
  private base = 0

  private constructor(mode: LazyCopyMode | undefined) {
    this.mode = mode
  }

  static async make(mode: LazyCopyMode | undefined, sink: SinkKind, bytes: number): Promise<Rig> {
    const rig = new Rig(mode)
    const { clock } = rig
    const hypervisor = new Hypervisor({ timeline: clock, machine: { bytes: 40 << 20 } })
    const driver = await settle(clock, hypervisor.createDomain({ name: 'driver', pages: DRIVER_PAGES }))
    const domain = await settle(clock, hypervisor.createDomain({ name: 'guest', pages: GUEST_PAGES }))
    rig.words = hypervisor.machine.words
    rig.base = driver.extent.base
    if (sink === 'nic') rig.nic = rig.openNic(hypervisor, driver)
    const forward = rig.sinkOf(sink)
    const bridge = { addPort: () => ({ receiveBurst: forward, close: () => {} }) }
    const netback = new Netback(driver, { bridge, lazyCopy: rig.mode, jumboFrames: 32 })
    await settle(clock, netback.start())
    await settle(clock, plug(driver, domain))
    rig.guest = new Guest(domain, hypervisor, driver.id, bytes)
    await clock.run({ for: 5e6 })
    await settle(clock, rig.guest.connect(driver.id))
    await clock.run({ for: 5e6 })
    return rig
  }

  /**
   * Frames a second of processor time, without what the simulated NIC took, which a NIC takes beside the processor; and
   * without what the guest took, who has a processor of its own where there are two.
   */
  async rate(seconds: number): Promise<{ whole: number; driver: number }> {
    const before = this.frames
    const hardware = new Inside(this.hardware)
    const guest = new Inside(this.guest === null ? [] : [this.guest.domain.engine])
    const start = cpuSeconds()
    const begun = performance.now()
    const end = begun + seconds * 1000
    this.guest?.start()
    let looks = 0
    await this.clock.run({ until: () => (++looks & 63) === 0 && performance.now() >= end })
    const used = cpuSeconds() - start
    const elapsed = performance.now() - begun
    const inHardware = hardware.stop() / elapsed
    const inGuest = guest.stop() / elapsed
    const rate = (this.frames - before) / used
    this.guest?.stop()
    await this.clock.run({ for: SETTLE_NS })
    return { whole: rate / (1 - inHardware), driver: rate / (1 - inHardware - inGuest) }
  }

  private sinkOf(kind: SinkKind): (frames: readonly Frame[], count: number) => void {
    const end: (frame: Frame) => void =
      kind === 'drop'
        ? (frame) => frame.release()
        : kind === 'read'
          ? (frame) => this.read(frame)
          : (frame) => this.send(frame)
    return (frames, count) => {
      for (let i = 0; i < count; i++) end(frames[i])
      this.frames += count
    }
  }

  private send(frame: Frame): void {
    if (this.nic === null || this.nic.transmit(frame) === 'full') throw new Error('the NIC is full')
  }

  /** As an application that uses what it gets. */
  private read(frame: Frame): void {
    const { fragments } = frame
    const head = fragments === null ? frame.length : frame.length - fragments.bytes
    this.touch(this.base + frame.offset, head)
    if (fragments !== null)
      for (let i = 0; i < fragments.count; i++) this.touch(fragments.place(i), fragments.lengths[i])
    frame.release()
  }

  private touch(from: number, length: number): void {
    const { words } = this
    const end = (from + length) >> 2
    let sum = 0
    for (let at = from >> 2; at < end; at += CACHE_LINE_WORDS) sum = (sum + words[at]) | 0
    this.seen = (this.seen + sum) | 0
  }

  /** A NIC whose cable is out: it reads each descriptor, and says that the frame has gone nowhere. */
  private openNic(hypervisor: Hypervisor, driver: Domain): NicDriver {
    const { machine, timeline } = hypervisor
    const bus = new MachineBus({ machine, domid: driver.id })
    const engine = timeline.engine('nic')
    this.hardware.push(engine)
    const near = new NicDevice({ name: 'nic', engine, bus, mac: '00:0f:53:00:00:0a' })
    const arena = driver.extent.allocPages(Math.ceil(poolBytes(RX_FRAMES, 2048) / PAGE_SIZE))
    const pool = new FramePool(arena, { frames: RX_FRAMES, bytesEach: 2048 })
    return new NicDriver({ engine: driver.engine, device: near, bus, extent: driver.extent, pool })
  }
}

/** Adds up the time in the steps of some engines. */
class Inside {
  private readonly engines: readonly Stepped[]
  private spent = 0

  constructor(engines: readonly Engine[]) {
    this.engines = engines as unknown as readonly Stepped[]
    for (const engine of this.engines) {
      const step = engine.step.bind(engine)
      engine.step = () => {
        const start = performance.now()
        step()
        this.spent += performance.now() - start
      }
    }
  }

  /** Milliseconds; the engines are as before. */
  stop(): number {
    for (const engine of this.engines) Reflect.deleteProperty(engine, 'step')
    return this.spent
  }
}
