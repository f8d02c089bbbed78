import { type Frame, Random } from '@netaccel/packet'
import { describe, expect, it } from 'vitest'
import { build } from '../build/build.js'
import type { World } from '../build/world.js'
import { defaultMix, makeFlows } from '../traffic/flows.js'
import { VirtualStack } from '../traffic/virtual-stack.js'
import type { WorldValue } from '../value/world-value.js'

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

/** Put `tamper` in the place of the call by which the bridge hands frames to the second guest's netback. */
function tamperAtNetback(
  world: World,
  tamper: (frame: Frame, nth: number, send: (frame: Frame) => void) => void,
): void {
  const [queue] = world.host('a').netback.vifs.filter(({ mac }) => mac === B.mac)[0].queues
  const send = queue.send.bind(queue)
  let nth = 0
  queue.send = (frame) => tamper(frame, (nth += 1), send)
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
      tamperAtNetback(world, (frame, nth, send) => (nth % 10_000 === 5000 ? frame.release() : send(frame)))
    })
    expect(verdict.verdict).toBe('lost')
    expect(verdict.oracle?.missing).toBeGreaterThan(0)
    expect(verdict.reasons.join(' ')).toMatch(/a\.guest2\.vif0 ring in does not balance/)
  })

  it('catches 1 in 10,000 doubled, by oracle and by ledger', async () => {
    const verdict = await run((world) => {
      tamperAtNetback(world, (frame, nth, send) => {
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
      tamperAtNetback(world, (frame, nth, send) => {
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
      tamperAtNetback(world, (frame, nth, send) => {
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

  it('keeps losses that the topology asks for apart', async () => {
    const nic = (mac: string, guest: { mac: string }) => ({
      nics: { eth0: { mac } },
      guests: { guest1: { vifs: { vif0: { mac: guest.mac } } } },
      links: ['guest1.vif0 -> bridge', 'eth0 -> bridge'],
    })
    const world = await build({
      seed: 5,
      hosts: { a: nic('00:0f:53:00:00:0a', A), b: nic('00:0f:53:00:00:0b', B) },
      wires: [{ link: 'a.eth0 -> b.eth0', loss: 0.01 }],
    })
    const [one] = world.vifs
    const random = new Random(5)
    const stack = new VirtualStack(one, one.engine, random)
    stack.start(makeFlows(A, B, 10, defaultMix, random.fork('flows')), { burst: 16, gapNs: 50_000 })
    await world.run({ for: 20_000_000 })
    stack.stop()
    await world.drain()
    const verdict = world.judge()
    expect(verdict).toMatchObject({ verdict: 'nothing lost', dropped: {} })
    expect(verdict.asked.wire_loss).toBeGreaterThan(10)
    expect(verdict.oracle?.missing).toBe(verdict.asked.wire_loss)
    await world.close()
  })
})
