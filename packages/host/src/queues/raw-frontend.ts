// A frontend of raw words and bytes against netback: nothing of netfront is on the guest's side. For tests.
import { Bridge, type BridgePort } from '@netaccel/bridge'
import { type BackVif, type BackVifOptions, Netback } from '@netaccel/netback'
import { type Frame, FramePool, poolBytes } from '@netaccel/packet'
import { type Domain, FrontRing, Hypervisor, settle, VirtualClock } from '@netaccel/xen'
import { createVif } from '../build/toolstack.js'

/** One device of one guest, its rings made by hand. */
export class RawFrontend {
  readonly clock = new VirtualClock()
  readonly #hypervisor = new Hypervisor({ timeline: this.clock, machine: { bytes: 24 << 20 } })
  driver!: Domain
  guest!: Domain
  netback!: Netback
  /** Another port of the bridge. */
  #outside!: BridgePort
  #frames!: FramePool
  /** Frames that the guest's queues have brought to the bridge, by the order in which they came. */
  readonly arrived: Uint8Array[] = []

  static async make(options: Omit<BackVifOptions, 'bridge'> = {}): Promise<RawFrontend> {
    const raw = new RawFrontend()
    await raw.run(raw.#build(options))
    return raw
  }

  async #build(options: Omit<BackVifOptions, 'bridge'>): Promise<void> {
    this.driver = await this.#hypervisor.createDomain({ name: 'driver', pages: 3000 })
    this.guest = await this.#hypervisor.createDomain({ name: 'guest', pages: 600 })
    const bridge = new Bridge(this.driver.engine)
    this.#outside = bridge.addPort({
      name: 'sink',
      send: (frame) => {
        this.arrived.push(frame.bytes.slice(frame.offset, frame.offset + frame.length))
        frame.release()
      },
    })
    const arena = this.driver.extent.allocPages(poolBytes(16, 2048) / 4096)
    this.#frames = new FramePool(arena, { frames: 16, bytesEach: 2048 })
    this.netback = new Netback(this.driver, { bridge, ...options })
    await this.netback.start()
    await createVif(this.driver, this.guest, { handle: 0, mac: '00:16:3e:00:00:01', mtu: 1500 })
  }

  /** Do control work: the clock runs until it is done. */
  run<T>(work: Promise<T>): Promise<T> {
    return settle(this.clock, work)
  }

  /** Let so many virtual milliseconds pass. */
  pass(milliseconds: number): Promise<void> {
    return this.clock.run({ for: milliseconds * 1e6 })
  }

  get vif(): BackVif {
    const [vif] = this.netback.vifs
    if (vif === undefined) throw new Error('the backend has not found the device')
    return vif
  }

  /** A frame for the guest enters the bridge. */
  async send(write: (frame: Frame) => void): Promise<void> {
    const frame = this.#frames.take()
    if (frame === undefined) throw new Error('all frames are on their way')
    write(frame)
    this.#outside.receive(frame)
    await this.pass(1)
  }

  /** Write keys below the frontend's directory. */
  write(keys: Readonly<Record<string, string>>): Promise<void> {
    const { store } = this.guest
    return this.run(
      store.writeAll(Object.entries(keys).map(([key, value]) => [`device/vif/0/${key}`, value])),
    )
  }

  /** Make a page with a fresh ring and grant it; returns the reference and where the page is in the guest's memory. */
  ring(): { readonly ref: number; readonly at: number } {
    const arena = this.guest.extent.allocPages(1)
    FrontRing.init(arena)
    return { ref: this.guest.grants.grant(0, arena.pages[0], 'rw'), at: arena.offset }
  }

  /** The keys of a queue, in its directory or flat, with what is asked for instead. */
  queueKeys(under: string, instead: Readonly<Record<string, number>> = {}): Record<string, string> {
    const made = {
      'tx-ring-ref': this.ring().ref,
      'rx-ring-ref': this.ring().ref,
      'event-channel': this.guest.events.allocUnbound(0, () => {}),
      ...instead,
    }
    return Object.fromEntries(Object.entries(made).map(([key, value]) => [under + key, String(value)]))
  }

  /** Go to Connected with these keys, and let the backend act. */
  async connect(keys: Readonly<Record<string, string>>): Promise<void> {
    await this.write({ 'request-rx-copy': '1', 'feature-rx-notify': '1', ...keys })
    await this.write({ state: '4' })
    await this.pass(10)
  }

  /** What the backend says: its state, and the error that it has told. */
  async told(): Promise<{ readonly state: string | undefined; readonly error: string | undefined }> {
    const node = this.vif.device.nodename
    const read = (path: string): Promise<string | undefined> => this.run(this.driver.store.read(path))
    return { state: await read(`${node}/state`), error: await read(`error/${node}/error`) }
  }
}
