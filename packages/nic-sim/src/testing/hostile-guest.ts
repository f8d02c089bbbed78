// What a hostile guest does to its VI: noise, things that are nearly right, and what only another CPU of its can do.
import type { Random } from '@netaccel/packet'
import { parseMac } from '@netaccel/packet'
import {
  bufferAddress,
  DOORBELL_EVENT_ARM,
  DOORBELL_EVENT_READ,
  DOORBELL_RX,
  DOORBELL_TX,
  TX_CHECKSUM,
  TX_CONTINUE,
} from '../constants.js'
import type { RingMemory } from '../device/ring-memory.js'
import type { RawGuest } from './raw-guest.js'
import { udp, written } from './rig.js'

export const HOSTILE_MAC = '00:16:3e:00:00:66'
export const GOOD_MAC = '00:16:3e:00:00:61'
/** Of the driver domain's NIC. */
const NIC_MAC = '00:0f:53:00:00:01'
const ADDRESSES = [HOSTILE_MAC, GOOD_MAC, GOOD_MAC, NIC_MAC, 'ff:ff:ff:ff:ff:ff', '00:16:3e:00:00:99']
/** Where the good guest lets others of this host send to. */
export const LOCAL_PORT = 6001

/** Capacity of each of its rings. */
export const HOSTILE_RING = 64
/** A frame that begins so was gathered from more descriptors than a NIC may gather. */
export const LONG_CHAIN = Uint8Array.from({ length: 32 }, (_, i) => 0xc0 ^ (i * 37))

/** A guest's moves against the NIC, each drawn from the seed. */
export class HostileGuest {
  readonly guest: RawGuest
  /** Words written to rings, pages and doorbells. */
  inputs = 0
  /** Times it asked for a wake-up. */
  arms = 0
  private readonly random: Random
  /** A page of another guest's VI, by its index in the buffer table. */
  private readonly foreign: number
  /** This one posts no receive buffer, ever. */
  private readonly mute: boolean
  private racing = false
  private markerStands = false
  private registered = true

  constructor(guest: RawGuest, random: Random, foreign: number, mute: boolean) {
    this.guest = guest
    this.random = random
    this.foreign = foreign
    this.mute = mute
    this.race(guest.vi.hardware.tx, guest.txRing[0].view)
    this.race(guest.vi.hardware.rx, guest.rxRing[0].view)
  }

  /** One move. `unregistered`: the pages that it has just taken out of the buffer table, from this byte on. */
  move(unregistered: (at: number, pages: number) => void): void {
    const { random, guest } = this
    const action = random.below(14)
    this.unmark()
    if (this.mute && (action === 1 || action === 4 || action === 6)) return
    switch (action) {
      case 0:
        return this.scribble(guest.txRing[0].view)
      case 1:
        return this.scribble(guest.rxRing[0].view)
      case 2:
      case 3:
        return this.plausible(guest.txRing[0].view, guest.vi.hardware.txProducer)
      case 4:
        return this.plausible(guest.rxRing[0].view, guest.vi.hardware.rxProducer)
      case 5:
        return this.ring(DOORBELL_TX, this.index(guest.vi.hardware.txProducer))
      case 6:
        return this.ring(DOORBELL_RX, this.index(guest.vi.hardware.rxProducer))
      case 7:
        if (random.chance(0.8)) this.poll(random.chance(0.5))
        else this.ring(random.pick([DOORBELL_EVENT_READ, DOORBELL_EVENT_ARM]), random.next32())
        return
      case 8:
        return this.unregister(unregistered)
      case 9:
        return this.longChain()
      case 10:
        this.racing = !this.racing
        return
      case 11:
        return this.scribble(guest.events[0].view)
      case 12:
        return this.local()
      default:
        this.ring(random.below(1024) * 4, random.next32())
    }
  }

  private poll(arm: boolean): void {
    if (arm) this.arms++
    this.inputs++
    this.guest.poll(arm)
  }

  ring(register: number, value: number): void {
    this.inputs++
    if (register === DOORBELL_EVENT_ARM) this.arms++
    this.guest.doorbell.write32(register, value)
  }

  /** Of the ring alone: what lies behind it in its page is a canary. */
  private scribble(view: DataView): void {
    for (let i = this.random.below(64); i > 0; i--) {
      this.inputs++
      view.setUint32(this.random.below(2 * HOSTILE_RING) * 4, this.random.next32(), true)
    }
  }

  /** Descriptors that are nearly right: this is what finds what pure noise does not. */
  private plausible(view: DataView, from: number): void {
    const { random, guest } = this
    const count = random.below(12) + 1
    for (let i = 0; i < count; i++) {
      const address = bufferAddress(guest.index - 2 + random.below(14), random.below(4096))
      let word1 = random.chance(0.1) ? random.below(0x10000) : random.below(2000)
      if (random.chance(0.3)) word1 |= TX_CONTINUE
      if (random.chance(0.1)) word1 |= random.next32() & 0x7fff0000
      const inLap = random.chance(0.95) || random.chance(0.5)
      this.describe(view, from + i, random.chance(0.05) ? random.next32() : address, word1, inLap)
    }
  }

  private describe(view: DataView, index: number, word0: number, word1: number, inLap = true): void {
    const slot = (index & (HOSTILE_RING - 1)) * 8
    const phase = ((index & HOSTILE_RING) === 0) === inLap
    this.inputs += 2
    view.setUint32(slot, word0, true)
    view.setUint32(slot + 4, ((word1 & 0x7fffffff) | (phase ? 0x80000000 : 0)) >>> 0, true)
  }

  /** One frame of 25 to 40 descriptors, each good by itself. It begins with a marker that stands only until the next move. */
  private longChain(): void {
    const { guest, random } = this
    const { txProducer, txConsumer } = guest.vi.hardware
    const count = 25 + random.below(16)
    if (((txProducer - txConsumer) >>> 0) + count > HOSTILE_RING) return
    guest.put(0, LONG_CHAIN)
    this.markerStands = true
    for (let i = 0; i < count; i++) {
      const more = i === count - 1 ? 0 : TX_CONTINUE
      const length = i === 0 ? LONG_CHAIN.length : 1 + random.below(20)
      const at = i === 0 ? 0 : 64 + random.below(4000)
      this.describe(guest.txRing[0].view, txProducer + i, guest.address(at), length | more)
    }
    this.ring(DOORBELL_TX, (txProducer + count) >>> 0)
  }

  /**
   * A burst for this host: to the good guest, the driver domain, all, or itself; some under the good guest's address,
   * some cut off; sometimes more than the receiver has posted for.
   */
  private local(): void {
    const { guest, random } = this
    const { txProducer, txConsumer } = guest.vi.hardware
    const count = 1 + random.below(32)
    if (((txProducer - txConsumer) >>> 0) + count > HOSTILE_RING) return
    const destinationMac = parseMac(random.pick(ADDRESSES))
    const destinationPort = random.pick([LOCAL_PORT, LOCAL_PORT, 9])
    for (let i = 0; i < count; i++) {
      const frame = written(
        udp(new Uint8Array(random.below(600)), {
          sourceMac: parseMac(random.pick(ADDRESSES)),
          destinationMac,
          destinationPort,
        }),
      )
      const at = 4096 * (1 + random.below(4)) + random.below(3000)
      guest.put(at, frame)
      const length = random.chance(0.8) ? frame.length : 1 + random.below(frame.length)
      const flags = random.chance(0.2) ? TX_CHECKSUM : 0
      this.describe(guest.txRing[0].view, txProducer + i, guest.address(at), length | flags)
    }
    this.ring(DOORBELL_TX, (txProducer + count) >>> 0)
  }

  private unmark(): void {
    if (this.markerStands) this.guest.put(0, new Uint8Array(LONG_CHAIN.length))
    this.markerStands = false
  }

  private index(near: number): number {
    return this.random.chance(0.85) ? (near + this.random.below(16)) >>> 0 : this.random.next32()
  }

  /** Two pages go, once; what still names them is stale. */
  private unregister(unregistered: (at: number, pages: number) => void): void {
    if (!this.registered) return
    this.registered = false
    this.guest.vi.unregister(this.guest.index + 6, 2)
    unregistered(6 * 4096, 2)
  }

  /**
   * Another CPU of the guest: while the race is on, each word of a descriptor is another one as soon as the NIC has read
   * it: the address leads to another guest's page, the length is the longest.
   */
  private race(ring: RingMemory, view: DataView): void {
    const { word0, word1 } = ring
    const at = (index: number): number => (index & (HOSTILE_RING - 1)) * 8
    ring.word0 = (index) => {
      const value = word0.call(ring, index)
      if (this.racing) view.setUint32(at(index), bufferAddress(this.foreign, 0), true)
      return value
    }
    ring.word1 = (index) => {
      const value = word1.call(ring, index)
      if (this.racing) view.setUint16(at(index) + 4, 0x0fff, true)
      return value
    }
  }
}
