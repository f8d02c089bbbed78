import { type Frame, Random } from '@netaccel/packet'
import { describe, expect, it } from 'vitest'
import { build } from '../build/build.js'
import type { World } from '../build/world.js'
import { defaultMix, makeFlows } from '../traffic/flows.js'
import { sendText } from '../traffic/datagram.js'
import { VirtualStack } from '../traffic/virtual-stack.js'
import type { WireValue, WorldValue } from '../value/world-value.js'

const A = { mac: '00:16:3e:00:00:01', ip: '10.0.0.1' }
const B = { mac: '00:16:3e:00:00:02', ip: '10.0.0.2' }

const value: WorldValue = {
  hosts: {
    a: {
      guests: { guest1: { vifs: { vif0: { mac: A.mac } } }, guest2: { vifs: { vif0: { mac: B.mac } } } },
      links: ['guest1.vif0 -> bridge', 'guest2.vif0 -> bridge'],
    },
  },
}

/** Traffic one way, until everything has run out; `plant` may put a fault into the way first. */
async function run(plant: (world: World) => void = () => undefined) {
  const world = await build(value)
  plant(world)
  const [one] = world.vifs
  const random = new Random(11)
  const stack = new VirtualStack(one, one.engine, random)
  stack.start(makeFlows(A, B, 40, defaultMix, random.fork('flows')), { burst: 32, gapNs: 20_000 })
  await world.run({ for: 60_000_000 })
  stack.stop()
  await world.drain()
  const verdict = world.judge()
  await world.close()
  return verdict
}

type Tamper = (frame: Frame, nth: number, send: (frame: Frame) => void) => void

/** Put `tamperer` in the place of the call by which a host's bridge hands frames to the second guest's netback. */
function tamper(world: World, host: string, tamperer: Tamper): void {
  const [queue] = world.host(host).netback.vifs.filter(({ mac }) => mac === B.mac)[0].queues
  const send = queue.send.bind(queue)
  let nth = 0
  queue.send = (frame) => tamperer(frame, (nth += 1), send)
}

describe('the verdict', () => {
  it('is "nothing lost" when nothing was', async () => {
    const verdict = await run()
    expect(verdict).toMatchObject({ verdict: 'nothing lost', reasons: [], dropped: {} })
    expect(verdict.oracle?.entered).toBeGreaterThan(40_000)
  })

  it('names what the kernel lost before us inconclusive', async () => {
    const world = await build(value)
    expect(world.judge(3)).toMatchObject({ verdict: 'inconclusive', beforeUs: 3 })
    await world.close()
  })

  it('catches 1 in 10,000 dropped without a word, by oracle and by ledger', async () => {
    const verdict = await run((world) => {
      tamper(world, 'a', (frame, nth, send) => (nth % 10_000 === 5000 ? frame.release() : send(frame)))
    })
    expect(verdict.verdict).toBe('lost')
    expect(verdict.oracle?.missing).toBeGreaterThan(0)
    expect(verdict.reasons.join(' ')).toMatch(/a\.guest2\.vif0 ring in does not balance/)
  })

  it('catches 1 in 10,000 doubled, by oracle and by ledger', async () => {
    const verdict = await run((world) => {
      tamper(world, 'a', (frame, nth, send) => {
        if (nth % 10_000 === 5000) {
          frame.hold()
          send(frame)
        }
        send(frame)
      })
    })
    expect(verdict.verdict).toBe('lost')
    expect(verdict.oracle?.doubled).toBeGreaterThan(0)
    expect(verdict.reasons.join(' ')).toMatch(/ring in does not balance/)
  })

  it('counts two swapped frames', async () => {
    let held: Frame | null = null
    const verdict = await run((world) => {
      tamper(world, 'a', (frame, nth, send) => {
        if (nth % 1000 === 500 && held === null) held = frame
        else {
          send(frame)
          if (held !== null && nth % 1000 === 540) {
            send(held)
            held = null
          }
        }
      })
    })
    expect(verdict.oracle?.reordered).toBeGreaterThan(0)
    expect(verdict.oracle).toMatchObject({ missing: 0, doubled: 0 })
  })

  it('catches a ledger that miscounts 1 in 10,000', async () => {
    const verdict = await run((world) => {
      const [vif] = world.host('a').netback.vifs.filter(({ mac }) => mac === B.mac)
      tamper(world, 'a', (frame, nth, send) => {
        if (nth % 10_000 === 5000) vif.queues[0].counters.dropped.count('netback_rx_queue_full', 0, 0)
        if (nth % 10_000 === 5001) {
          const port = world.host('a').bridge.ports.find((each) => each?.name === vif.name)
          if (port) port.counters.outSegments += 1
        }
        send(frame)
      })
    })
    expect(verdict.verdict).toBe('lost')
    expect(verdict.oracle).toMatchObject({ missing: 0, doubled: 0 })
    expect(verdict.reasons.join(' ')).toMatch(/does not balance/)
  })

  describe('on wires that are told to do harm', () => {
    /** Traffic from one host to another; `plant` may put a fault into the way first. */
    async function across(harm: Partial<WireValue>, plant: (world: World) => void = () => undefined) {
      const nic = (mac: string, guest: { mac: string }) => ({
        nics: { eth0: { mac } },
        guests: { guest1: { vifs: { vif0: { mac: guest.mac } } } },
        links: ['guest1.vif0 -> bridge', 'eth0 -> bridge'],
      })
      const world = await build({
        seed: 5,
        hosts: { a: nic('00:0f:53:00:00:0a', A), b: nic('00:0f:53:00:00:0b', B) },
        wires: [{ link: 'a.eth0 -> b.eth0', ...harm }],
      })
      plant(world)
      const [one] = world.vifs
      const random = new Random(5)
      const stack = new VirtualStack(one, one.engine, random)
      stack.start(makeFlows(A, B, 10, defaultMix, random.fork('flows')), { burst: 16, gapNs: 50_000 })
      await world.run({ for: 20_000_000 })
      stack.stop()
      await world.drain()
      const verdict = world.judge()
      await world.close()
      return verdict
    }

    it('keeps losses that the topology asks for apart', async () => {
      const verdict = await across({ loss: 0.01 })
      expect(verdict).toMatchObject({ verdict: 'nothing lost', dropped: {} })
      expect(verdict.asked.wire_loss).toBeGreaterThan(10)
      expect(verdict.wires.wire_loss).toBe(verdict.asked.wire_loss)
      expect(verdict.oracle?.missing).toBe(verdict.asked.wire_loss)
    })

    it('the same for frames that were garbled', async () => {
      const verdict = await across({ corrupt: 0.01 })
      expect(verdict).toMatchObject({ verdict: 'nothing lost', dropped: {} })
      expect(verdict.wires.wire_corrupt).toBeGreaterThan(10)
      expect(verdict.asked.wire_corrupt).toBe(verdict.wires.wire_corrupt)
      expect(verdict.oracle?.missing).toBe(verdict.wires.wire_corrupt)
    })

    it('doubles and overtakes of the wire are its events, and no loss', async () => {
      const { verdict, wires, oracle } = await across({ duplicate: 0.01, reorder: 0.01 })
      expect(verdict).toBe('nothing lost')
      expect(wires.wire_duplicate).toBeGreaterThan(10)
      expect(oracle).toMatchObject({ missing: 0, doubled: wires.wire_duplicate })
      expect(oracle?.reordered).toBeGreaterThan(10)
      expect(oracle?.reordered).toBeLessThanOrEqual(wires.wire_reorder)
    })

    it('one more of each than the wire has done is seen all the same', async () => {
      const harm = { loss: 0.01, duplicate: 0.01, corrupt: 0.01 }
      expect((await across(harm)).verdict).toBe('nothing lost')
      const lost = await across(harm, (world) => {
        tamper(world, 'b', (frame, nth, send) => (nth === 50 ? frame.release() : send(frame)))
      })
      expect(lost.reasons.join(' ')).toMatch(/1 segments entered and did not leave/)
      const doubled = await across(harm, (world) => {
        tamper(world, 'b', (frame, nth, send) => {
          if (nth === 50) {
            frame.hold()
            send(frame)
          }
          send(frame)
        })
      })
      expect(doubled.reasons.join(' ')).toMatch(/1 segments left twice/)
    })

    it('frames called garbled that no wire has garbled are lost', async () => {
      const verdict = await across({ corrupt: 0.01 }, (world) => {
        const { lane } = world.lanes[0]
        let nth = 0
        lane.isCorrupt = (slot) => lane.noise.isCorrupt(slot) || (nth += 1) === 100
      })
      expect(verdict.verdict).toBe('lost')
      expect(verdict.dropped.wire_corrupt).toBe(verdict.wires.wire_corrupt + 1)
    })
  })

  it('proves nothing without an oracle, or without traffic', async () => {
    const blind = await build(value, { oracle: false })
    expect(blind.judge()).toMatchObject({
      verdict: 'inconclusive',
      reasons: ['No oracle stood at the edges: the ledger alone proves nothing.'],
    })
    await blind.close()
    const idle = await build(value)
    expect(idle.judge()).toMatchObject({ verdict: 'inconclusive', reasons: ['Nothing was sent to a guest.'] })
    await idle.close()
  })

  it('does not excuse what a missing wire or a forged address loses', async () => {
    const { wires: _none, ...apart } = across()
    const split = await build(apart)
    await send(split)
    expect(split.judge().verdict).toBe('lost')
    expect(split.judge().dropped.nic_tx_link_down).toBeGreaterThan(0)
    await split.close()

    const forged = await build(across())
    const [one, two] = forged.vifs
    sendText(forged, 'a.guest1.vif0', 'b.guest1.vif0', 'here I am')
    await forged.run({ for: 1_000_000 })
    const frame = two.take(60)
    if (frame === undefined) throw new Error('no frame')
    frame.length = 60
    // The second guest says that it is the first: the bridge of its host now knows the address behind it.
    for (const [i, mac] of [B.mac, A.mac].entries()) {
      for (const [at, byte] of mac.split(':').entries()) {
        frame.bytes[frame.offset + i * 6 + at] = Number.parseInt(byte, 16)
      }
    }
    two.transmit([frame], 1)
    await send(forged, 1)
    expect(one.mac).toBe(A.mac)
    expect(forged.judge().verdict).toBe('lost')
    await forged.close()
  })

  it('keeps in the ledger what a guest lost that has gone', async () => {
    const world = await build(value)
    await send(world)
    const [one] = world.vifs
    const frame = one.take(60_000)
    if (frame === undefined) throw new Error('no frame')
    frame.length = 8
    one.transmit([frame], 1)
    await world.drain()
    expect(world.judge().dropped.netfront_tx_too_long).toBe(1)
    await world.drive(world.host('a').removeGuest('guest1'))
    expect(world.judge()).toMatchObject({ verdict: 'lost', dropped: { netfront_tx_too_long: 1 } })
    await world.close()
  })

  it.each<[string, (world: World) => void, RegExp]>([
    ['off the wire', (world) => skip(world.nic('b.eth0').driver, 'onReceive'), /b\.eth0 in does not balance/],
    ['onto the wire', (world) => skip(world.lanes[0].lane, 'send'), /a\.eth0 onto the wire does not balance/],
    [
      'out of the bridge',
      (world) =>
        skip(world.host('b').bridge.ports.find((port) => port?.name === 'vif1.0') as object, 'deliver'),
      /b bridge does not balance/,
    ],
  ])('sees 1 in 100 vanish %s, by the ledger alone', async (_where, plant, sentence) => {
    const world = await build(across(), { oracle: false })
    plant(world)
    await send(world)
    expect(world.judge().verdict).toBe('lost')
    expect(world.judge().reasons.join(' ')).toMatch(sentence)
    await world.close()
  })

  it('sees frames that arrive cut, by the ledger alone', async () => {
    const world = await build(across(), { oracle: false })
    const { driver } = world.nic('b.eth0')
    const receive = driver.onReceive
    driver.onReceive = (frame) => {
      frame.length = 60
      receive?.(frame)
    }
    await send(world)
    expect(world.judge().reasons.join(' ')).toMatch(/b\.eth0 in does not balance/)
    await world.close()
  })
})

/** Two hosts and a wire. */
function across(): WorldValue {
  const host = (mac: string, guest: { mac: string }) => ({
    nics: { eth0: { mac } },
    guests: { guest1: { vifs: { vif0: { mac: guest.mac } } } },
    links: ['guest1.vif0 -> bridge', 'eth0 -> bridge'],
  })
  return {
    hosts: { a: host('00:0f:53:00:00:0a', A), b: host('00:0f:53:00:00:0b', B) },
    wires: ['a.eth0 -> b.eth0'],
  }
}

/** Some traffic from one vif to the other, until it has run out or is stuck. */
async function send(world: World, from = 0): Promise<void> {
  const vif = world.vifs[from]
  const random = new Random(3)
  const stack = new VirtualStack(vif, vif.engine, random)
  const [one, two] = from === 0 ? [A, B] : [B, A]
  stack.start(makeFlows(one, two, 8, defaultMix, random.fork('flows')), { burst: 16, gapNs: 50_000 })
  await world.run({ for: 5_000_000 })
  stack.stop()
  await world.run({ for: 50_000_000 })
}

/** Make 1 call in 100 of a method that is given a frame forget it. */
function skip(owner: object, method: string): void {
  const target = owner as Record<string, (frame: Frame) => void>
  const call = target[method].bind(owner)
  let nth = 0
  target[method] = (frame) => {
    if ((nth += 1) % 100 === 50) frame.release()
    else call(frame)
  }
}
