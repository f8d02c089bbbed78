import { Coalesced, surface } from './coalesced.js'
import { XenError } from './errors.js'
import { XenbusDevice } from './xenbus.js'
import { parseXenbusState } from './xenbus-state.js'
import type { XenbusHost, XenbusSide } from './xenbus.js'
import type { StoreWatch } from './xenstore/client.js'

/** What a driver does with the devices of its type. Both may be asynchronous; for one device they never overlap. */
export interface XenbusDriver {
  /** A device has appeared. When it throws, the device is given up as by `device.fatal`. */
  probe(device: XenbusDevice): void | Promise<void>
  /** A probed device has gone from the store, or the driver stops. The device is closed afterwards. */
  remove(device: XenbusDevice): void | Promise<void>
}

export interface XenbusDriverOptions {
  readonly side: XenbusSide
  /** 'vif', for instance. */
  readonly type: string
}

interface Entry {
  readonly device: XenbusDevice
  probed: boolean
  leaving: boolean
  /** What is done with this device, one thing after the other. Never rejects. */
  work: Promise<void>
}

/**
 * Finds the devices of one type and hands them to a driver: those under `device/<type>/<n>` (frontend) or
 * `backend/<type>/<domid>/<n>` (backend) of the domain's directory, as they come and go.
 */
export class XenbusRegistration {
  readonly #domain: XenbusHost
  readonly #driver: XenbusDriver
  readonly #side: XenbusSide
  readonly #root: string
  readonly #entries = new Map<string, Entry>()
  readonly #scan: Coalesced
  #watch: StoreWatch | undefined

  constructor(domain: XenbusHost, driver: XenbusDriver, options: XenbusDriverOptions) {
    this.#domain = domain
    this.#driver = driver
    this.#side = options.side
    this.#root = options.side === 'frontend' ? `device/${options.type}` : `backend/${options.type}`
    this.#scan = new Coalesced(
      domain.engine,
      () => this.#enumerate(),
      (error) => surface(domain.engine, error),
    )
  }

  /** Devices that were probed and are not being removed. */
  get devices(): XenbusDevice[] {
    return [...this.#entries.values()]
      .filter((each) => each.probed && !each.leaving)
      .map(({ device }) => device)
  }

  /** Registers the driver: what is there is probed soon, what comes later when it comes. */
  async start(): Promise<void> {
    if (this.#watch !== undefined)
      throw new XenError('BAD_STATE', `the driver of ${this.#root} is registered already`)
    this.#watch = await this.#domain.store.watch(this.#root, (path) => {
      if (this.#concerns(path)) this.#scan.request()
    })
  }

  /**
   * Whether a change can be of a device that comes, goes or is made anew. Most are of keys of a known device that are the
   * driver's own business (Linux xenbus_dev_changed, which looks up the device by the first parts of the path).
   */
  #concerns(path: string): boolean {
    const parts = path.slice(this.#root.length + 1).split('/')
    const depth = this.#side === 'frontend' ? 1 : 2
    if (parts.length <= depth) return true
    const known = this.#entries.has(`${this.#root}/${parts.slice(0, depth).join('/')}`)
    return !known || (parts.length === depth + 1 && parts[depth] === 'state')
  }

  /** Unregisters the driver: removes every device. Resolves when all of it is done. */
  async stop(): Promise<void> {
    const watch = this.#watch
    this.#watch = undefined
    await this.#scan.close()
    const leaving = [...this.#entries].map(([path, entry]) => this.#leave(path, entry))
    await Promise.all(leaving)
    await watch?.unwatch()
  }

  async #enumerate(): Promise<void> {
    const paths = new Set(await this.#paths())
    for (const [path, entry] of this.#entries)
      if (!paths.has(path) || (await this.#isAnother(path, entry))) void this.#leave(path, entry)
    for (const path of paths) if (!this.#entries.has(path)) await this.#enter(path)
  }

  async #paths(): Promise<string[]> {
    const { store } = this.#domain
    const below = async (path: string): Promise<string[]> =>
      (await store.directory(path)).map((name) => `${path}/${name}`)
    const first = await below(this.#root)
    if (this.#side === 'frontend') return first
    return (await Promise.all(first.map(below))).flat()
  }

  /** The directory was removed and made again since we looked last. */
  async #isAnother(path: string, { device }: Entry): Promise<boolean> {
    return device.isMadeAnew(parseXenbusState(await this.#domain.store.read(`${path}/state`)))
  }

  async #enter(path: string): Promise<void> {
    const device = await XenbusDevice.open(this.#domain, this.#side, path)
    if (device === undefined) return
    const entry: Entry = { device, probed: false, leaving: false, work: Promise.resolve() }
    this.#entries.set(path, entry)
    void this.#next(entry, async () => {
      try {
        await this.#driver.probe(device)
        entry.probed = true
      } catch (error) {
        const EIO = 5
        await device.fatal(EIO, error instanceof Error ? error.message : String(error))
        surface(this.#domain.engine, error)
      }
    })
  }

  #leave(path: string, entry: Entry): Promise<void> {
    if (entry.leaving) return entry.work
    entry.leaving = true
    return this.#next(entry, async () => {
      try {
        if (entry.probed) await this.#driver.remove(entry.device)
      } catch (error) {
        surface(this.#domain.engine, error)
      }
      await entry.device.close()
      this.#entries.delete(path)
      // The directory may have been made again meanwhile.
      this.#scan.request()
    })
  }

  #next(entry: Entry, work: () => Promise<void>): Promise<void> {
    const { engine } = this.#domain
    engine.asyncBegin()
    entry.work = entry.work.then(work).finally(() => engine.asyncEnd())
    return entry.work
  }
}
