import type { Frame } from '@netaccel/packet'
import { ETH_SOURCE } from '@netaccel/packet'
import type { Engine, Timer } from '@netaccel/xen'
import { NicError } from '../errors.js'
import type { VirtualInterface } from './virtual-interface.js'

/** What VIs of guests may send; the driver domain is never policed. The original NIC did none of this. */
export interface PoliceOptions {
  /** Drop and count frames of a VI whose source address is not that of its vif. Default false. */
  readonly sourceMac?: boolean
  /** Megabits per second of each VI; 0, the default: no limit. A VI above it waits, nothing of it is dropped. */
  readonly mbps?: number
  /** Bytes that a VI may send at once when it was silent. Default 65,536. */
  readonly burstBytes?: number
}

const DEFAULT_BURST = 65_536

/**
 * Policing of what VIs send. The rate is a bucket of tokens a VI, one a byte, which may go into debt by one frame: a
 * frame that is to be cut is paid for whole when it is fetched.
 */
export class TxPolice {
  /** Called when a VI that had to wait may go on. */
  onTokens: () => void
  private readonly engine: Engine
  private readonly sourceMac: boolean
  private readonly bytesPerNs: number
  private readonly burst: number
  private readonly tokens: Float64Array
  private readonly filled: Float64Array
  /** Time now; when the timer fires. In an array: times are not boxed here. */
  private readonly times: Float64Array
  private timer: Timer | null
  private readonly whenDue: () => void

  /** Throws `BAD_OPTION`. */
  constructor(engine: Engine, vis: number, options: PoliceOptions) {
    const { sourceMac = false, mbps = 0, burstBytes = DEFAULT_BURST } = options
    if (!(mbps >= 0 && mbps < Infinity && burstBytes >= 1))
      throw new NicError(
        'BAD_OPTION',
        `a NIC cannot police to ${mbps} Mb/s with bursts of ${burstBytes} bytes: give 0 or more, and 1 or more`,
      )
    this.onTokens = ignore
    this.engine = engine
    this.sourceMac = sourceMac
    this.bytesPerNs = mbps / 8000
    this.burst = burstBytes
    this.tokens = new Float64Array(vis).fill(burstBytes)
    this.filled = new Float64Array(vis)
    this.times = new Float64Array(2)
    this.timer = null
    this.whenDue = () => this.due()
  }

  /** A VI of this number is new: its bucket is full. */
  begin(vi: number): void {
    this.tokens[vi] = this.burst
    this.engine.stamp(this.filled, vi)
  }

  /** False: the VI has spent more than it had; `onTokens` comes when it has some again. */
  mayFetch(vi: number): boolean {
    if (this.bytesPerNs === 0) return true
    const { times, tokens, filled } = this
    this.engine.stamp(times, 0)
    const now = times[0]
    const grown = tokens[vi] + (now - filled[vi]) * this.bytesPerNs
    tokens[vi] = grown < this.burst ? grown : this.burst
    filled[vi] = now
    if (tokens[vi] > 0) return true
    this.wakeAt(now + (1 - tokens[vi]) / this.bytesPerNs, now)
    return false
  }

  /** A frame of so many bytes was fetched. */
  spend(vi: number, bytes: number): void {
    this.tokens[vi] -= bytes
  }

  /** False: the frame's source is not the address of its VI's vif. */
  isOwn(vi: VirtualInterface, frame: Frame): boolean {
    if (!this.sourceMac || vi.address === null) return true
    const { high, low } = vi.address
    const at = frame.offset + ETH_SOURCE
    return frame.view.getUint16(at) === high && frame.view.getInt32(at + 2) === low
  }

  private wakeAt(time: number, now: number): void {
    const { times } = this
    if (this.timer !== null) {
      if (times[1] <= time) return
      this.timer.cancel()
    }
    times[1] = time
    this.timer = this.engine.after(Math.max(1, time - now), this.whenDue)
  }

  private due(): void {
    this.timer = null
    this.onTokens()
  }
}

function ignore(): void {}
