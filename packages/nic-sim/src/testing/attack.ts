// A guest that writes whatever it likes, beside one that works: what the NIC must never do, as a list of findings.
import { parseMac, Random } from '@netaccel/packet'
import type { Arena } from '@netaccel/xen'
import { VirtualClock } from '@netaccel/xen'
import { ENTRY_BYTES, EVENT_RX, EVENT_TX, EVENT_TX_DISCARD, RX_SWITCHED } from '../constants.js'
import { Wire } from '../index.js'
import { GOOD_MAC, HOSTILE_MAC, HOSTILE_RING, HostileGuest, LOCAL_PORT, LONG_CHAIN } from './hostile-guest.js'
import { RawGuest } from './raw-guest.js'
import { handleOf, Host, key, pattern, share, udp, written } from './rig.js'

const ROUNDS = 120
const HOSTILE_PORT = 2000
const GOOD_PORT = 6000
/** Of the driver domain: out and in. */
const HOST_OUT = 7000
const HOST_IN = 7001
const BUFFER = 2048
const POSTED = 6

/** What one attack left to see. `findings` is empty for a sound NIC. */
export interface Attack {
  readonly findings: string[]
  /** All that the hostile guest can observe: must not depend on memory that is not its own. */
  readonly observed: Uint8Array
  /** Words that the hostile guest wrote. */
  readonly inputs: number
}

class Battle {
  readonly random: Random
  readonly clock = new VirtualClock()
  readonly near: Host
  readonly far: Host
  readonly hostile: HostileGuest
  readonly enemy: RawGuest
  readonly good: RawGuest
  readonly poison: number
  readonly canaries: { name: string; arena: Arena }[] = []
  readonly findings: string[] = []
  readonly goodSent: Uint8Array[] = []
  readonly goodExpected: Uint8Array[] = []
  readonly goodReceived: Uint8Array[] = []
  readonly hostExpected: Uint8Array[] = []
  private goodCompleted = 0
  private goodTaken = 0

  constructor(seed: number, poison: number) {
    this.random = new Random(`attack ${seed}`)
    this.poison = poison
    this.near = new Host(this.clock, 'near', { vis: 4 })
    this.far = new Host(this.clock, 'far', {}, { tx: 512 })
    new Wire().join(this.near.device, this.far.device)
    const ring = HOSTILE_RING
    this.enemy = new RawGuest(this.near, 1, {
      events: ring,
      tx: ring,
      rx: ring,
      buffers: 8,
      mac: HOSTILE_MAC,
    })
    // Small rings, so that the good guest goes round them during the fight.
    this.good = new RawGuest(this.near, 2, { events: 128, tx: 64, rx: 64, mac: GOOD_MAC })
    this.canary('unregistered pages of the hostile guest', this.enemy.extent.allocPages(8))
    const spare = this.good.extent.allocPages(8)
    this.canary("registered pages of the good guest's VI", spare)
    const foreign = this.good.vi.register(
      share(this.near, this.good.grants, 2, this.near.ops, spare.pages).map(handleOf),
    )
    this.canary("the driver domain's pages", this.near.extent.allocPages(8))
    this.canaryBehindRings()
    this.hostile = new HostileGuest(this.enemy, this.random, foreign, seed % 4 === 0)
    this.near.driver.filters.insert(key(17, HOSTILE_PORT), this.enemy.vi)
    this.near.driver.filters.insert(key(17, GOOD_PORT), this.good.vi)
    this.near.driver.filters.insert(key(17, LOCAL_PORT), this.good.vi)
    this.good.buffers.bytes.fill(
      poison,
      this.good.buffers.offset,
      this.good.buffers.offset + this.good.buffers.length,
    )
    for (let i = 0; i < POSTED; i++) this.good.postRx(i * BUFFER, BUFFER)
    this.good.ringRx()
  }

  async fight(): Promise<Attack> {
    try {
      for (let round = 0; round < ROUNDS; round++) {
        for (let i = this.random.below(6); i > 0; i--) this.move()
        this.work(round)
        await this.clock.run({ for: 100_000 })
        this.check()
      }
      // What the attack held up comes now; the good guest goes on polling, or its own buffers would run out.
      for (let slice = 0; slice < 300; slice++) {
        await this.clock.run({ for: 500_000 })
        this.check()
      }
      this.judge()
      await this.aftermath()
    } catch (error) {
      this.findings.push(`threw ${String(error)}`)
    }
    return { findings: this.findings, observed: this.observed(), inputs: this.hostile.inputs }
  }

  private canary(name: string, arena: Arena): void {
    arena.bytes.fill(this.poison, arena.offset, arena.offset + arena.length)
    this.canaries.push({ name, arena })
  }

  /** The rings are shorter than the pages that they lie in. */
  private canaryBehindRings(): void {
    const { rings } = this.enemy
    const used = HOSTILE_RING * ENTRY_BYTES
    for (let page = 0; page < rings.length; page += 4096) {
      const part = { ...rings, offset: rings.offset + page + used, length: 4096 - used }
      this.canary("what lies behind the hostile guest's rings", part)
    }
  }

  private move(): void {
    const { buffers } = this.enemy
    this.hostile.move((at, pages) => {
      const arena = { ...buffers, offset: buffers.offset + at, length: pages * 4096 }
      this.canary('pages that the hostile guest unregistered', arena)
    })
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
    near.send(udp(pattern(20, round), { destinationPort: HOST_OUT }))
    const toHost = udp(pattern(30, round), { destinationPort: HOST_IN })
    far.send(toHost)
    this.hostExpected.push(written(toHost))
  }

  private check(): void {
    const { hardware } = this.enemy.vi
    if ((hardware.txProducer - hardware.txConsumer) >>> 0 > HOSTILE_RING)
      this.findings.push('a TX index out of range was taken')
    if ((hardware.rxProducer - hardware.rxConsumer) >>> 0 > HOSTILE_RING)
      this.findings.push('an RX index out of range was taken')
    if (hardware.wakeups > this.hostile.arms)
      this.findings.push('the driver domain was woken oftener than was asked for')
    this.takeGood()
  }

  /** The good guest's poll: takes frames out, looks at what lies behind them, posts the buffers again. */
  private takeGood(): void {
    const { good } = this
    for (const { kind, slot, count, word1 } of good.poll()) {
      if (kind === EVENT_TX || kind === EVENT_TX_DISCARD) this.goodCompleted += count
      if (kind !== EVENT_RX) continue
      if (slot !== (this.goodTaken & 63)) this.findings.push('a slot came back out of turn')
      const at = (this.goodTaken++ % POSTED) * BUFFER
      const frame = good.get(at, count)
      if ((word1 & RX_SWITCHED) === 0) this.goodReceived.push(frame)
      else if (Buffer.compare(frame.subarray(0, 6), parseMac(GOOD_MAC)) !== 0)
        this.findings.push('the switch gave the good guest what is not for it')
      if (good.get(at + count, 300).some((byte) => byte !== this.poison))
        this.findings.push('bytes behind a received frame')
      const start = good.buffers.offset + at
      good.buffers.bytes.fill(this.poison, start, start + BUFFER)
      good.postRx((good.rxProducer % POSTED) * BUFFER, BUFFER)
    }
    good.ringRx()
  }

  private judge(): void {
    for (const { name, arena } of this.canaries) {
      const bytes = arena.bytes.subarray(arena.offset, arena.offset + arena.length)
      if (bytes.some((byte) => byte !== this.poison)) this.findings.push(`wrote into ${name}`)
    }
    if (!same(this.goodReceived, this.goodExpected))
      this.findings.push("the good guest's received frames are not what was sent")
    if (this.goodCompleted !== ROUNDS)
      this.findings.push(`${this.goodCompleted} completions for the good guest's ${ROUNDS} descriptors`)
    // The fight lasts 12 ms and a pause 10: whoever is waited for oftener was waited for without having posted.
    if (this.near.device.statistics().pauseTimeouts > 3) this.findings.push('the wire waited again and again')
    if (!same(arrivedAt(this.far, GOOD_PORT), this.goodSent))
      this.findings.push("the good guest's sent frames did not all arrive")
    if (arrivedAt(this.far, HOST_OUT).length !== ROUNDS)
      this.findings.push("the driver domain's frames did not all arrive")
    if (!same(arrivedAt(this.near, HOST_IN), this.hostExpected))
      this.findings.push('not all frames for the driver domain arrived')
    if (this.far.received.some((frame) => Buffer.compare(frame.subarray(0, 32), LONG_CHAIN) === 0))
      this.findings.push('a frame of more descriptors than may be gathered was sent')
    this.judgeSwitch()
  }

  /** The hostile guest's VI is closed; another guest gets its place, and nothing of it. */
  private async aftermath(): Promise<void> {
    const { near, far, enemy, good } = this
    enemy.vi.close()
    const heir = new RawGuest(near, 3, { events: 64, tx: 64, rx: 64, buffers: 8 })
    heir.postRx(0, BUFFER)
    heir.ringRx()
    for (const register of [0, 4, 8, 12]) this.hostile.ring(register, this.random.next32())
    far.send(udp(pattern(77), { destinationPort: HOSTILE_PORT }))
    const before = arrivedAt(near, HOSTILE_PORT).length
    await this.clock.run({ for: 20_000_000 })
    if (heir.poll().length > 0) this.findings.push('a closed VI left a filter to the next of its number')
    if (arrivedAt(near, HOSTILE_PORT).length !== before + 1)
      this.findings.push('a flow of a closed VI did not come back to the driver domain')
    const { device } = near
    const registered = good.buffers.pages.length + 8 + heir.buffers.pages.length
    if (device.buffers.used !== registered) this.findings.push('a closed VI left entries of the buffer table')
    if (device.filters.used !== 2) this.findings.push('a closed VI left filters')
    near.driver.close()
    far.driver.close()
    for (const pool of [near.txPool, near.rxPool, far.txPool, far.rxPool])
      if (pool.free !== pool.size) this.findings.push('the driver domain lost frames')
  }

  /** Of the hostile guest's frames for this host alone, none at the far end; of what it has sent, nothing in its own buffers. */
  private judgeSwitch(): void {
    const local = [GOOD_MAC, HOSTILE_MAC].map(parseMac)
    const isLocal = (frame: Uint8Array): boolean =>
      local.some((mac) => Buffer.compare(frame.subarray(0, 6), mac) === 0)
    if (this.far.received.some((frame) => frame.length >= 14 && isLocal(frame)))
      this.findings.push('a frame for this host was seen beyond the wire')
    const { switchInPackets, switchViPackets, switchMissedPackets, switchHostPackets } =
      this.near.device.statistics()
    const own = this.near.device.drops.frames('nic_switch_own')
    const refused = this.near.device.drops.frames('nic_switch_no_buffer')
    if (switchInPackets !== switchViPackets + switchMissedPackets + switchHostPackets + own + refused)
      this.findings.push('the switch lost frames without a word')
  }

  private observed(): Uint8Array {
    const { enemy } = this
    return Buffer.concat([
      ...this.far.received,
      enemy.events[0].bytes.subarray(0, HOSTILE_RING * ENTRY_BYTES),
      enemy.buffers.bytes.subarray(enemy.buffers.offset, enemy.buffers.offset + 6 * 4096),
    ])
  }
}

/** What a host received for a UDP port. */
function arrivedAt(host: Host, port: number): Uint8Array[] {
  return host.received.filter((frame) => frame.length >= 38 && frame[36] * 256 + frame[37] === port)
}

function same(a: readonly Uint8Array[], b: readonly Uint8Array[]): boolean {
  return a.length === b.length && a.every((bytes, i) => Buffer.compare(bytes, b[i]) === 0)
}

/** One attack, run twice with other bytes in all memory that is not the hostile guest's. */
export async function attack(seed: number): Promise<Attack> {
  const first = await new Battle(seed, 0xa5).fight()
  const second = await new Battle(seed, 0x5a).fight()
  const findings = [...first.findings, ...second.findings]
  if (Buffer.compare(first.observed, second.observed) !== 0)
    findings.push('the hostile guest saw memory of others')
  return { ...first, findings: [...new Set(findings)], inputs: first.inputs + second.inputs }
}
