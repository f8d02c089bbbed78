// Faults of the host, each planted at one place of a running world: what a trial of switching has to find.
import type { Filter } from '@netaccel/core'
import type { Guest, GuestVif, TrafficOptions, World } from '@netaccel/host'
import type { Frame } from '@netaccel/packet'

export interface Mutant {
  readonly title: string
  /** What the verdict says of it. */
  readonly caught: RegExp
  readonly plant?: (world: World) => void
  readonly orderFence?: false
  /** Traffic in which it shows, if the trial's own leaves it no room. */
  readonly traffic?: TrafficOptions
  /** Cycles after which it is looked for. */
  readonly judgeEvery: number
}

function eachGuest(world: World, work: (guest: Guest, vif: GuestVif) => void): void {
  for (const host of world.hosts.values())
    for (const guest of host.guests.values()) for (const vif of guest.vifs.values()) work(guest, vif)
}

/** The parked frame of a vif that leaves its accelerator is thrown away instead of being sent by the ring. */
function dropParked(world: World): void {
  eachGuest(world, (guest, { vif }) => {
    let leaving = false
    guest.plugins.events.on('half_draining', () => (leaving = true))
    guest.plugins.events.on('phase', ({ to }) => (leaving &&= to === 'draining'))
    for (const queue of vif.queues) {
      const sendSlow = queue.sendSlow.bind(queue)
      queue.sendSlow = (frame) => {
        // The fork sends nothing while a frame is parked: so this is the parked one.
        if (!leaving || queue.fastPath?.hasParked !== true) return sendSlow(frame)
        frame.release()
        return true
      }
    }
  })
}

/** The filters of a vif that leaves stay until its VI is closed, which is after the hooks were cleared. */
function removeFiltersLast(world: World): void {
  for (const host of world.hosts.values()) {
    const leaving = (): boolean => host.vifs.some(({ phase }) => phase === 'draining')
    for (const { driver } of host.nics.values()) {
      const { filters } = driver
      const insert = filters.insert.bind(filters)
      filters.insert = (key, vi) => {
        const filter = insert(key, vi)
        if (typeof filter === 'string') return filter
        return Object.assign(Object.create(filter) as Filter, {
          remove: () => {
            if (!leaving()) filter.remove()
          },
        })
      }
    }
  }
}

/** TX requests are answered when the frame has been copied, while it still stands in the bridge or at the NIC. */
function answerAtOnce(world: World): void {
  for (const { netback } of world.hosts.values())
    for (const { queues } of netback.vifs)
      for (const queue of queues)
        Object.defineProperty(queue, 'answerOnDeparture', { get: () => false, set: () => undefined })
}

type Send = (frame: Frame) => void

/** Puts `tamper` in the place of the call by which each bridge hands frames to its guests' netback. */
function tamper(world: World, change: (frame: Frame, nth: number, send: Send) => void): void {
  let nth = 0
  for (const host of world.hosts.values()) {
    for (const { queues } of host.netback.vifs) {
      for (const queue of queues) {
        const send = queue.send.bind(queue)
        queue.send = (frame) => change(frame, (nth += 1), send)
        queue.sendBurst = (frames, from, to) => {
          for (let at = from; at < to; at += 1) queue.send(frames[at])
        }
      }
    }
  }
}

const RARE = 10_000

function doubleSome(frame: Frame, nth: number, send: Send): void {
  if (nth % RARE === RARE / 2) {
    frame.hold()
    send(frame)
  }
  send(frame)
}

/** Each 10,000th frame lets the next of its flow pass. */
function swapSome(): (frame: Frame, nth: number, send: Send) => void {
  let held: Frame | null = null
  return (frame, nth, send) => {
    if (held === null && nth % RARE === RARE / 2) {
      held = frame
      return
    }
    send(frame)
    if (held === null || !sameFlow(held, frame)) return
    send(held)
    held = null
  }
}

/** Addresses and ports of two plain IPv4 frames. */
function sameFlow(one: Frame, two: Frame): boolean {
  for (let at = 26; at < 38; at += 1)
    if (one.bytes[one.offset + at] !== two.bytes[two.offset + at]) return false
  return true
}

/** Counts a drop that was none. */
function miscount(world: World): void {
  const counters = [...world.hosts.values()].flatMap(({ netback }) =>
    netback.vifs.flatMap(({ queues }) => queues.map((queue) => queue.counters)),
  )
  tamper(world, (frame, nth, send) => {
    if (nth % RARE === RARE / 2) counters[0].dropped.count('netback_rx_queue_full', 1, frame.length)
    send(frame)
  })
}

export const MUTANTS: readonly Mutant[] = [
  { title: 'the order fence is off', caught: /behind a later one/, orderFence: false, judgeEvery: 1 },
  {
    title: 'the parked frame is dropped at plug-out',
    caught: /did not leave/,
    plant: dropParked,
    judgeEvery: 2,
  },
  {
    title: 'filters are removed last, after the VI is closed',
    caught: /did not leave/,
    plant: removeFiltersLast,
    judgeEvery: 5,
  },
  {
    title: 'TX requests are answered before their frames have left',
    caught: /behind a later one/,
    plant: answerAtOnce,
    // Much must stand at the NIC for a while.
    traffic: { gapNs: 20_000 },
    judgeEvery: 1,
  },
  {
    title: '1 frame in 10,000 is dropped without a word',
    caught: /did not leave/,
    plant: (world) =>
      tamper(world, (frame, nth, send) => (nth % RARE === RARE / 2 ? frame.release() : send(frame))),
    judgeEvery: 10,
  },
  {
    title: '1 frame in 10,000 is doubled',
    caught: /left twice/,
    plant: (world) => tamper(world, doubleSome),
    judgeEvery: 10,
  },
  {
    title: '2 frames of a flow in 10,000 are swapped',
    caught: /behind a later one/,
    plant: (world) => tamper(world, swapSome()),
    judgeEvery: 10,
  },
  { title: 'the ledger miscounts 1 in 10,000', caught: /does not balance/, plant: miscount, judgeEvery: 10 },
]
