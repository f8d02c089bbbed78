// How much of a path's time is spent in what stands for hardware.
import type { World } from '@netaccel/host'

/** An engine as the clock calls it: all that a simulated NIC does, it does in steps of an engine of its own. */
interface Stepped {
  step(): void
}

/** A look at the clock takes so long, and one falls into each step that is measured. */
function lookNs(): number {
  const looks = 20_000
  const start = process.hrtime.bigint()
  for (let i = 0; i < looks; i++) process.hrtime()
  return Number(process.hrtime.bigint() - start) / looks
}

/**
 * Adds up the time in the steps of the NICs' engines. Beside a real NIC the processor does none of that work, so what is
 * left is what the drivers cost. Only shares are told: when the machine gives the thread's time away, both parts lose.
 */
export class HardwareTime {
  private readonly engines: readonly Stepped[]
  private readonly look: number
  private inside = 0
  private steps = 0
  private since = 0

  constructor(world: World) {
    this.engines = [...world.hosts.values()].flatMap((host) =>
      [...host.nics.values()].map((nic) => nic.engine as unknown as Stepped),
    )
    this.look = lookNs()
  }

  /** From here on the steps are measured; they are a little slower, so nothing else should be. */
  start(): void {
    this.inside = 0
    this.steps = 0
    for (const engine of this.engines) this.measure(engine)
    this.since = now()
  }

  /** The share of the time since {@link start} that was spent in hardware. The steps are as before. */
  stop(): number {
    const spent = now() - this.since
    for (const engine of this.engines) Reflect.deleteProperty(engine, 'step')
    const looks = this.steps * this.look
    return (this.inside - looks) / (spent - 2 * looks)
  }

  private measure(engine: Stepped): void {
    const step = engine.step.bind(engine)
    engine.step = () => {
      const start = now()
      step()
      this.inside += now() - start
      this.steps++
    }
  }
}

function now(): number {
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * 1e9 + nanoseconds
}
