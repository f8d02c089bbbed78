// A queue of netfront's, a plugin and a pool, for tests of what stands between them.
import { DoorTally, LeaseSum, PluginPool, QueueHooks } from '@netaccel/core'
import type { AcceleratedQueue, Arena, Frame as PluginFrame, FrontendQueue, PathParts } from '@netaccel/core'
import { FramePool } from '@netaccel/packet'
import type { Frame } from '@netaccel/packet'
import { VirtualClock } from '@netaccel/xen'
import { FastCounters } from '../accelerate/fast-counters.js'
import { QueuePath } from '../accelerate/queue-path.js'
import { TxFence } from '../accelerate/tx-fence.js'
import type { FastPath, PathObserver, QueueSide } from '../fast-path.js'

export const DEPTH = 64

/** A queue of netfront's that only notes what its fast path asks for. */
export class TestQueue implements QueueSide {
  readonly index = 0
  readonly clock = new VirtualClock()
  readonly engine = this.clock.engine('queue')
  readonly slow: Frame[] = []
  room = 1000
  stopped = false
  polls = 0
  wakes = 0
  notified = 0
  fastPath: FastPath | null = null
  observer: PathObserver | null = null
  readonly slowOutstanding = 0
  dry = false

  sendSlow(frame: Frame): boolean {
    if (this.room === 0) return false
    this.room--
    this.fastPath?.slowSending(frame)
    this.slow.push(frame)
    this.fastPath?.slowSent(frame)
    return true
  }

  flushSlow(): void {}

  eachSlow(look: (frame: Frame) => void): void {
    for (const frame of this.slow) look(frame)
  }

  stop(): void {
    this.stopped = true
  }

  wakeIfReady(): void {
    if (this.room > 0 && this.fastPath?.hasRoom() !== false) {
      this.stopped = false
      this.wakes++
    }
  }

  deliver(frame: Frame): void {
    frame.release()
  }

  notifyBackend(): void {
    this.notified++
  }

  schedulePoll(): void {
    this.polls++
  }

  freeSlots(): number {
    return this.room
  }
}

/** Takes every frame while it has room, and completes all at the next poll. */
export class TestPlugin implements AcceleratedQueue {
  readonly txDepth = DEPTH
  readonly rxDepth = DEPTH
  readonly doors: FrontendQueue
  readonly rx: PluginPool
  readonly held: PluginFrame[] = Array.from({ length: DEPTH })
  count = 0
  receive = 0
  limit = DEPTH
  verdict: 'accepted' | 'declined' = 'accepted'
  /** Frames that it never takes; and what is told of a frame that has left. */
  refuses: (frame: Frame) => boolean = () => false
  left: (frame: Frame) => void = () => {}

  constructor(doors: FrontendQueue, rx: PluginPool) {
    this.doors = doors
    this.rx = rx
  }

  accepts(frame: PluginFrame): boolean {
    return this.verdict === 'accepted' && !this.refuses(frame as Frame)
  }

  startXmit(frame: PluginFrame): 'accepted' | 'declined' | 'busy' {
    if (!this.accepts(frame)) return 'declined'
    if (this.count >= this.limit) return 'busy'
    this.held[this.count++] = frame
    return 'accepted'
  }

  flush(): void {}

  hasRoom(): boolean {
    return this.count < this.limit
  }

  poll(budget: number): 'idle' | 'more' {
    const { count } = this
    this.count = 0
    for (let i = 0; i < count; i++) {
      this.left(this.held[i] as Frame)
      this.doors.completeTx(this.held[i])
    }
    for (let i = 0; i < this.receive && i < budget; i++) {
      const frame = this.rx.take()
      if (frame === undefined) break
      frame.length = 60
      this.doors.deliver(frame)
    }
    return 'idle'
  }

  startInterrupts(): 'armed' {
    return 'armed'
  }

  stopInterrupts(): void {}
}

export interface Setup {
  readonly queue: TestQueue
  readonly path: QueuePath
  readonly plugin: TestPlugin
  readonly tally: DoorTally
  readonly counters: FastCounters
  readonly frames: FramePool
  readonly timeouts: number[]
}

function makeArena(): Arena {
  const bytes = new Uint8Array(new ArrayBuffer(1 << 19))
  return { view: new DataView(bytes.buffer), bytes, offset: 0, length: bytes.length, pages: [] }
}

export function setup(
  capabilities: PathParts['capabilities'] = new Set(['tx', 'rx'] as const),
  txFence: TxFence | null = new TxFence(),
  queue = new TestQueue(),
): Setup {
  const tally = new DoorTally('test')
  const counters = new FastCounters()
  const timeouts: number[] = []
  const rx = new PluginPool(makeArena(), 256, 2048, () => {})
  const path = new QueuePath(
    { queue, hooks: new QueueHooks(), counters, txFence },
    {
      name: 'test',
      capabilities,
      lease: new LeaseSum('test'),
      pools: [rx],
      tally,
      holdNs: 20e6,
      onFault: () => {},
      onTimeout: (index) => void timeouts.push(index),
    },
  )
  const plugins: TestPlugin[] = []
  path.open({
    openQueue: (doors) => {
      const plugin = new TestPlugin(doors, rx)
      plugins.push(plugin)
      return plugin
    },
    remove: () => {},
  })
  path.install()
  path.openGate()
  return {
    queue,
    path,
    plugin: plugins[0],
    tally,
    counters,
    frames: new FramePool(makeArena(), { frames: 256, bytesEach: 2048 }),
    timeouts,
  }
}
