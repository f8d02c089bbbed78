import {
  Frame,
  parseIp,
  parseMac,
  tcpHeaders,
  udpHeaders,
  wordsOf,
  writeTcp,
  writeUdp,
} from '@netaccel/packet'
import {
  type Domain,
  FrontRing,
  type Hypervisor,
  PAGE_SIZE,
  type Poller,
  type PollHandle,
  type Port,
} from '@netaccel/xen'
import { Front } from '../ring-hop/front.js'
import { MSS } from '../ring-hop/sizes.js'

const MAC = '00:16:3e:00:00:01'
/** Bytes up to which a frame is not to be cut. */
const LARGEST_FRAME = 1514

/** The directories of a vif, as a toolstack makes them. */
export async function plug(driver: Domain, guest: Domain): Promise<void> {
  const front = `/local/domain/${guest.id}/device/vif/0`
  const back = `/local/domain/${driver.id}/backend/vif/${guest.id}/0`
  const perms = (owner: Domain, reader: Domain): { domid: number; letter: 'n' | 'r' }[] => [
    { domid: owner.id, letter: 'n' },
    { domid: reader.id, letter: 'r' },
  ]
  await driver.store.transaction(async (tx) => {
    await tx.mkdir(front)
    await tx.setPerms(front, perms(guest, driver))
    await tx.mkdir(back)
    await tx.setPerms(back, perms(driver, guest))
    await tx.writeAll({
      [`${front}/backend`]: back,
      [`${front}/backend-id`]: String(driver.id),
      [`${front}/state`]: '1',
      [`${back}/frontend`]: front,
      [`${back}/frontend-id`]: String(guest.id),
      [`${back}/online`]: '1',
      [`${back}/handle`]: '0',
      [`${back}/mac`]: MAC,
      [`${back}/state`]: '1',
    })
  })
}

/**
 * A guest that sends frames of one length as fast as they are answered: the frontend of the ring hop, behind keys of the
 * store. It sends long frames also to a backend that says that it takes none, so that all are asked the same.
 */
export class Guest implements Poller {
  readonly name = 'guest'
  readonly front: Front
  readonly domain: Domain
  private readonly bytes: number
  private readonly batch: number
  private readonly slots: number
  private readonly handle: PollHandle
  private port: Port | null = null
  private running = false

  constructor(domain: Domain, hypervisor: Hypervisor, backend: number, bytes: number) {
    this.domain = domain
    this.bytes = bytes
    this.front = new Front(domain.extent, domain.grants, domain.grantOps.engine, backend)
    this.slots = bytes > PAGE_SIZE ? Math.ceil(bytes / PAGE_SIZE) + 1 : 1
    this.batch = Math.min(32, Math.floor(this.front.ring.size / this.slots))
    this.handle = domain.engine.addPoller(this)
    writeHeaders(domain, this.front.templateOffset, bytes, hypervisor.machine.bytes)
  }

  async connect(backend: number): Promise<void> {
    const { domain, front } = this
    const rx = domain.extent.allocPages(1)
    FrontRing.init(rx)
    this.port = domain.events.allocUnbound(backend, () => this.handle.schedule())
    const path = `/local/domain/${domain.id}/device/vif/0`
    const keys = {
      'tx-ring-ref': domain.grants.grant(backend, front.ringPage, 'rw'),
      'rx-ring-ref': domain.grants.grant(backend, rx.pages[0], 'rw'),
      'event-channel': this.port,
      'request-rx-copy': 1,
      'feature-sg': 1,
      'feature-gso-tcpv4': 1,
      state: 4,
    }
    for (const [key, value] of Object.entries(keys)) await domain.store.write(`${path}/${key}`, String(value))
  }

  start(): void {
    this.running = true
    this.handle.schedule()
  }

  stop(): void {
    this.running = false
  }

  /** Take what has been answered, and send as many frames as there is room for. It is woken by answers. */
  poll(): boolean {
    const { batch, bytes, front, port, slots } = this
    front.complete()
    if (!this.running) return false
    const room = Math.floor(front.ring.freeRequests() / slots)
    const count = room < batch ? room : batch
    if (count === 0 || port === null) return false
    front.send(count, bytes)
    this.domain.events.notify(port)
    return room > count
  }
}

/** TCP to be cut for long frames, UDP for others; checksums are left blank. */
function writeHeaders(domain: Domain, offset: number, bytes: number, machine: Uint8Array): void {
  const frame = new Frame(wordsOf(machine), domain.extent.base + offset, 17 * PAGE_SIZE, 0, null)
  frame.reset(0)
  const options = {
    sourceMac: parseMac(MAC),
    destinationMac: parseMac('00:16:3e:00:00:02'),
    source: parseIp('10.0.0.1'),
    destination: parseIp('10.0.0.2'),
    sourcePort: 40_000,
    destinationPort: 5001,
    sequence: 1,
    blank: true,
  }
  if (bytes <= LARGEST_FRAME) writeUdp(frame, { ...options, payloadLength: bytes - udpHeaders(options) })
  else writeTcp(frame, { ...options, gsoSize: MSS, payloadLength: bytes - tcpHeaders(options) })
}
