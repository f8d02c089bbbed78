import type { AcceleratedPort, Arena, Frame, HardwareContext, Mapping, Vi } from '@netaccel/core'
import { Sender } from '../bench/frames.js'
import type { Scene } from '../bench/scene.js'
import type { Act } from '../kit/act.js'
import { around } from '../record/around.js'
import { vary } from '../record/vary.js'

export interface Wired {
  readonly scene: Scene
  /** Frames of the slow way out, and of those the ones that were released before they had left. */
  readonly taken: number
  readonly early: number
  /** Calls of `handedOver`, and of those the ones that settled before what had arrived stood in its rings. */
  readonly asked: number
  readonly tooSoon: number
  /** VIs that were quiet, and accesses to the rings of those. */
  readonly quiet: number
  readonly touched: number
  /** Filters that were asked for a second time, and what of single frames afterwards did not arrive by itself. */
  readonly repeated: number
  readonly stuck: number
}

const SINGLE = 20
const GAP_MS = 0.2
const REST_MS = 3

export const wired: Act<Wired> = {
  name: 'wired',
  title:
    "hardware of the plugin's own: the slow way, filters asked for twice, single frames, detaching under load",
  unfit: ({ manifest }) => (manifest.hardware === undefined ? 'the plugin brings no hardware' : undefined),
  async run(kit) {
    const watch = new Watch()
    const bench = await kit.bench({
      value: (value) => ({ ...value, wires: [{ link: 'a.eth0 -> b.eth0', gbps: 1, delayUs: 2 }] }),
      rig: (halves, facts, where) =>
        around(() =>
          where.startsWith('a.') && facts.half === 'hardware'
            ? {
                hardwareContext: (context) => watch.wire(context),
                hardware: (inner) => watch.port(inner),
              }
            : {},
        )(halves, facts, where),
    })
    // Until the bridges know both guests, a frame is shared by all that it is flooded to.
    bench.start({ flows: 4 })
    await bench.for(1)
    watch.isKnown = true
    await bench.for(3)
    await bench.quiet()
    await bench.load()
    const sender = new Sender(bench, 1)
    const [{ meter }] = bench.vifs
    const received = (): number => meter.rx.slow.frames + meter.rx.fast.frames
    const from = received()
    watch.isOneWay = true
    for (let sent = 0; sent < SINGLE; sent += 1) {
      sender.send(sender.datagram(200, false))
      await bench.for(GAP_MS)
    }
    await bench.for(REST_MS)
    watch.isOneWay = false
    const stuck = from + SINGLE - received()
    bench.start({ flows: 8, gapNs: 40_000 })
    await bench.for(3)
    await bench.unload()
    const scene = await bench.finish('wired')
    const { taken, early, asked, tooSoon, quiet, touched, repeated } = watch
    return { scene, taken, early, asked, tooSoon, quiet, touched, repeated, stuck }
  },
}

/** The same memory, which tells when it is written to. */
function telling({ buffer, byteOffset, byteLength }: DataView, told: () => void): DataView {
  const view = new DataView(buffer, byteOffset, byteLength)
  const setUint32 = view.setUint32.bind(view)
  const setInt32 = view.setInt32.bind(view)
  view.setUint32 = (...given) => {
    told()
    setUint32(...given)
  }
  view.setInt32 = (...given) => {
    told()
    setInt32(...given)
  }
  return view
}

/** Between the host and one NIC of the plugin's. */
class Watch {
  taken = 0
  early = 0
  asked = 0
  tooSoon = 0
  quiet = 0
  touched = 0
  repeated = 0
  /** No frame of the slow way has two owners. */
  isKnown = false
  /** The guest sends nothing, so its rings are written for what arrives alone. */
  isOneWay = false
  private left = 0
  private readonly plainOf = new Map<Vi, Vi>()
  private arrivals = 0
  /** The hardware looks at a frame: what it writes now is of that, which has not been counted. */
  private isArriving = false
  /** The arrivals after which `handedOver` has settled last. */
  private settledAfter = -1
  private handedOver: () => Promise<void> = () => Promise.resolve()

  wire(context: HardwareContext): HardwareContext {
    const { wire } = context
    return vary(context, {
      wire: vary(wire, {
        onSent: (sent) =>
          wire.onSent((frame) => {
            this.left += 1
            sent(frame)
          }),
        onFrame: (arrived) =>
          wire.onFrame((frame) => {
            this.isArriving = true
            const answer = arrived(frame)
            this.isArriving = false
            if (answer === 'taken') this.arrived()
            return answer
          }),
      }),
    })
  }

  port(inner: AcceleratedPort): AcceleratedPort {
    const { vis, filters } = inner
    this.handedOver = () => inner.handedOver()
    return vary(inner, {
      transmit: (frame) => this.transmit(frame, inner),
      ...(vis && {
        vis: vary(vis, {
          create: (request) => {
            let isQuiet = false
            const told = (): void => this.ringWritten(isQuiet)
            const vi = vis.create({ ...request, rings: watched(request.rings, told) })
            return typeof vi === 'string' ? vi : this.follow(vi, () => (isQuiet = true))
          },
        }),
      }),
      ...(filters && {
        filters: vary(filters, {
          insert: (key, vi) => {
            const plain = this.plainOf.get(vi) ?? vi
            const answer = filters.insert(key, plain)
            if (typeof answer !== 'string' && filters.insert(key, plain) === 'duplicate') this.repeated += 1
            return answer
          },
        }),
      }),
    })
  }

  private arrived(): void {
    this.arrivals += 1
    const after = this.arrivals
    this.asked += 1
    void this.handedOver().then(() => (this.settledAfter = after))
  }

  private ringWritten(isQuiet: boolean): void {
    if (isQuiet) this.touched += 1
    if (this.isOneWay && !this.isArriving && this.settledAfter === this.arrivals) this.tooSoon += 1
  }

  private transmit(frame: Frame, inner: AcceleratedPort): 'taken' | 'full' {
    const number = this.taken + 1
    if (isShared(frame)) {
      const answer = inner.transmit(frame)
      if (answer === 'taken') this.taken = number
      return answer
    }
    const release = frame.release.bind(frame)
    frame.release = () => {
      Reflect.deleteProperty(frame, 'release')
      if (this.isKnown && this.left < number) this.early += 1
      release()
    }
    const answer = inner.transmit(frame)
    if (answer === 'taken') this.taken = number
    else Reflect.deleteProperty(frame, 'release')
    return answer
  }

  private follow(vi: Vi, quiet: () => void): Vi {
    const followed = vary(vi, {
      quiesce: async (signal) => {
        await vi.quiesce(signal)
        this.quiet += 1
        quiet()
      },
    })
    this.plainOf.set(followed, vi)
    return followed
  }
}

/** What is sent to a group is shared by all that it is flooded to. */
function isShared({ view, offset }: Frame): boolean {
  return (view.getUint8(offset) & 1) !== 0
}

function watched(rings: Arena | Mapping, told: () => void): Arena | Mapping {
  if ('view' in rings) {
    const { bytes, offset, length, pages } = rings
    return { view: telling(rings.view, told), bytes, offset, length, pages }
  }
  const { pages, whole, unmap } = rings
  return {
    pages: pages.map((page) => ({ ...page, view: telling(page.view, told) })),
    ...(whole && { whole: { ...whole, view: telling(whole.view, told) } }),
    unmap,
  }
}
