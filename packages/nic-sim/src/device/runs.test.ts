// The fast lanes of the NIC against its way frame by frame: the same bytes, events, counts and charges, for every traffic.
import { createHash } from 'node:crypto'
import { Random, writeIpv4Checksum } from '@netaccel/packet'
import type { Cost } from '@netaccel/xen'
import { VirtualClock } from '@netaccel/xen'
import { describe, expect, it } from 'vitest'
import { TX_CONTINUE, TX_OPTION_TCPV4 } from '../constants.js'
import { Wire } from '../index.js'
import { RawGuest } from '../testing/raw-guest.js'
import { Host, key, pattern, tcp, udp, written } from '../testing/rig.js'

const SEEDS = process.env.NETACCEL_TIER === 'soak' ? 400 : 6
const STEPS = 12
const COSTS: readonly Cost[] = ['frame', 'descriptor', 'byteDma', 'poll']
const OWN = '00:16:3e:00:00:0a'

interface World {
  readonly clock: VirtualClock
  readonly near: Host
  readonly far: Host
  readonly guests: readonly RawGuest[]
}

/** Two hosts, a guest with a VI on each. Without memory for packets in its machine a NIC has no fast lanes. */
function worldOf(fast: boolean, badChecksum: 'deliver' | 'discard'): World {
  const clock = new VirtualClock()
  const hosts = ['near', 'far'].map((name) => {
    const host = new Host(clock, name, { badChecksum }, { rx: 512, tx: 512 })
    if (!fast) host.bus.buffer = () => undefined
    return host
  })
  const [near, far] = hosts
  new Wire().join(near.device, far.device)
  const guests = hosts.map((host) => {
    const guest = new RawGuest(host, 1, { mac: OWN, rx: 128 })
    host.driver.filters.insert(key(17), guest.vi)
    host.driver.filters.insert(key(6), guest.vi)
    return guest
  })
  return { clock, near, far, guests }
}

/** A frame of one of many kinds, most of them plain. */
function frameOf(random: Random, blank: boolean): Uint8Array {
  const destinationPort = random.chance(0.7) ? 2000 : 2001
  const far = random.chance(0.9) ? {} : { destinationMac: Uint8Array.from([0, 0x16, 0x3e, 0, 0, 0x0a]) }
  const options = { destinationPort, ...far, blank }
  const payload = pattern(random.chance(0.5) ? random.below(100) : random.below(1500), random.below(9))
  const frame = written(random.chance(0.3) ? tcp(payload, options) : udp(payload, options))
  if (random.chance(0.1)) frame[random.below(Math.min(frame.length, 60))] ^= 1 << random.below(8)
  if (random.chance(0.05)) {
    frame[15] = 0x10
    writeIpv4Checksum(new DataView(frame.buffer), 14)
  }
  if (random.chance(0.05)) frame[0] |= 1
  return random.chance(0.05) ? frame.slice(0, random.below(50)) : frame
}

/** One burst of a guest: what its descriptors say is mostly right. */
function burst(guest: RawGuest, random: Random): void {
  const count = 1 + random.below(40)
  for (let i = 0; i < count; i++) {
    const at = (i % 40) * 4096
    const blank = random.chance(0.7)
    const bytes = frameOf(random, blank)
    guest.put(at, bytes)
    const flags = blank ? 1 << 17 : 0
    const kind = random.below(30)
    if (kind === 0) guest.postTx(at + (1 << 20), bytes.length, flags)
    else if (kind === 1) guest.postOption(200, 54, TX_OPTION_TCPV4)
    if (kind === 2 && bytes.length > 40) {
      guest.postTx(at, 20, flags | TX_CONTINUE)
      guest.postTx(at + 20, bytes.length - 20, flags)
    } else guest.postTx(at, bytes.length, flags)
  }
  guest.ringTx()
}

function digest(bytes: Uint8Array): string {
  return createHash('sha1').update(bytes).digest('hex')
}

async function run(fast: boolean, seed: number): Promise<unknown> {
  const random = new Random(`runs/${seed}`)
  const world = worldOf(fast, random.chance(0.5) ? 'deliver' : 'discard')
  const { clock, near, far, guests } = world
  const events: unknown[] = []
  for (let step = 0; step < STEPS; step++) {
    for (const guest of guests) {
      for (let i = random.below(60); i > 0; i--)
        guest.postRx((40 + (guest.rxProducer % 24)) * 4096, random.chance(0.9) ? 2048 : 600)
      guest.ringRx()
      if (random.chance(0.8)) burst(guest, random)
    }
    for (const host of [near, far])
      for (let i = random.below(40); i > 0; i--) {
        const blank = random.chance(0.7)
        const bytes = frameOf(random, false)
        host.send((frame) => {
          frame.bytes.set(bytes, frame.offset)
          frame.length = bytes.length
          if (blank && bytes.length > 60) udp(bytes.slice(0, bytes.length - 42), { blank })(frame)
        })
      }
    await clock.run({ for: 200_000 })
    if (random.chance(0.2)) near.driver.filters.insert(key(17, 2001), guests[0].vi)
    for (const guest of guests) events.push(guest.poll())
  }
  await clock.run({ for: 40_000_000 })
  for (const guest of guests) events.push(guest.poll(), digest(guest.get(0, guest.buffers.length)))
  return [near, far].map(({ device, received, checksums, dom0 }) => ({
    statistics: device.statistics(),
    drops: device.drops.entries(),
    received: received.map(digest),
    checksums,
    charged: COSTS.map((cost) => [device.engine.charged(cost), dom0.charged(cost)]),
    events,
  }))
}

describe('the fast lanes of the NIC', () => {
  it('do what the way frame by frame does', async () => {
    for (let seed = 0; seed < SEEDS; seed++)
      expect(await run(true, seed), `seed ${seed}`).toEqual(await run(false, seed))
  })
})
