// What a frame costs in one stage, a poll, an event and its notification, a doorbell.
import { Bridge } from '@netaccel/bridge'
import { FramePool, parseIp, parseMac, writeUdp } from '@netaccel/packet'
import {
  defaultCosts,
  EventChannelTable,
  EventChannels,
  GrantOps,
  GrantTable,
  Machine,
  MAX_PORTS,
  PAGE_SIZE,
  scaleCosts,
  VirtualClock,
} from '@netaccel/xen'
import { cpuSeconds, median } from '../lib/cpu.js'
import { nsEach } from './ns-each.js'

const BURST = 32
const A = parseMac('00:16:3e:00:00:01')
const B = parseMac('00:16:3e:00:00:02')

/** The bridge between two ports that know each other's stations: the plainest stage there is. */
export function frame(): number {
  const machine = new Machine({ bytes: 1 << 20 })
  const arena = machine.createExtent(0, 64).allocPages((BURST * 2048) / PAGE_SIZE)
  const pool = new FramePool(arena, { frames: BURST, bytesEach: 2048 })
  const bridge = new Bridge(new VirtualClock().engine('bridge', scaleCosts(defaultCosts, 0)))
  const ports = ['a', 'b'].map((name) => bridge.addPort({ name, send: (each) => each.release() }))
  const send = (from: number, source: Uint8Array, destination: Uint8Array): void => {
    const each = pool.take()
    if (each === undefined) throw new Error('no frame is free')
    writeUdp(each, { ...ADDRESSES, sourceMac: source, destinationMac: destination, payloadLength: 22 })
    ports[from].receive(each)
  }
  send(0, A, B)
  send(1, B, A)
  return nsEach(() => {
    for (let i = 0; i < BURST; i++) {
      const each = pool.take()
      if (each === undefined) throw new Error('a frame was kept')
      each.length = 64
      ports[each.index & 1].receive(each)
    }
    return BURST
  })
}

const ADDRESSES = {
  source: parseIp('10.0.0.1'),
  destination: parseIp('10.0.0.2'),
  sourcePort: 40_000,
  destinationPort: 5001,
}

/** One call of each of 32 pollers that have nothing to do. */
export async function poll(): Promise<number> {
  const clock = new VirtualClock()
  const engine = clock.engine('e', scaleCosts(defaultCosts, 0))
  let calls = 0
  for (let i = 0; i < BURST; i++) engine.addPoller({ name: `p${i}`, poll: () => ++calls > 0 }).schedule()
  return each(async () => {
    const from = calls
    const until = from + 200_000
    await clock.run({ until: () => calls >= until })
    return calls - from
  })
}

/**
 * All ports of a domain signalled by another, and then their handlers run by its engine. `notification` is the sender's
 * call, `event` the handler with its share of the upcall.
 */
export async function events(): Promise<{ notification: number; event: number }> {
  const clock = new VirtualClock()
  const machine = new Machine({ bytes: 1 << 20 })
  const table = new EventChannelTable(machine)
  const domain = (domid: number): EventChannels => {
    const sharedInfo = machine.createExtent(domid, 4).allocPages(1)
    const engine = clock.engine(`d${domid}`, scaleCosts(defaultCosts, 0))
    table.addDomain(domid, sharedInfo.pages[0], [engine])
    return new EventChannels(domid, table, [engine], sharedInfo)
  }
  const [sender, receiver] = [domain(0), domain(1)]
  let ran = 0
  const ports = Array.from({ length: MAX_PORTS - 1 }, () => {
    const port = sender.bindInterdomain(
      1,
      receiver.allocUnbound(0, () => ran++),
      () => {},
    )
    if (port === undefined) throw new Error('a port cannot be bound')
    return port
  })
  await clock.run()
  let sending = 0
  const event = await each(async () => {
    const from = ran
    let aside = 0
    for (let round = 0; round < 40; round++) {
      const start = cpuSeconds()
      for (const port of ports) sender.notify(port)
      aside += cpuSeconds() - start
      await clock.run()
    }
    sending = (1e9 * aside) / (ran - from)
    return ran - from
  })
  return { notification: sending, event: event - sending }
}

/** A write to a register of a device that the driver domain has granted to a guest. */
export function doorbell(): number {
  const machine = new Machine({ bytes: 1 << 20 })
  machine.createExtent(1, 16)
  const driver = machine.createExtent(0, 16)
  let last = 0
  const page = machine.ioPage(0, (_, value) => (last = value))
  const ref = new GrantTable(machine, driver).grant(1, page, 'io')
  const io = new GrantOps(machine, 1).mapIo(0, ref)
  if (typeof io === 'number') throw new Error(`the register page cannot be mapped: status ${io}`)
  return nsEach(() => {
    for (let i = 0; i < BURST; i++) io.write32(0, i)
    if (last !== BURST - 1) throw new Error('the write did not arrive')
    return BURST
  })
}

/** As `nsEach`, for work that waits for a timeline. */
async function each(work: () => Promise<number>): Promise<number> {
  const found: number[] = []
  await work()
  for (let round = 0; round < 7; round++) {
    const start = cpuSeconds()
    const done = await work()
    found.push((1e9 * (cpuSeconds() - start)) / done)
  }
  return median(found)
}
