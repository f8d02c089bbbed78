import type { BackendVif, Channel, Closable, GrantRef, View } from '@netaccel/core'
import { parseMac } from '@netaccel/core'
import {
  ARM,
  DONE,
  KEY_CHANNEL,
  KEY_QUEUES,
  KEY_RX_PAGES,
  KEY_TX_PAGES,
  LENGTH_MASK,
  PAGE,
  readNumbers,
  RX_HEAD,
  RX_RING,
  RX_TAIL,
  SEEN,
  SLOTS,
  TX_RING,
  TX_TAIL,
} from '../layout.js'
import { PeerList } from '../peers.js'
import { Ring } from '../ring.js'
import { PageTable } from './page-table.js'

interface LaneParts {
  readonly scope: Closable
  readonly vif: BackendVif
  readonly channel: Channel
  /** Three pages of our own: rings, registers, peers. */
  readonly memory: View
  readonly table: PageTable
}

/**
 * One guest as the switch sees it: its rings, its registers, its pages. The guest may write anything into them; each word
 * is read once and checked, and what is wrong harms nobody but that guest.
 */
export class Lane {
  readonly high: number
  readonly low: number
  readonly peers: PeerList
  readonly table: PageTable
  /** Others may send to it. */
  listed = false
  /** Took no frame for a long time: nothing is kept waiting for it until it goes on. */
  stalled = false
  /** A frame has found no buffer. */
  awaited = false
  private readonly parts: LaneParts
  private readonly sends: Ring
  private readonly buffers: Ring
  private readonly registers: View
  private sendHead = 0
  private bufferHead = 0
  /** Whose frames stand in its buffers, and which of their sends: by place, from `readHead` to `bufferHead`. */
  private readonly unreadFrom: (Lane | null)[] = Array.from({ length: SLOTS }, () => null)
  private readonly unreadIndex = new Float64Array(SLOTS)
  private readHead = 0
  private progress = 0
  private armHonoured = 0
  private isDone = false

  constructor(parts: LaneParts) {
    const { memory, vif, table } = parts
    this.parts = parts
    this.table = table
    this.sends = new Ring(memory, TX_RING)
    this.buffers = new Ring(memory, RX_RING)
    this.registers = { ...memory, offset: memory.offset + PAGE }
    this.peers = new PeerList({ ...memory, offset: memory.offset + 2 * PAGE })
    const mac = parseMac(vif.mac)
    const view = new DataView(mac.buffer, mac.byteOffset, mac.length)
    this.high = view.getUint16(0)
    this.low = view.getInt32(2)
  }

  /** A send stands at the head. An index beyond the ring is none that an honest guest writes, and not believed. */
  get wantsToSend(): boolean {
    const waiting = (this.register(TX_TAIL) - this.sendHead) >>> 0
    return waiting > 0 && waiting <= SLOTS
  }

  /** The descriptor at the head. Each word is to be read once. */
  sendAddress(): number {
    return this.sends.word0(this.sendHead) >>> 0
  }

  sendWord(): number {
    return this.sends.word1(this.sendHead)
  }

  /** The send at the head is fetched. Its index, for {@link sent}. */
  takeSend(): number {
    const index = this.sendHead
    this.sendHead = (this.sendHead + 1) >>> 0
    return index
  }

  /** The other guest has delivered the frame, or never will. */
  sent(index: number, flags: number): void {
    this.sends.writeWord1(index, DONE | flags)
    this.isDone = true
  }

  get canReceive(): boolean {
    const waiting = (this.register(RX_TAIL) - this.bufferHead) >>> 0
    return waiting > 0 && waiting <= SLOTS && this.unread < SLOTS
  }

  /** Address of the buffer at the head, or 0: it is too small for `length` bytes, or not the guest's. */
  bufferFor(length: number): number {
    const address = this.buffers.word0(this.bufferHead) >>> 0
    const size = this.buffers.word1(this.bufferHead) & LENGTH_MASK
    return size >= length && this.table.takes(address, length) ? address : 0
  }

  /** The buffer at the head holds a frame that `from` has sent; null: none, the buffer was no good. */
  received(word: number, from: Lane | null, index: number): void {
    const place = this.bufferHead & (SLOTS - 1)
    this.buffers.writeWord1(this.bufferHead, DONE | word)
    this.unreadFrom[place] = from
    this.unreadIndex[place] = index
    this.bufferHead = (this.bufferHead + 1) >>> 0
    this.isDone = true
  }

  /** Completes at their senders what the guest has delivered since. An index that it has not come to is not believed. */
  complete(): void {
    const head = this.register(RX_HEAD)
    if ((this.bufferHead - head) >>> 0 <= this.unread) this.completeTo(head)
  }

  /** The guest has gone, or reads nothing: its senders shall not wait. What stands in its buffers has left them. */
  completeAll(): void {
    this.completeTo(this.bufferHead)
  }

  /** A guest has gone that had sent to this one: its rings are no longer ours to write. */
  forget(sender: Lane): void {
    for (let place = 0; place < SLOTS; place++)
      if (this.unreadFrom[place] === sender) this.unreadFrom[place] = null
  }

  /** To be called at intervals. False: it is owed something, or somebody waits for it, and it has not moved since. */
  get hasMoved(): boolean {
    const progress = (this.register(RX_HEAD) + this.register(RX_TAIL)) >>> 0
    const moved = progress !== this.progress
    this.progress = progress
    return moved
  }

  /** Frames in its buffers that it has not delivered. */
  get unread(): number {
    return (this.bufferHead - this.readHead) >>> 0
  }

  /** It sends by the list of peers that stands in its page now, or has not begun to. */
  get isUpToDate(): boolean {
    const seen = this.register(SEEN)
    return seen === 0 || seen === this.peers.version
  }

  /** The list of peers is another now. */
  tell(peers: readonly Lane[]): void {
    this.peers.write(peers.map(({ high, low }) => [high, low] as const))
    this.isDone = true
    this.wake()
  }

  /** One event if something was done and the guest has asked for one. */
  wake(): void {
    const arm = this.register(ARM)
    if (!this.isDone || arm === this.armHonoured) return
    this.isDone = false
    this.armHonoured = arm
    this.parts.channel.notify()
  }

  /** The guest's pages are unmapped, and ours are taken back. */
  async close(): Promise<void> {
    this.table.clear()
    await this.parts.vif.keys.write({ [KEY_QUEUES]: undefined })
    await this.parts.scope.close()
  }

  private completeTo(head: number): void {
    for (; this.readHead !== head; this.readHead = (this.readHead + 1) >>> 0) {
      const place = this.readHead & (SLOTS - 1)
      this.unreadFrom[place]?.sent(this.unreadIndex[place], 0)
      this.unreadFrom[place] = null
    }
  }

  private register(at: number): number {
    return this.registers.view.getUint32(this.registers.offset + at, true)
  }
}

/** Reads the guest's keys once and takes what they name. A string: why that cannot be; nothing is kept then. */
export async function openLane(vif: BackendVif, event: () => void): Promise<Lane | string> {
  const scope = vif.child('lane')
  const made = await tryOpen(vif, scope, event)
  if (typeof made === 'string') await scope.close()
  return made
}

async function tryOpen(
  vif: BackendVif,
  scope: BackendVif & Closable,
  event: () => void,
): Promise<Lane | string> {
  const read = async (key: string): Promise<number[] | undefined> =>
    readNumbers(await scope.keys.readPeer(key))
  const sends = await read(KEY_TX_PAGES)
  const receives = await read(KEY_RX_PAGES)
  const [port] = (await read(KEY_CHANNEL)) ?? []
  if (sends === undefined || receives === undefined || port === undefined) return 'its keys'
  if (sends.length + receives.length > vif.limits.bufferPages) {
    vif.punish(`it asked for ${sends.length + receives.length} pages of buffers`)
    return 'it asks for too much'
  }
  const memory = scope.arena(3)
  const table = new PageTable()
  const sendBase = addPages(scope, table, sends, 'ro')
  const receiveBase = addPages(scope, table, receives, 'rw')
  if (sendBase < 0 || receiveBase < 0) return 'its pages'
  const channel = scope.connect(port, event)
  if (channel === undefined) return `its event channel ${port}`
  const [rings, registers, peers] = memory.pages
  const refs = [scope.grant(rings, 'rw'), scope.grant(registers, 'rw'), scope.grant(peers, 'ro')]
  const lane = new Lane({ scope, vif, channel, memory, table })
  const said = await scope.keys.write({ [KEY_QUEUES]: [sendBase, receiveBase, ...refs].join(' ') })
  return said ? lane : 'its directory is gone'
}

function addPages(
  scope: BackendVif,
  table: PageTable,
  refs: readonly GrantRef[],
  access: 'ro' | 'rw',
): number {
  const mapping = scope.map(refs, access)
  return typeof mapping === 'number' ? -1 : table.add(mapping.pages, access === 'rw')
}
