import { recordFrame, type EdgeFrame } from './edge-record.js'

/**
 * The edge oracle: exit equals entry, once each, in order within a flow.
 *
 * It stands outside the drivers, at the guests' stacks. Each wire segment that a guest's device took is expected at the
 * guests that its destination names; each that a guest receives must be expected there. Only what is under way is
 * remembered, so that it can judge a transfer of any length. It shares no code with the path (see edge-record.ts).
 */
export class EdgeOracle {
  /** All that there are or have been; by name and by address those that are there. */
  readonly #every: Edge[] = []
  readonly #edges = new Map<string, Edge>()
  readonly #byMac = new Map<number, Edge>()
  /** Segments that entered and are addressed to no edge: they may leave by another door (a driver domain's own stack). */
  elsewhere = 0
  /** Segments seen at an edge whose MAC they do not name: a flood. They are nobody's loss and nobody's double. */
  overheard = 0

  /** Add a place where frames enter and leave: a guest's device. `mac` as six bytes or "aa:bb:cc:dd:ee:ff". */
  addEdge(name: string, mac: string): void {
    const edge = new Edge(name, macNumber(mac))
    this.#every.push(edge)
    this.#edges.set(name, edge)
    this.#byMac.set(edge.mac, edge)
  }

  /** A device is gone: nothing is expected there any more. What it counted stays in the verdict. */
  removeEdge(name: string): void {
    const edge = this.#edge(name)
    this.#edges.delete(name)
    if (this.#byMac.get(edge.mac) === edge) this.#byMac.delete(edge.mac)
  }

  /** The device is another one from here, with the same address; what is expected there still is. */
  moveEdge(name: string, to: string): void {
    const edge = this.#edge(name)
    this.#edges.delete(name)
    this.#edges.set(to, edge)
    edge.name = to
  }

  /** A frame was taken by the device of this edge. Call it before its bytes can change owner. */
  entered(name: string, frame: EdgeFrame): void {
    const from = this.#edge(name)
    const target = frame.length >= 6 ? readMac(frame) : -1
    if (target >= 0 && isGroup(frame)) {
      for (const edge of this.#edges.values()) if (edge !== from) edge.expectFrame(frame)
      return
    }
    const to = this.#byMac.get(target)
    if (to === undefined || to === from) this.elsewhere += 1
    else to.expectFrame(frame)
  }

  /** A frame was handed to the stack of this edge. */
  left(name: string, frame: EdgeFrame): void {
    const edge = this.#edge(name)
    if (frame.length >= 6 && !isGroup(frame) && readMac(frame) !== edge.mac) {
      this.overheard += 1
      return
    }
    edge.meetFrame(frame)
  }

  /** Wire segments that have entered and not left: those under way, and those lost so far. */
  get underWay(): number {
    let sum = 0
    for (const edge of this.#edges.values()) sum += edge.underWay
    return sum
  }

  /** Forget nothing, judge everything: call it when nothing is under way any more. */
  verdict(): OracleVerdict {
    const edges = this.#every.map((edge) => edge.summary())
    const sum = (pick: (edge: EdgeSummary) => number): number =>
      edges.reduce((total, edge) => total + pick(edge), 0)
    return {
      entered: sum((edge) => edge.expected),
      left: sum((edge) => edge.met),
      missing: sum((edge) => edge.missing),
      doubled: sum((edge) => edge.doubled),
      reordered: sum((edge) => edge.reordered),
      edges,
    }
  }

  #edge(name: string): Edge {
    const edge = this.#edges.get(name)
    if (edge === undefined)
      throw new RangeError(`The oracle knows no edge "${name}"; add it with addEdge first.`)
    return edge
  }
}

/** Counts of wire segments at one edge. `missing` are expected and not met (yet). */
export interface EdgeSummary {
  readonly name: string
  readonly expected: number
  readonly met: number
  readonly missing: number
  /** Met more often than expected, or never expected at all: a double, a forgery or a damaged segment. */
  readonly doubled: number
  readonly reordered: number
  readonly payloadBytes: number
}

/** The oracle's answer over all edges, in wire segments. */
export interface OracleVerdict {
  readonly entered: number
  readonly left: number
  readonly missing: number
  readonly doubled: number
  readonly reordered: number
  readonly edges: readonly EdgeSummary[]
}

interface Order {
  /** Ordinal of the next segment of the flow to enter. */
  next: number
  /** Highest ordinal of the flow that has left. */
  highest: number
}

class Edge {
  name: string
  readonly mac: number
  /** Identity → ordinals within the flow, oldest first; a number while there is one, which is nearly always. */
  readonly #waiting = new Map<number, number | number[]>()
  readonly #flows = new Map<number, Order>()
  #expected = 0
  #met = 0
  #doubled = 0
  #reordered = 0
  #payloadBytes = 0

  constructor(name: string, mac: number) {
    this.name = name
    this.mac = mac
  }

  expectFrame(frame: EdgeFrame): void {
    recordFrame(frame, this.#expect)
  }

  meetFrame(frame: EdgeFrame): void {
    recordFrame(frame, this.#meet)
  }

  readonly #expect = (high: number, low: number, flow: number): void => {
    const key = identity(high, low)
    const order = this.#order(flow)
    const ordinal = order.next
    order.next += 1
    this.#expected += 1
    const standing = this.#waiting.get(key)
    if (standing === undefined) this.#waiting.set(key, ordinal)
    else if (typeof standing === 'number') this.#waiting.set(key, [standing, ordinal])
    else standing.push(ordinal)
  }

  readonly #meet = (high: number, low: number, flow: number, payloadBytes: number): void => {
    const key = identity(high, low)
    const standing = this.#waiting.get(key)
    if (standing === undefined) {
      this.#doubled += 1
      return
    }
    this.#met += 1
    this.#payloadBytes += payloadBytes
    const ordinal = typeof standing === 'number' ? standing : (standing.shift() as number)
    if (typeof standing === 'number' || standing.length === 0) this.#waiting.delete(key)
    const order = this.#order(flow)
    if (ordinal < order.highest) this.#reordered += 1
    else order.highest = ordinal
  }

  #order(flow: number): Order {
    let order = this.#flows.get(flow)
    if (order === undefined) {
      order = { next: 0, highest: -1 }
      this.#flows.set(flow, order)
    }
    return order
  }

  get underWay(): number {
    return this.#expected - this.#met
  }

  summary(): EdgeSummary {
    return {
      name: this.name,
      expected: this.#expected,
      met: this.#met,
      missing: this.#expected - this.#met,
      doubled: this.#doubled,
      reordered: this.#reordered,
      payloadBytes: this.#payloadBytes,
    }
  }
}

/** 53 bits of the two hashes as one number: a key that a Map holds without building a string. */
function identity(high: number, low: number): number {
  return (high >>> 11) * 0x1_0000_0000 + (low >>> 0)
}

function isGroup(frame: EdgeFrame): boolean {
  return (frame.view.getUint8(frame.offset) & 1) === 1
}

function readMac(frame: EdgeFrame): number {
  return frame.view.getUint16(frame.offset) * 0x1_0000_0000 + frame.view.getUint32(frame.offset + 2)
}

function macNumber(mac: string): number {
  return Number.parseInt(mac.replaceAll(':', ''), 16)
}
