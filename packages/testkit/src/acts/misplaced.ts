import { AcceleratorError, MESSAGE_BYTES, MessagePages } from '@netaccel/core'
import type { Bench } from '../bench/bench.js'
import { Sender } from '../bench/frames.js'
import type { Scene } from '../bench/scene.js'
import { stations, Stranger } from '../bench/stations.js'
import type { Act, Kit } from '../kit/act.js'

export type Side = 'frontend' | 'backend'

/** An attachment in whose conversation messages came out of place. */
export interface Misplaced {
  /** What was put in, and where: `all that is said to the frontend half, after its message 3`. */
  readonly what: string
  /** All of them are unknown: nobody has a reason to end the conversation. */
  readonly unknown: boolean
  /** Messages that were put in. */
  readonly put: number
  readonly phase: string
  /** What a callback or a task of a half has thrown that was no error of the host's. */
  readonly threw: readonly string[]
}

export interface Conversations {
  readonly scene: Scene
  readonly plain: Misplaced
  readonly spoilt: readonly Misplaced[]
  /** Where the vif stood after one more attach, with every message in its place. */
  readonly after: string
}

/** No half gives its messages such a number. */
const UNKNOWN = 0x3eadbeef
const SETTLED = ['active', 'declined', 'requested', 'none']
const PATIENCE_MS = 8000
/** Messages of a conversation before which others are put in a quick run; in a full one before each of these. */
const QUICK = [0, 1, 2]
const FULL = 12

/** Halves that talk by {@link MessagePages}: the host's own class, so that all that is received can be heard. */
export const misplaced: Act<Conversations> = {
  name: 'misplaced',
  title:
    'messages between the halves that are unknown, or come a second time, at every step of the conversation',
  async run(kit) {
    const desk = new Desk()
    desk.open()
    try {
      const bench = await kit.bench()
      desk.stranger = new Stranger(bench)
      const plain = await converse(bench, desk, 'nothing', false)
      const spoilt = desk.heard > 0 ? await spoil(bench, desk, kit) : []
      desk.clear()
      await attach(bench)
      const after = bench.vifs[0].phase
      return { scene: await bench.finish('misplaced'), plain, spoilt, after }
    } finally {
      desk.close()
    }
  },
}

async function spoil(bench: Bench, desk: Desk, kit: Kit): Promise<Misplaced[]> {
  const found: Misplaced[] = []
  const unknown = message(UNKNOWN)
  for (const side of ['frontend', 'backend'] as const) desk.always(side, unknown)
  found.push(await converse(bench, desk, 'one that nobody knows after each message', true))
  const steps = kit.full ? Array.from({ length: FULL }, (_, step) => step) : QUICK
  for (const step of steps)
    for (const side of ['frontend', 'backend'] as const) {
      if (step > desk.most(side)) continue
      // All at once, and in a full run each by itself too: one may end the conversation before the next is read.
      const kinds = desk.kinds(side)
      for (const kind of kit.full && kinds.length > 1 ? [kinds, ...kinds.map((one) => [one])] : [kinds]) {
        desk.after(side, step, kind)
        const what = `${kind.length} messages that stand elsewhere in the conversation, to the ${side} half after its message ${step}`
        found.push(await converse(bench, desk, what, false))
      }
    }
  return found
}

async function attach(bench: Bench): Promise<void> {
  await bench.load(['a'])
  const [vif] = bench.vifs
  await bench.until(() => SETTLED.includes(vif.phase), PATIENCE_MS)
}

/** One attachment, traffic, an address that shows itself behind the bridge, and the farewell. */
async function converse(bench: Bench, desk: Desk, what: string, unknown: boolean): Promise<Misplaced> {
  const { calls } = bench.recorder
  const from = calls.length
  desk.begin()
  await attach(bench)
  const [{ phase }] = bench.vifs
  bench.start({ flows: 2 })
  await bench.for(1)
  await bench.quiet()
  const [mac] = stations(1)
  desk.stranger?.speak(mac, new Sender(bench).ends.destination)
  await bench.for(5)
  await bench.unload(['a'])
  await bench.for(100)
  const threw = calls
    .slice(from)
    .filter(({ role, outcome }) => role === 'callback' && (outcome === 'threw' || outcome === 'rejected'))
    .filter(({ threw: cause }) => !(cause instanceof AcceleratorError))
    .map(({ place, name, threw: cause }) => `a ${name} of the ${place.half} half threw ${String(cause)}`)
  const put = desk.end()
  return { what, unknown, put, phase, threw }
}

function message(id: number): Uint8Array {
  const bytes = new Uint8Array(MESSAGE_BYTES)
  new DataView(bytes.buffer).setUint32(0, id, true)
  return bytes
}

type Receive = MessagePages['receive']

/** Between the halves and what they receive. */
class Desk {
  /** Messages that were received before anything was put in. */
  heard = 0
  /** Somebody of whom the backend half has something to say. */
  stranger: Stranger | null = null
  private readonly said: Record<Side, Map<number, Uint8Array>> = { frontend: new Map(), backend: new Map() }
  private readonly longest: Record<Side, number> = { frontend: 0, backend: 0 }
  private readonly backends = new WeakSet<MessagePages>()
  private plan: {
    readonly side: Side
    readonly step: number
    readonly messages: readonly Uint8Array[]
  } | null = null
  private readonly constant: Partial<Record<Side, Uint8Array>> = {}
  private received: Record<Side, number> = { frontend: 0, backend: 0 }
  private waiting: Record<Side, Uint8Array[]> = { frontend: [], backend: [] }
  private put = 0
  private readonly receive = MessagePages.prototype.receive
  private readonly format = MessagePages.prototype.format

  open(): void {
    const { backends, format, receive } = this
    const hear = (pages: MessagePages): ReturnType<Receive> => this.hear(pages, receive)
    MessagePages.prototype.format = function (this: MessagePages, netUp) {
      backends.add(this)
      format.call(this, netUp)
    }
    MessagePages.prototype.receive = function (this: MessagePages) {
      return hear(this)
    }
  }

  close(): void {
    MessagePages.prototype.format = this.format
    MessagePages.prototype.receive = this.receive
  }

  /** After each message of its own a side receives this one too. */
  always(side: Side, bytes: Uint8Array): void {
    this.constant[side] = bytes
  }

  /** Once a side has received so many messages of its own, it receives these. */
  after(side: Side, step: number, messages: readonly Uint8Array[]): void {
    this.clear()
    this.plan = { side, step, messages }
  }

  clear(): void {
    this.plan = null
    delete this.constant.frontend
    delete this.constant.backend
  }

  /** A message of each kind that a side has received. */
  kinds(side: Side): Uint8Array[] {
    return [...this.said[side].values()]
  }

  most(side: Side): number {
    return this.longest[side]
  }

  begin(): void {
    this.received = { frontend: 0, backend: 0 }
    this.waiting = { frontend: [], backend: [] }
    this.put = 0
    if (this.plan?.step === 0) this.waiting[this.plan.side].push(...this.plan.messages)
  }

  /** How many were put in since {@link begin}. */
  end(): number {
    return this.put
  }

  private hear(pages: MessagePages, receive: Receive): ReturnType<Receive> {
    const side = this.backends.has(pages) ? 'backend' : 'frontend'
    const next = this.waiting[side].shift()
    if (next !== undefined) {
      this.put += 1
      new Uint8Array(pages.message.buffer).set(next)
      return 'message'
    }
    const answer = receive.call(pages)
    if (answer === 'message') this.note(side, pages.message)
    return answer
  }

  private note(side: Side, { buffer }: DataView): void {
    this.received[side] += 1
    const { plan } = this
    const constant = this.constant[side]
    if (constant !== undefined) this.waiting[side].push(constant)
    if (plan?.side === side && plan.step === this.received[side]) this.waiting[side].push(...plan.messages)
    if (plan !== null || constant !== undefined) return
    this.heard += 1
    this.longest[side] = Math.max(this.longest[side], this.received[side])
    const bytes = new Uint8Array(buffer).slice()
    this.said[side].set(new DataView(bytes.buffer).getUint32(0, true), bytes)
  }
}
