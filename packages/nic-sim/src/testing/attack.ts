// A guest that writes whatever it likes, beside one that works: what the NIC must never do, as a list of findings.
import { Random } from '@netaccel/packet'
import type { Arena } from '@netaccel/xen'
import { VirtualClock } from '@netaccel/xen'
import {
  bufferAddress,
  DOORBELL_EVENT_ARM,
  DOORBELL_EVENT_READ,
  DOORBELL_RX,
  DOORBELL_TX,
  EVENT_RX,
  TX_CONTINUE,
} from '../constants.js'
import { Wire } from '../index.js'
import { RawGuest } from './raw-guest.js'
import { handleOf, Host, key, pattern, share, udp, written } from './rig.js'

const ROUNDS = 120
const HOSTILE_PORT = 2000
const GOOD_PORT = 6000
const BUFFER = 2048

/** What one attack left to see. `findings` is empty for a sound NIC. */
export interface Attack {
  readonly findings: string[]
  /** All that the hostile guest can observe: must not depend on memory that is not its own. */
  readonly observed: Uint8Array
}

class Battle {
  readonly random: Random
  readonly clock = new VirtualClock()
  readonly near: Host
  readonly far: Host
  readonly hostile: RawGuest
  readonly good: RawGuest
  readonly poison: number
  readonly canaries: { name: string; arena: Arena }[] = []
  readonly findings: string[] = []
  readonly goodSent: Uint8Array[] = []
  readonly goodExpected: Uint8Array[] = []
  readonly goodReceived: Uint8Array[] = []
  private registered = true
  /** This one posts no receive buffer, ever. */
  private readonly mute: boolean

  constructor(seed: number, poison: number) {
    this.random = new Random(`attack ${seed}`)
    this.poison = poison
    this.mute = seed % 4 === 0
    this.near = new Host(this.clock, 'near', { vis: 4 })
    this.far = new Host(this.clock, 'far', {}, { tx: 512 })
    new Wire().join(this.near.device, this.far.device)
    this.hostile = new RawGuest(this.near, 1, { events: 64, tx: 64, rx: 64, buffers: 8 })
    this.good = new RawGuest(this.near, 2)
    this.canary('unregistered pages of the hostile guest', this.hostile.extent.allocPages(8))
    const spare = this.good.extent.allocPages(8)
    this.canary("registered pages of the good guest's VI", spare)
    this.good.vi.register(share(this.near, this.good.grants, 2, this.near.ops, spare.pages).map(handleOf))
    this.canary("the driver domain's pages", this.near.extent.allocPages(8))
    this.near.driver.filters.insert(key(17, HOSTILE_PORT), this.hostile.vi)
    this.near.driver.filters.insert(key(17, GOOD_PORT), this.good.vi)
    this.good.buffers.bytes.fill(
      poison,
      this.good.buffers.offset,
      this.good.buffers.offset + this.good.buffers.length,
    )
    for (let i = 0; i < 24; i++) this.good.postRx(i * BUFFER, BUFFER)
    this.good.ringRx()
  }

  async fight(): Promise<Attack> {
    try {
      for (let round = 0; round < ROUNDS; round++) {
        for (let i = this.random.below(6); i > 0; i--) this.attack()
        this.work(round)
        await this.clock.run({ for: 100_000 })
        this.check()
      }
      // What the attack held up comes now; the good guest goes on polling, or its own buffers would run out.
      for (let slice = 0; slice < 300; slice++) {
        await this.clock.run({ for: 500_000 })
        this.check()
      }
    } catch (error) {
      this.findings.push(`threw ${String(error)}`)
    }
    this.judge()
    return { findings: this.findings, observed: this.observed() }
  }

  private canary(name: string, arena: Arena): void {
    arena.bytes.fill(this.poison, arena.offset, arena.offset + arena.length)
    this.canaries.push({ name, arena })
  }

  private attack(): void {
    const { random, hostile } = this
    const action = random.below(10)
    if (this.mute && (action === 1 || action === 4 || action === 6)) return
    switch (action) {
      case 0:
        return this.scribble(hostile.txRing[0].view)
      case 1:
        return this.scribble(hostile.rxRing[0].view)
      case 2:
      case 3:
        return this.plausible(hostile.txRing[0].view, hostile.vi.hardware.txProducer)
      case 4:
        return this.plausible(hostile.rxRing[0].view, hostile.vi.hardware.rxProducer)
      case 5:
        return hostile.doorbell.write32(DOORBELL_TX, this.index(hostile.vi.hardware.txProducer))
      case 6:
        return hostile.doorbell.write32(DOORBELL_RX, this.index(hostile.vi.hardware.rxProducer))
      case 7:
        if (random.chance(0.8)) hostile.poll(random.chance(0.5))
        else hostile.doorbell.write32(random.pick([DOORBELL_EVENT_READ, DOORBELL_EVENT_ARM]), random.next32())
        return
      case 8:
        return this.register()
      default:
        hostile.doorbell.write32(random.below(1024) * 4, random.next32())
    }
  }

  private scribble(view: DataView): void {
    for (let i = this.random.below(64); i > 0; i--)
      view.setUint32(this.random.below(128) * 4, this.random.next32(), true)
  }

  /** Descriptors that are nearly right: this is what finds what pure noise does not. */
  private plausible(view: DataView, from: number): void {
    const { random, hostile } = this
    const count = random.below(12) + 1
    for (let i = 0; i < count; i++) {
      const index = (from + i) >>> 0
      const slot = (index & 63) * 8
      const address = bufferAddress(hostile.index - 2 + random.below(14), random.below(4096))
      let word1 = random.chance(0.1) ? random.below(0x10000) : random.below(2000)
      if (random.chance(0.3)) word1 |= TX_CONTINUE
      if (random.chance(0.1)) word1 |= random.next32() & 0x7fff0000
      const phase = random.chance(0.95) ? (index & 64) === 0 : random.chance(0.5)
      view.setUint32(slot, random.chance(0.05) ? random.next32() : address, true)
      view.setUint32(slot + 4, ((word1 & 0x7fffffff) | (phase ? 0x80000000 : 0)) >>> 0, true)
    }
  }

  private index(near: number): number {
    return this.random.chance(0.85) ? (near + this.random.below(16)) >>> 0 : this.random.next32()
  }

  /** Two pages go, and come back at another address; in between they are canaries. */
  private register(): void {
    const { hostile } = this
    if (!this.registered) return
    this.registered = false
    hostile.vi.unregister(hostile.index + 6, 2)
    const { buffers } = hostile
    const offset = buffers.offset + 6 * 4096
    this.canary('pages that the hostile guest unregistered', { ...buffers, offset, length: 2 * 4096 })
  }

  /** What the others do meanwhile. */
  private work(round: number): void {
    const { far, good, near } = this
    if (far.txPool.free > 4) far.send(udp(pattern(200, round), { destinationPort: HOSTILE_PORT }))
    const inbound = udp(pattern(100 + round, round), { destinationPort: GOOD_PORT })
    far.send(inbound)
    this.goodExpected.push(written(inbound))
    const outbound = written(udp(pattern(150, round), { destinationPort: GOOD_PORT }))
    good.send(50 * 1024 + (round % 32) * 512, outbound)
    this.goodSent.push(outbound)
    near.send(udp(pattern(20, round), { destinationPort: 7000 }))
  }

  private check(): void {
    const { vi } = this.hostile
    if ((vi.hardware.txProducer - vi.hardware.txConsumer) >>> 0 > 64)
      this.findings.push('a TX index out of range was taken')
    if ((vi.hardware.rxProducer - vi.hardware.rxConsumer) >>> 0 > 64)
      this.findings.push('an RX index out of range was taken')
    this.takeGood()
  }

  /** The good guest's poll: takes frames out, looks at what lies behind them, posts the buffers again. */
  private takeGood(): void {
    const { good } = this
    for (const { kind, slot, count } of good.poll()) {
      if (kind !== EVENT_RX) continue
      const at = (slot % 24) * BUFFER
      this.goodReceived.push(good.get(at, count))
      if (good.get(at + count, 300).some((byte) => byte !== this.poison))
        this.findings.push('bytes behind a received frame')
      const start = good.buffers.offset + at
      good.buffers.bytes.fill(this.poison, start, start + BUFFER)
      good.postRx((good.rxProducer % 24) * BUFFER, BUFFER)
    }
    good.ringRx()
  }

  private judge(): void {
    for (const { name, arena } of this.canaries) {
      const bytes = arena.bytes.subarray(arena.offset, arena.offset + arena.length)
      if (bytes.some((byte) => byte !== this.poison)) this.findings.push(`wrote into ${name}`)
    }
    const port = (frame: Uint8Array): number => (frame.length < 38 ? 0 : frame[36] * 256 + frame[37])
    if (!same(this.goodReceived, this.goodExpected))
      this.findings.push("the good guest's received frames are not what was sent")
    // The fight lasts 12 ms and a pause 10: whoever is waited for oftener was waited for without having posted.
    if (this.near.device.statistics().pauseTimeouts > 3) this.findings.push('the wire waited again and again')
    const sent = this.far.received.filter((frame) => port(frame) === GOOD_PORT)
    if (!same(sent, this.goodSent)) this.findings.push("the good guest's sent frames did not all arrive")
    if (this.far.received.filter((frame) => port(frame) === 7000).length !== ROUNDS)
      this.findings.push("the driver domain's frames did not all arrive")
  }

  private observed(): Uint8Array {
    const { hostile } = this
    return Buffer.concat([
      ...this.far.received,
      hostile.events[0].bytes.subarray(0, 512),
      hostile.buffers.bytes.subarray(hostile.buffers.offset, hostile.buffers.offset + 6 * 4096),
    ])
  }
}

function same(a: readonly Uint8Array[], b: readonly Uint8Array[]): boolean {
  return a.length === b.length && a.every((bytes, i) => Buffer.compare(bytes, b[i]) === 0)
}

/** One attack, run twice with other bytes in all memory that is not the hostile guest's. */
export async function attack(seed: number): Promise<string[]> {
  const first = await new Battle(seed, 0xa5).fight()
  const second = await new Battle(seed, 0x5a).fight()
  const findings = [...first.findings, ...second.findings]
  if (Buffer.compare(first.observed, second.observed) !== 0)
    findings.push('the hostile guest saw memory of others')
  return [...new Set(findings)]
}
