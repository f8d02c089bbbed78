// A guest that writes raw bytes, against one queue of netback. Nothing of our own ring classes is on the guest's side.
import { Random } from '@netaccel/packet'
import type { Frame } from '@netaccel/packet'
import { BackRing, Hypervisor, MappedPage, settle, VirtualClock } from '@netaccel/xen'
import type { Arena, Domain } from '@netaccel/xen'
import { describe, expect, it } from 'vitest'
import { BackQueue } from './back-queue.js'
import type { LazyCopyMode } from './lazy/modes.js'
import { MulticastList } from './multicast.js'
import { bytesOf } from './testing/raw-world.js'
import { RxStalls } from './rx-stall.js'

const ROUNDS = 150
const DATA_PAGES = 16

/** Parts of the queue that a fault is planted in. */
interface Inside {
  readonly fromGuest: {
    drop(frame: Frame, reason: string): void
    answerOnly(ring: BackRing, status: number): void
    takePlain(ring: BackRing, most: number): number
    take(ring: BackRing): boolean
    readonly mapped?: { run(): number; refuse(packet: number): void; launch(packet: number): void }
  }
  readonly toGuest: {
    readonly writer: {
      headroom: number
      readonly request: { id: number; gref: number }
      writePlain(): number
      write(ring: BackRing, frame: Frame): void
      writeExtras(ring: BackRing, index: number): number
      keep(frame: Frame): void
      slotsFor(length: number): number
      showFailures(): void
    }
  }
  readonly responses: { write(id: number, status: number, extras: number): void }
  readonly frames: { take(length: number): Frame | null; small: Frame | null }
  readonly batch: { run(): number; count: number; status(op: number): number }
  readonly packet: never
}
type Plant = (inside: Inside, tx: BackRing, rx: BackRing) => void

/** What one run of the fuzz has seen: equal inputs must give equal ones. */
interface Outcome {
  readonly problems: string[]
  readonly trace: string[]
}

class HostileGuest {
  readonly random: Random
  readonly view: DataView
  produced = 0
  private nextId = 0
  /** Ids of slots whose page cannot be copied: none of them is answered OKAY. */
  readonly mustFail = new Set<number>()
  /** By RX slot: what was posted there last. */
  readonly postedId = new Uint16Array(256)
  readonly postedRef = new Uint32Array(256)
  /** It has stood there since the connection: what it shows makes no sense any more. */
  rxLied = false
  /** RX responses that were looked at. */
  taken = 0

  readonly domain: Domain
  readonly tx: Arena
  readonly rx: Arena
  readonly refs: readonly number[]

  constructor(domain: Domain, tx: Arena, rx: Arena, refs: readonly number[], seed: number) {
    this.domain = domain
    this.tx = tx
    this.rx = rx
    this.refs = refs
    this.random = new Random(seed)
    this.view = domain.extent.view
  }

  begin(start: number): void {
    this.domain.extent.bytes.fill(0, this.tx.offset, this.tx.offset + 4096)
    this.domain.extent.bytes.fill(0, this.rx.offset, this.rx.offset + 4096)
    for (const page of [this.tx.offset, this.rx.offset]) {
      for (const at of [0, 8]) this.view.setUint32(page + at, start, true)
      for (const at of [4, 12]) this.view.setUint32(page + at, start + 1, true)
    }
    this.produced = start
    this.taken = start
    this.rxLied = false
    this.mustFail.clear()
  }

  /** The RX producer stands where no ring can have it. */
  get lies(): boolean {
    const { rx, view } = this
    return (view.getUint32(rx.offset, true) - view.getUint32(rx.offset + 8, true)) >>> 0 > 256
  }

  /** A reference whose page netback can write: the second half of them. */
  canWrite(ref: number): boolean {
    return this.refs.indexOf(ref) >= this.refs.length / 2
  }

  private chance(n: number): boolean {
    return this.random.below(n) === 0
  }

  private ref(): number {
    if (this.chance(12)) return this.random.next32()
    return this.refs[this.random.below(this.refs.length)]
  }

  /** One packet, mostly almost legal. */
  packet(): void {
    const { random } = this
    const slots = this.chance(10) ? 1 + random.below(24) : 1 + random.below(4)
    const extras = this.chance(4) ? 1 + random.below(2) : 0
    const sizes = Array.from({ length: slots }, () => (this.chance(20) ? 0 : 20 + random.below(900)))
    const total = sizes.reduce((sum, size) => sum + size, 0)
    for (let slot = 0; slot < slots; slot++) {
      const at = this.slot(this.produced++)
      const id = this.nextId++ & 0xffff
      const more = slot + 1 < slots && !this.chance(60) ? 4 : 0
      const low = slot === 0 ? random.below(4) | (extras > 0 ? 8 : 0) : 0
      const ref = this.ref()
      this.view.setUint32(at, ref, true)
      // With extra infos it may be a change of the multicast list, which copies nothing.
      if (sizes[slot] > 0 && extras === 0 && !this.refs.includes(ref)) this.mustFail.add(id)
      this.view.setUint16(at + 4, this.chance(40) ? random.below(65536) : random.below(3000), true)
      this.view.setUint16(at + 6, more | low | (this.chance(50) ? random.below(16) : 0), true)
      this.view.setUint16(at + 8, id, true)
      this.view.setUint16(
        at + 10,
        this.chance(40) ? random.below(65536) : slot === 0 ? total : sizes[slot],
        true,
      )
      if (slot === 0) for (let extra = 0; extra < extras; extra++) this.extra(extra + 1 < extras)
    }
  }

  private extra(more: boolean): void {
    const at = this.slot(this.produced++)
    this.view.setUint8(at, this.chance(15) ? this.random.below(256) : 1 + this.random.below(5))
    this.view.setUint8(at + 1, more ? 1 : this.chance(30) ? 1 : 0)
    this.view.setUint16(at + 2, this.chance(3) ? 0 : 1448, true)
    this.view.setUint8(at + 4, this.random.below(4))
    this.view.setUint32(at + 8, 0, true)
  }

  slot(index: number): number {
    return this.tx.offset + 64 + 12 * (index & 255)
  }

  /** Show it; true if the producer is one that no ring can have. */
  publish(answered: number): boolean {
    const lie = this.chance(25) ? this.random.next32() : 0
    this.view.setUint32(this.tx.offset, (this.produced + lie) >>> 0, true)
    if (this.chance(5)) this.view.setUint32(this.tx.offset + 12, this.random.next32(), true)
    // Pages for reception: some, none, a lie.
    const posted = this.view.getUint32(this.rx.offset, true)
    for (let i = 0; i < 64; i++) {
      const slot = (posted + i) & 255
      const at = this.rx.offset + 64 + 8 * slot
      this.postedId[slot] = this.random.below(65536)
      this.postedRef[slot] = this.ref()
      this.view.setUint16(at, this.postedId[slot], true)
      this.view.setUint32(at + 4, this.postedRef[slot], true)
    }
    const rsp = this.view.getUint32(this.rx.offset + 8, true)
    const room = 256 - ((posted - rsp) >>> 0)
    const lies = this.chance(25)
    const more = lies ? this.random.next32() : Math.min(room, this.random.below(this.chance(3) ? 4 : 65))
    if (lies && more > room) this.rxLied = true
    this.view.setUint32(this.rx.offset, (posted + more) >>> 0, true)
    return (this.produced + lie - answered) >>> 0 > 256
  }
}

/**
 * What stands in the RX ring since the last look, packet by packet; `sent`: lengths of the frames that are on the way, of
 * which some may have been dropped. What is wrong with it goes to `problems`.
 */
function lookAtRx(guest: HostileGuest, headroom: number, sent: number[], problems: string[]): void {
  const { view, rx } = guest
  const shown = view.getUint32(rx.offset + 8, true)
  if ((view.getUint32(rx.offset, true) - shown) >>> 0 > 256 && !guest.rxLied)
    problems.push('more pages were answered for than posted')
  if ((shown - guest.taken) >>> 0 > 256) {
    problems.push('more RX responses than a ring holds')
    return
  }
  let more = false
  let length = 0
  let whole = true
  let extras = 0
  for (; guest.taken !== shown; guest.taken = (guest.taken + 1) >>> 0) {
    const slot = guest.taken & 255
    const at = rx.offset + 64 + 8 * slot
    if (extras > 0) {
      extras = view.getUint8(at + 1) & 1
      if (view.getUint8(at) < 1 || view.getUint8(at) > 5) problems.push('an extra info that is none')
      continue
    }
    const flags = view.getUint16(at + 4, true)
    const status = view.getInt16(at + 6, true)
    if (view.getUint16(at, true) !== guest.postedId[slot]) problems.push('a page by another id')
    if (view.getUint16(at + 2, true) !== 0 || status > 4096) problems.push('bytes beyond the page')
    if (status >= 0 !== guest.canWrite(guest.postedRef[slot]))
      problems.push(`status ${status} of a page that can${status < 0 ? '' : 'not'} be written`)
    if (status >= 0) length += status - headroom
    else whole = false
    extras = (flags & 8) >> 3
    more = (flags & 4) !== 0
    if (more) continue
    while (whole && sent.length > 0 && sent[0] !== length) sent.shift()
    if (whole && sent.length === 0) problems.push(`${length} bytes that nobody sent`)
    sent.shift()
    length = 0
    whole = true
  }
  if (more || extras > 0) problems.push('a packet without an end')
}

async function fuzz(seed: number, foreign: number, plant?: Plant, lazyCopy?: LazyCopyMode): Promise<Outcome> {
  const clock = new VirtualClock()
  const hypervisor = new Hypervisor({ timeline: clock, machine: { bytes: 12 << 20 } })
  const driver = await settle(clock, hypervisor.createDomain({ name: 'driver', pages: 900 }))
  const domain = await settle(clock, hypervisor.createDomain({ name: 'hostile', pages: 128 }))
  const victim = await settle(clock, hypervisor.createDomain({ name: 'victim', pages: 64 }))
  const tx = domain.extent.allocPages(1)
  const rx = domain.extent.allocPages(1)
  const data = domain.extent.allocPages(DATA_PAGES)
  const secret = victim.extent.allocPages(8)
  const own = domain.extent.allocPages(4)
  // What the guest may not reach, and netback may not let it feel: bytes of the victim and of the driver domain.
  victim.extent.bytes.fill(foreign, secret.offset, secret.offset + secret.length)
  const canary = driver.extent.allocPages(8)
  driver.extent.bytes.fill(foreign ^ 0x5a, canary.offset, canary.offset + canary.length)
  domain.extent.bytes.fill(0x77, own.offset, own.offset + own.length)
  const filler = new Random(1)
  for (let i = 0; i < data.length; i++) domain.extent.bytes[data.offset + i] = filler.below(256)
  const refs = data.pages.map((page, i) => domain.grants.grant(0, page, i < DATA_PAGES / 2 ? 'ro' : 'rw'))
  const txRef = domain.grants.grant(0, tx.pages[0], 'rw')
  const rxRef = domain.grants.grant(0, rx.pages[0], 'rw')
  const before = driver.resources()
  const guest = new HostileGuest(domain, tx, rx, refs, seed)
  const problems: string[] = []
  const trace: string[] = []
  const arrived: Frame[] = []
  let fatal: string | null = null
  const owner = {
    name: 'vif-hostile',
    guest: domain.id,
    multicast: new MulticastList(),
    stalls: new RxStalls(),
    forward: (frames: readonly Frame[], count: number) => void arrived.push(...frames.slice(0, count)),
    fatal: (cause: string) => {
      fatal = cause
      queue.disconnect()
    },
  }
  const queue: BackQueue = new BackQueue(owner, 0, driver, { smallFrames: 32, jumboFrames: 2, lazyCopy })
  const inside = queue as unknown as Inside
  const run = inside.batch.run.bind(inside.batch)
  const meddle = (): void => {
    // The guest's other CPU: requests that were taken and not answered change between the check and the use (XSA-155).
    const ring = back
    const open = ring === null ? 0 : (ring.reqCons - ring.rspProdPvt) >>> 0
    const last = ring?.reqCons ?? 0
    for (let i = (last - (open > 256 ? 0 : open)) >>> 0; i !== last; i = (i + 1) >>> 0) {
      for (let at = 0; at < 12; at += 4) guest.view.setUint32(guest.slot(i) + at, guest.random.next32(), true)
    }
  }
  inside.batch.run = () => {
    meddle()
    return run()
  }
  const { mapped } = inside.fromGuest
  const runMapped = mapped?.run.bind(mapped)
  if (mapped !== undefined && runMapped !== undefined)
    mapped.run = () => {
      meddle()
      return runMapped()
    }
  const [txPage, rxPage] = [txRef, rxRef].map((ref) => driver.grantOps.map(domain.id, ref, 'rw'))
  if (!(txPage instanceof MappedPage) || !(rxPage instanceof MappedPage))
    throw new Error('the rings cannot be mapped')
  let back: BackRing | null = null
  let backRx: BackRing | null = null
  const headroom = [0, 128, 2000][seed % 3]
  const sent: number[] = []

  const connect = (): void => {
    guest.begin(guest.random.below(3) === 0 ? 0xffffffc0 : guest.random.next32())
    const txRing = BackRing.attach(txPage, 12)
    const rxRing = BackRing.attach(rxPage, 8)
    if (txRing === 'impossible' || rxRing === 'impossible') throw new Error('a fresh ring is impossible')
    plant?.(inside, txRing, rxRing)
    queue.setHeadroom(headroom)
    sent.length = 0
    back = txRing
    backRx = rxRing
    fatal = null
    queue.connect({
      tx: txRing,
      rx: rxRing,
      features: {
        sg: true,
        gsoTcpv4: false,
        gsoTcpv6: false,
        ipv4Checksum: false,
        ipv6Checksum: false,
        rxNotify: true,
      },
      split: false,
      notifyTx: () => {},
      notifyRx: () => {},
    })
  }

  try {
    connect()
    for (let round = 0; round < ROUNDS && problems.length === 0; round++) {
      if (fatal !== null || back === null) connect()
      const ring = back as BackRing | null
      if (ring === null) break
      const answered = ring.rspProdPvt
      const from = guest.produced
      const packets = 1 + guest.random.below(6)
      for (let i = 0; i < packets; i++) guest.packet()
      if ((guest.produced - answered) >>> 0 > 256) guest.produced = from
      const lied = guest.publish(answered)
      // A producer that lies a little shows old slots again: whatever stands in any slot may be asked for.
      const asked = new Set(
        Array.from({ length: 256 }, (__, slot) => guest.view.getUint16(guest.slot(slot) + 8, true)),
      )
      const slots = driver.engine.charged('slot')
      queue.event()
      await clock.run({ for: 1_000_000 })
      // Everything that came is looked at and then sent back to the guest.
      for (const frame of arrived) {
        if (frame.length > frame.capacity || frame.length < 14)
          problems.push(`a frame of ${frame.length} bytes in ${frame.capacity}`)
        let sum = frame.length
        const bytes = bytesOf(frame)
        for (let i = 0; i < frame.length; i += 61) sum = (Math.imul(sum, 31) + bytes[i]) | 0
        trace.push(`${frame.length}:${sum}:${frame.checksum}:${frame.gsoSize}`)
        sent.push(frame.length)
        queue.send(frame)
      }
      const echoed = arrived.length
      arrived.length = 0
      const delivered = queue.counters.tx_packets
      // What is mapped is answered when it has left, and what waits for the guest's own slots when it has been copied.
      await clock.run({ for: lazyCopy === undefined ? 1_000_000 : 1_500_000_000 })
      if (guest.lies && fatal === null && echoed > 0 && queue.counters.tx_packets !== delivered)
        problems.push('a lying RX producer, and nothing said')
      const rxRing = backRx as BackRing | null
      if (fatal === null && rxRing !== null) {
        if (!guest.rxLied) lookAtRx(guest, headroom, sent, problems)
        if (rxRing.rspProdPvt !== rxRing.reqCons) problems.push('a page was taken and not answered for')
      }
      if (driver.engine.charged('slot') - slots > 4096)
        problems.push('more slots than two rings hold were worked on')
      if ((ring.reqCons - answered) >>> 0 > 256) problems.push('more requests were taken than a ring holds')
      if (!lied && fatal === 'impossible number of requests') problems.push('an honest producer, and fatal')
      if (!lied && ((ring.reqCons - guest.view.getUint32(tx.offset, true)) | 0) > 0)
        problems.push('requests were taken that are not there')
      if (lied && !String(fatal).startsWith('impossible number'))
        problems.push(`a lying producer, and ${fatal ?? 'nothing said'}`)
      if (fatal === null) {
        if (ring.rspProdPvt !== ring.reqCons)
          problems.push(`${(ring.reqCons - ring.rspProdPvt) >>> 0} requests without an answer`)
        for (let i = answered; i !== ring.rspProdPvt; i = (i + 1) >>> 0) {
          const at = guest.slot(i)
          const id = guest.view.getUint16(at, true)
          const status = guest.view.getInt16(at + 2, true)
          if (status !== 1 && !asked.has(id))
            problems.push(`answer ${status} for id ${id}, which was not asked for`)
          if (status > 1 || status < -1) problems.push(`status ${status}`)
          if (status === 0 && guest.mustFail.has(id)) problems.push(`OKAY for what cannot be copied`)
        }
        if (guest.produced !== ring.reqCons) guest.produced = ring.reqCons
      }
      trace.push(`${round} ${fatal ?? ''} ${JSON.stringify(queue.counters)} ${ring.rspProdPvt}`)
    }
  } catch (error) {
    problems.push(error instanceof Error ? `threw ${error.message}` : 'threw')
  }
  queue.disconnect()
  await clock.run({ for: 20e9 })
  if (queue.frames.free !== queue.frames.size)
    problems.push(`${queue.frames.size - queue.frames.free} frames leaked`)
  queue.close()
  driver.grantOps.unmap(txPage)
  driver.grantOps.unmap(rxPage)
  const after = driver.resources()
  if (JSON.stringify(after) !== JSON.stringify(before)) problems.push(`left ${JSON.stringify(after)}`)
  const bad = (view: Uint8Array, arena: Arena, value: number): boolean =>
    view.subarray(arena.offset, arena.offset + arena.length).some((byte) => byte !== value)
  if (bad(victim.extent.bytes, secret, foreign)) problems.push('the victim was written')
  if (bad(driver.extent.bytes, canary, foreign ^ 0x5a)) problems.push('the driver domain was written')
  if (bad(domain.extent.bytes, own, 0x77)) problems.push('a page that was not granted was written')
  const check = new Random(1)
  for (let i = 0; i < data.length / 2; i++) {
    if (domain.extent.bytes[data.offset + i] === check.below(256)) continue
    problems.push('a page granted read-only was written')
    break
  }
  for (const ref of refs) if (!domain.grants.tryEnd(ref)) problems.push('a grant is still in use')
  return { problems, trace }
}

/** Fixed for the planted faults, which these must find; `npm run fuzz` gives the attacks others. */
const SEEDS = [1, 2, 3, 4, 5, 6]
const START = process.env.NETACCEL_SEED
const ATTACKS = START === undefined ? SEEDS : Array.from({ length: 32 }, (_, i) => Number(START) * 32 + i)

describe('netback against a guest that writes what it likes', () => {
  it.each(ATTACKS)(
    'seed %d: nothing thrown, leaked, unanswered, unbounded or written where it must not be',
    async (seed) => {
      const { problems, trace } = await fuzz(seed, 0x11)
      expect(problems).toEqual([])
      expect(trace.length).toBeGreaterThan(ROUNDS)
    },
  )

  it.each([
    ...ATTACKS.slice(0, 3).map((seed) => [seed, 'delayed'] as const),
    [4, 'always'],
    [5, 'netloop'],
  ] as const)("seed %d: nor with packets mapped: '%s'", async (seed, mode) => {
    const { problems, trace } = await fuzz(seed, 0x11, undefined, mode)
    expect(problems).toEqual([])
    expect(trace.length).toBeGreaterThan(ROUNDS)
  })

  it("finds pages let go that were not mapped (netback 2007's error path)", async () => {
    const plant: Plant = ({ fromGuest: { mapped } }) => {
      if (mapped !== undefined) mapped.refuse = (packet) => mapped.launch(packet)
    }
    const found: string[] = []
    for (const seed of SEEDS.slice(0, 2)) found.push(...(await fuzz(seed, 0x11, plant, 'delayed')).problems)
    expect(found).not.toEqual([])
  })

  it('pages of others do not show in what it does', async () => {
    expect((await fuzz(9, 0x11)).trace).toEqual((await fuzz(9, 0xee)).trace)
  })

  it.each(ATTACKS.slice(0, 3))('seed %d: the fast lanes do what the general code does', async (seed) => {
    let plain = 0
    const counted = await fuzz(seed, 0x11, ({ fromGuest }) => {
      if (Object.hasOwn(fromGuest, 'takePlain')) return
      const take = fromGuest.takePlain.bind(fromGuest)
      fromGuest.takePlain = (ring, most) => {
        const taken = take(ring, most)
        plain += taken
        return taken
      }
    })
    const without = await fuzz(seed, 0x11, ({ fromGuest, toGuest }) => {
      fromGuest.takePlain = () => 0
      toGuest.writer.writePlain = () => 0
    })
    expect(counted.trace).toEqual(without.trace)
    expect(plain).toBeGreaterThan(50)
  })

  const plants: Record<string, Plant> = {
    'no check of the request producer (XSA-39)': (_, tx) => {
      const words = tx.page.words
      tx.unconsumedRequests = () => (words[tx.page.offset >> 2] - tx.reqCons) >>> 0
    },
    'an id read from the ring a second time (XSA-155)': ({ responses }, tx) => {
      const write = responses.write.bind(responses)
      responses.write = (_, status, extras) =>
        write(tx.page.view.getUint16(tx.slotOffset(tx.rspProdPvt) + 8, true), status, extras)
    },
    'a wrong ring mask': (_, tx) => {
      const { offset } = tx.page
      tx.slotOffset = (index) => offset + 64 + 12 * (index & 127)
    },
    'a frame kept when its copy failed': ({ fromGuest }) => {
      fromGuest.drop = () => {}
    },
    'a frame too small for the packet': ({ frames }) => {
      const take = frames.take.bind(frames)
      frames.take = () => take(64)
    },
    'only the first slot of a refused packet answered': ({ fromGuest, responses }) => {
      const answer = fromGuest.answerOnly.bind(fromGuest)
      const write = responses.write.bind(responses)
      fromGuest.answerOnly = (ring, status) => {
        let first = true
        responses.write = (id, value, extras) => {
          if (first) write(id, value, extras)
          first = false
        }
        answer(ring, status)
        responses.write = write
      }
    },
    'extra infos that are not answered': ({ responses }) => {
      const write = responses.write.bind(responses)
      responses.write = (id, status) => write(id, status, 0)
    },
    'two answers for a slot': ({ responses }) => {
      const write = responses.write.bind(responses)
      responses.write = (id, status, extras) => {
        write(id, status, extras)
        if (extras > 0) write(id, status, 0)
      }
    },
    'a request taken that is not there': ({ fromGuest }) => {
      const take = fromGuest.take.bind(fromGuest)
      fromGuest.take = (ring) => {
        const taken = take(ring)
        if (taken) ring.reqCons = (ring.reqCons + 1) >>> 0
        return taken
      }
    },
    'a frame released twice': ({ fromGuest }) => {
      const drop = fromGuest.drop.bind(fromGuest)
      fromGuest.drop = (frame, reason) => {
        drop(frame, reason)
        frame.release()
      }
    },
    'a status that is none': ({ responses }) => {
      const write = responses.write.bind(responses)
      responses.write = (id, status, extras) => write(id, status * 3, extras)
    },
    'a frame taken and forgotten': ({ frames }) => {
      const take = frames.take.bind(frames)
      let calls = 0
      frames.take = (length) => {
        if (++calls % 50 === 0) take(length)
        return take(length)
      }
    },
    'changes of the multicast list that are not answered': ({ fromGuest }) => {
      const answer = fromGuest.answerOnly.bind(fromGuest)
      fromGuest.answerOnly = (ring, status) => {
        const { packet } = fromGuest as unknown as { packet: { isMulticast: boolean; requests: number } }
        if (packet.isMulticast) ring.reqCons = (ring.reqCons + packet.requests) >>> 0
        else answer(ring, status)
      }
    },
    'failed copies that nobody looks at': ({ batch }) => {
      const run = batch.run.bind(batch)
      batch.run = () => {
        run()
        return 0
      }
    },
  }

  const general = (
    { toGuest }: Inside,
    change: (ring: BackRing, first: number, headroom: number) => void,
  ): void => {
    const { writer } = toGuest
    const write = writer.write.bind(writer)
    writer.writePlain = () => 0
    writer.write = (ring, frame) => {
      const first = ring.reqCons
      write(ring, frame)
      change(ring, first, writer.headroom)
    }
  }
  const half = (ring: BackRing, index: number): number => (ring.slotOffset(index) >> 2) + 1

  const rxPlants: Record<string, Plant> = {
    'no check of the RX producer': (_, __, rx) => {
      const words = rx.page.words
      rx.unconsumedRequests = () => Math.min(256, (words[rx.page.offset >> 2] - rx.reqCons) >>> 0)
    },
    'a wrong mask of the RX ring': (inside, _, rx) => {
      const { offset } = rx.page
      inside.toGuest.writer.writePlain = () => 0
      rx.slotOffset = (index) => offset + 64 + 8 * (index & 127)
    },
    'an id that is not the request’s': ({ toGuest }) => {
      toGuest.writer.writePlain = () => 0
      Object.defineProperty(toGuest.writer.request, 'id', { get: () => 7, set: () => {}, configurable: true })
    },
    'a page that is not the request’s': ({ toGuest }) => {
      toGuest.writer.writePlain = () => 0
      Object.defineProperty(toGuest.writer.request, 'gref', {
        get: () => 8,
        set: () => {},
        configurable: true,
      })
    },
    'a failed copy that is not told of': ({ toGuest }) => {
      toGuest.writer.showFailures = () => {}
    },
    'a good copy that is told of as failed': (inside) => {
      general(inside, (ring, first) => (ring.page.words[half(ring, first)] |= 0x80000000))
    },
    'extra infos announced and left out': (inside) => {
      inside.toGuest.writer.writeExtras = (_, index) => index
    },
    'a status without the headroom': (inside) => {
      general(inside, (ring, first, headroom) => (ring.page.words[half(ring, first)] -= headroom << 16))
    },
    'more data announced behind the last slot': (inside) => {
      general(inside, (ring) => (ring.page.words[half(ring, ring.reqCons - 1)] |= 4))
    },
    'an offset that is not where the bytes are': (inside) => {
      general(inside, (ring, first) => (ring.page.words[half(ring, first) - 1] += 16 << 16))
    },
    'a page taken and not answered for': (inside) => {
      general(inside, (ring) => (ring.rspProdPvt = (ring.rspProdPvt - 1) >>> 0))
    },
    'slots of extra infos that are not counted': ({ toGuest }) => {
      toGuest.writer.slotsFor = (length) => (length + 4095) >>> 12
    },
    'a written frame that is kept for ever': ({ toGuest }) => {
      toGuest.writer.keep = () => {}
    },
  }

  it.each([
    ...Object.entries(plants).map(([name, plant]) => [`in the TX ring: ${name}`, plant] as const),
    ...Object.entries(rxPlants).map(([name, plant]) => [`in the RX ring: ${name}`, plant] as const),
  ])('finds %s', async (_, plant) => {
    let found: readonly string[] = []
    for (const seed of SEEDS) {
      if (found.length === 0) found = (await fuzz(seed, 0x11, plant)).problems
    }
    expect(found).not.toEqual([])
  })
})
