import { FramePool, macEquals, parseMac, privateArena, writeUdp } from '@netaccel/packet'
import type { Frame } from '@netaccel/packet'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Bridge } from './bridge.js'
import type { BridgePort } from './bridge-port.js'
import { BridgeError } from './errors.js'

const A = parseMac('02:00:00:00:00:0a')
const B = parseMac('02:00:00:00:00:0b')
const C = parseMac('02:00:00:00:00:0c')
const ALL = parseMac('ff:ff:ff:ff:ff:ff')

/** A bridge with three stations that keep what they get, on a clock the test moves; with `bursts` two take them whole. */
function world(bursts = false) {
  const clock = { at: 0, frames: 0 }
  const engine = {
    stamp: (into: Float64Array, at: number) => void (into[at] = clock.at),
    charge: (_: 'frame', count: number) => {
      clock.frames += count
    },
  }
  const bridge = new Bridge(engine)
  const pool = new FramePool(privateArena(64 * 2048), { frames: 64, bytesEach: 2048 })
  const got: Frame[][] = [[], [], []]
  const ports = got.map((list, i) =>
    bridge.addPort({
      name: `p${i}`,
      send: (frame) => list.push(frame),
      ...(bursts && i > 0 && { sendBurst: (burst, from, to) => list.push(...burst.slice(from, to)) }),
    }),
  )
  const make = (source: Uint8Array, destination: Uint8Array): Frame => {
    const frame = pool.take() as Frame
    writeUdp(frame, {
      sourceMac: source,
      destinationMac: destination,
      source: new Uint8Array([10, 0, 0, 1]),
      destination: new Uint8Array([10, 0, 0, 2]),
      sourcePort: 1,
      destinationPort: 2,
      payloadLength: 20,
    })
    return frame
  }
  const send = (port: BridgePort | undefined, source: Uint8Array, destination: Uint8Array): Frame => {
    const frame = make(source, destination)
    port?.receive(frame)
    return frame
  }
  const clear = (): void => {
    for (const list of got) for (const frame of list.splice(0)) frame.release()
  }
  return { bridge, clock, pool, got, ports, make, send, clear }
}

describe('the learning bridge', () => {
  it('floods what it does not know and sends what it has learnt to one port', () => {
    const { got, ports, send, clear, pool, clock } = world()
    const first = send(ports[0], A, B)
    expect(got.map((list) => list.length)).toEqual([0, 1, 1])
    expect(got[1]?.[0]).toBe(first)
    expect(first.holders).toBe(2)
    clear()
    expect(pool.free).toBe(64)
    send(ports[1], B, A)
    expect(got.map((list) => list.length)).toEqual([1, 0, 0])
    clear()
    send(ports[0], A, B)
    expect(got.map((list) => list.length)).toEqual([0, 1, 0])
    expect(got[1]?.[0] !== undefined && macEquals(got[1][0].view, got[1][0].offset, B)).toBe(true)
    expect(clock.frames).toBe(3)
  })

  it('floods broadcast always and never back to where it came from', () => {
    const { got, ports, send } = world()
    send(ports[1], B, A)
    send(ports[0], A, ALL)
    expect(got.map((list) => list.length)).toEqual([1, 1, 2])
  })

  it('finds a station that moved behind its new port with its first frame', () => {
    const { got, ports, send, clear } = world()
    send(ports[0], A, ALL)
    send(ports[2], A, ALL)
    clear()
    send(ports[1], B, A)
    expect(got.map((list) => list.length)).toEqual([0, 0, 1])
  })

  it('forgets an address after the ageing time, and not before', () => {
    const { got, ports, send, clear, clock } = world()
    send(ports[0], A, ALL)
    clear()
    clock.at = 300e9
    send(ports[1], B, A)
    expect(got.map((list) => list.length)).toEqual([1, 0, 0])
    clear()
    clock.at = 300e9 + 1
    send(ports[1], B, A)
    expect(got.map((list) => list.length)).toEqual([1, 0, 1])
  })

  it('drops what must not pass, each with its reason, and releases it', () => {
    const { bridge, ports, send, pool, got } = world()
    send(ports[0], ALL, B)
    send(ports[0], new Uint8Array(6), B)
    const short = pool.take() as Frame
    short.length = 13
    ports[0]?.receive(short)
    send(ports[0], A, ALL)
    for (const list of got) for (const frame of list.splice(0)) frame.release()
    send(ports[0], C, A)
    ports[2]?.close()
    ports[2]?.close()
    send(ports[2], C, A)
    ports[1]?.close()
    send(ports[0], A, ALL)
    expect(ports[0]?.counters.dropped.entries().map(({ reason, frames }) => [reason, frames])).toEqual([
      ['bridge_short', 1],
      ['bridge_bad_source', 2],
      ['bridge_same_port', 1],
      ['bridge_no_port', 1],
    ])
    expect(ports[2]?.counters.dropped.frames('bridge_port_down')).toBe(1)
    expect(pool.free).toBe(64)
    expect(bridge.table.size).toBe(2)
  })

  it('gives the place of a closed port to the next one and keeps names apart', () => {
    const { bridge, ports, send, got } = world()
    send(ports[1], B, ALL)
    ports[1]?.close()
    expect(bridge.table.size).toBe(0)
    const again = bridge.addPort({ name: 'p1', send: (frame) => got[1]?.push(frame) })
    expect(again.index).toBe(1)
    expect(() => bridge.addPort({ name: 'p1', send: (frame) => frame.release() })).toThrow(BridgeError)
    const small = new Bridge({ stamp: () => {}, charge: () => {} }, { maxPorts: 1 })
    small.addPort({ name: 'only', send: (frame) => frame.release() })
    expect(() => small.addPort({ name: 'more', send: (frame) => frame.release() })).toThrow(/raise maxPorts/)
  })

  it('conserves segments: what entered and was copied has left or was dropped', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(2), fc.nat(3), fc.nat(4)), { maxLength: 200 }), (moves) => {
        const { ports, send, clear, pool } = world()
        const macs = [A, B, C, new Uint8Array([2, 9, 9, 9, 9, 9]), ALL]
        for (const [port, source, destination] of moves) {
          send(ports[port], macs[source], macs[destination])
          clear()
        }
        let entered = 0
        let left = 0
        for (const { counters } of ports) {
          entered += counters.inSegments + counters.copiedSegments
          left += counters.outSegments + counters.dropped.total
        }
        expect(left).toBe(entered)
        expect(pool.free).toBe(64)
      }),
      { seed: 20130801, numRuns: 100 },
    )
  })

  it('forwards a burst as the same frames one by one: who gets what, in which order, what is counted and learnt', () => {
    const macs = [A, B, C, ALL, new Uint8Array(6)]
    const frames = fc.array(fc.tuple(fc.nat(4), fc.nat(4), fc.integer({ min: 1, max: 4 })), { maxLength: 12 })
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(2), fc.nat(30), frames), { maxLength: 12 }), (bursts) => {
        const [whole, single] = [true, false].map((together) => {
          const { bridge, clock, got, make, ports, pool, clear } = world(together)
          const seen: string[] = []
          let id = 0
          for (const [port, seconds, runs] of bursts) {
            clock.at += seconds * 60e9
            const burst: Frame[] = []
            for (const [source, destination, count] of runs) {
              for (let i = 0; i < count; i++) {
                const frame = make(macs[source], macs[destination])
                frame.id = ++id
                if (frame.id % 17 === 0) frame.length = 13
                burst.push(frame)
              }
            }
            if (together) ports[port].receiveBurst(burst, burst.length)
            else for (const frame of burst) ports[port].receive(frame)
            seen.push(got.map((list) => list.map((frame) => frame.id).join()).join(' | '))
            clear()
          }
          expect(pool.free).toBe(64)
          const counted = ports.map(({ counters: { dropped, ...rest } }) => [rest, dropped.entries()])
          return { seen, counted, size: bridge.table.size, charged: clock.frames }
        })
        expect(whole).toEqual(single)
      }),
      { seed: 20130802, numRuns: 300 },
    )
  })

  describe('what a switch behind a port brings', () => {
    /** A of port 0 has sent it by a NIC that is port 2. */
    const bring = (at: ReturnType<typeof world>, destination: Uint8Array, source = A): Frame => {
      const frame = at.make(source, destination)
      at.ports[2].receiveSwitched(frame)
      return frame
    }

    it('goes neither back to its sender nor behind that port, and moves no address', () => {
      const at = world()
      at.send(at.ports[0], A, ALL)
      at.send(at.ports[1], B, ALL)
      at.clear()
      bring(at, B)
      bring(at, ALL)
      expect(at.got.map((list) => list.length)).toEqual([0, 2, 0])
      at.clear()
      at.send(at.ports[1], B, A)
      expect(at.got.map((list) => list.length)).toEqual([1, 0, 0])
      at.clear()
      expect(at.pool.free).toBe(64)
    })

    it('of a station that is not known goes to all but that port, and nothing is learnt', () => {
      const at = world()
      bring(at, ALL)
      expect(at.got.map((list) => list.length)).toEqual([1, 1, 0])
      at.clear()
      expect(at.bridge.table.size).toBe(0)
      bring(at, A)
      at.clear()
      expect(at.bridge.table.size).toBe(0)
    })

    it('keeps the place of its sender from ageing', () => {
      const at = world()
      at.send(at.ports[0], A, ALL)
      at.clock.at = 200e9
      bring(at, B)
      at.clock.at = 400e9
      at.clear()
      at.send(at.ports[1], B, A)
      expect(at.got.map((list) => list.length)).toEqual([1, 0, 0])
    })

    it('is dropped, counted, when its destination is its sender’s port or the switch’s own', () => {
      const at = world()
      at.send(at.ports[0], A, ALL)
      at.send(at.ports[2], C, ALL)
      at.clear()
      bring(at, A)
      bring(at, C)
      bring(at, B, ALL)
      const { counters } = at.ports[2]
      expect(counters.dropped.entries().map(({ reason, frames }) => [reason, frames])).toEqual([
        ['bridge_bad_source', 1],
        ['bridge_same_port', 2],
      ])
      expect([counters.inFrames, counters.inSegments]).toEqual([4, 4])
      expect(at.pool.free).toBe(64)
    })
  })

  it('decides about each flooded frame anew: a station that answers within the call gets the rest alone', () => {
    const { bridge, got, make, send, ports } = world(true)
    let answered = false
    const answering = bridge.addPort({
      name: 'p3',
      send: (frame) => {
        got[1].push(frame)
        if (!answered) send(answering, C, A)
        answered = true
      },
    })
    const burst = [make(A, C), make(A, C), make(A, C)]
    ports[0].receiveBurst(burst, 3)
    expect(got.map((list) => list.length)).toEqual([1, 4, 1])
    expect(ports[0].counters.flooded).toBe(1)
  })
})
