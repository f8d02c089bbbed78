import type { DoorFaults } from '@netaccel/core'
import { addressOf, left, makeFlows } from '@netaccel/host'
import type { Mix, Resources } from '@netaccel/host'
import { Random } from '@netaccel/packet'
import type { Bench } from '../bench/bench.js'
import type { Scene } from '../bench/scene.js'
import type { Act } from '../kit/act.js'

type Side = 'frontend' | 'backend'

/** One attach in which one call of a door failed. */
export interface Round {
  readonly side: Side
  /** `keys.read`: its `call`th call, from 0. */
  readonly door: string
  readonly call: number
  readonly phase: string
  /** Single frames for the guest arrived by themselves, on whatever path, while it sent nothing. */
  readonly arrived: boolean
  /** What is taken still that was not before the attach. */
  readonly left: Partial<Resources>
}

export interface Failing {
  readonly scene: Scene
  readonly rounds: readonly Round[]
  /** Where the vif stood when afterwards no door failed. */
  readonly after: string
}

/** Calls of one door beyond this are like those before. */
const QUICK_CALLS = 2
const FULL_CALLS = 8
const SETTLED = ['active', 'declined', 'requested', 'none']
const PATIENCE_MS = 8000
const UDP: Mix = { tcp: 0, tcp6: 0, udp: 1, icmp: 0, arp: 0 }
/** Datagrams to a silent guest, the time between them, and for the last to arrive. */
const DATAGRAMS = 6
const GAP_MS = 0.2
const REST_MS = 3

/** The `call`th call of one door of one half fails, once. */
class OneFault implements DoorFaults {
  readonly calls = new Map<string, number>()
  hit = false
  private readonly door: string
  private readonly call: number

  constructor(door: string, call: number) {
    this.door = door
    this.call = call
  }

  fails(door: string): boolean {
    const before = this.calls.get(door) ?? 0
    this.calls.set(door, before + 1)
    if (this.hit || door !== this.door || before !== this.call) return false
    this.hit = true
    return true
  }
}

export const failing: Act<Failing> = {
  name: 'failing',
  title: 'each door fails in turn, at its first calls; then none does',
  bare: true,
  async run(kit) {
    let faults: { readonly side: Side; readonly fault: OneFault } | null = null
    const bench = await kit.bench({
      faultsOf: (side) => (faults?.side === side ? faults.fault : null),
    })
    // The other host's half stays as it is: its attachment would only cost time.
    const hosts = ['a']
    const [vif] = bench.vifs
    const attach = async (): Promise<void> => {
      await bench.load(hosts)
      await bench.until(() => SETTLED.includes(vif.phase), PATIENCE_MS)
    }
    const rounds: Round[] = []
    for (const side of ['backend', 'frontend'] as const) {
      const known = new OneFault('', -1)
      faults = { side, fault: known }
      await attach()
      await bench.unload(hosts)
      for (const [door, calls] of known.calls) {
        const most = Math.min(calls, kit.full ? FULL_CALLS : QUICK_CALLS)
        for (let call = 0; call < most; call += 1) {
          const fault = new OneFault(door, call)
          faults = { side, fault }
          await attach()
          const { phase } = vif
          const arrived = await lonely(bench)
          await bench.unload(hosts)
          // What could not be given back is tried again every second.
          await bench.for(1200)
          if (fault.hit)
            rounds.push({
              side,
              door,
              call,
              phase,
              arrived,
              left: left(bench.before, bench.world.resources()),
            })
        }
      }
    }
    faults = null
    await attach()
    const after = vif.phase
    return { scene: await bench.finish('failing'), rounds, after }
  },
}

/** One datagram after the other to a guest that is silent. True: nothing of them is under way at the end. */
async function lonely(bench: Bench): Promise<boolean> {
  const [to, from] = bench.vifs
  const [flow] = makeFlows(
    addressOf(bench.world, from.path),
    addressOf(bench.world, to.path),
    1,
    UDP,
    new Random(1),
  )
  for (let sent = 0; sent < DATAGRAMS; sent += 1) {
    const frame = from.take(flow.need)
    if (frame === undefined) return false
    flow.write(frame)
    if (from.transmit([frame], 1) === 0) frame.release()
    await bench.for(GAP_MS)
  }
  await bench.for(REST_MS)
  return bench.world.status().inFlight === 0
}
