import type { WorldValue } from '@netaccel/host'
import type { Scene } from '../bench/scene.js'
import type { Bench } from '../bench/bench.js'
import type { Act } from '../kit/act.js'
import { GUEST_MACS, topologyOf } from '../bench/values.js'

/** The guest after one step of its journey. */
export interface Stop {
  /** `cancelled on a`, `resumed on b`. */
  readonly what: string
  /** The plugin is loaded in the driver domain there. */
  readonly there: boolean
  readonly phase: string
  /** Frames by the fast path since the step. */
  readonly fast: number
}

export interface Migration {
  readonly scene: Scene
  /** Frames by the fast path before the first step. */
  readonly before: number
  readonly stops: readonly Stop[]
}

/**
 * Suspend and cancel; suspend, go on on another host with the plugin, without it, and back again. The other end stays where
 * it is.
 */
export const migration: Act<Migration> = {
  name: 'migration',
  title: 'suspend and cancel, resume on another host with the plugin and without, and back',
  unfit: (subject) => (topologyOf(subject) === 'pair' ? undefined : 'its frames do not leave their host'),
  async run(kit) {
    const bench = await kit.bench({ value: movable })
    await bench.load()
    const before = await fastFor(bench, 'a', kit.full)
    const stops: Stop[] = []
    await bench.world.suspend('a.guest1')
    bench.world.cancelSuspend('a.guest1')
    stops.push(await stop(bench, 'cancelled on a', 'a', true, kit.full))
    await move(bench, 'a', 'c')
    stops.push(await stop(bench, 'resumed on c', 'c', true, kit.full))
    await move(bench, 'c', 'a')
    stops.push(await stop(bench, 'resumed on a again', 'a', true, kit.full))
    await bench.world.drive(bench.world.host('c').plugins.loader.unload(bench.name, 'backend'))
    await move(bench, 'a', 'c')
    stops.push(await stop(bench, 'resumed on c without the plugin', 'c', false, kit.full))
    return { scene: await bench.finish('migration'), before, stops }
  },
}

/**
 * A third host, where the first one's guest can go. The other end stays where it is, beyond a wire from either, and without the
 * plugin: it would go on sending to where the guest was, until it had heard of it elsewhere.
 */
function movable(value: WorldValue): WorldValue {
  const { a, b } = value.hosts
  const { eth0 } = b.nics ?? {}
  const nics = { eth0, eth1: { ...eth0, mac: '00:0f:53:00:00:1b' } }
  const c = { nics: { eth0: { ...eth0, mac: '00:0f:53:00:00:0c' } }, guests: {}, links: ['eth0 -> bridge'] }
  return {
    ...value,
    hosts: {
      a: { ...a, memory: 64 },
      b: {
        ...b,
        nics,
        guests: { guest1: { vifs: { vif0: { mac: GUEST_MACS[1] } } } },
        links: [...(b.links ?? []), 'eth1 -> bridge'],
      },
      c: { ...c, memory: 64 },
    },
    wires: [...(value.wires ?? []), { link: 'c.eth0 -> b.eth1', gbps: 10, delayUs: 2 }],
  }
}

async function move(bench: Bench, from: string, to: string): Promise<void> {
  await bench.world.suspend(`${from}.guest1`)
  await bench.world.resume(`${from}.guest1`, to)
  bench.hearing.listen()
}

async function stop(bench: Bench, what: string, host: string, there: boolean, full: boolean): Promise<Stop> {
  const vif = bench.world.vif(`${host}.guest1.vif0`)
  await bench.until(() => vif.phase === (there ? 'active' : 'none'), 2000)
  const { phase } = vif
  return { what, there, phase, fast: await fastFor(bench, host, full) }
}

async function fastFor(bench: Bench, host: string, full: boolean): Promise<number> {
  const { meter } = bench.world.vif(`${host}.guest1.vif0`)
  const fast = (): number => meter.tx.fast.frames + meter.rx.fast.frames
  const from = fast()
  bench.start({ flows: 6 }, `${host}.guest1.vif0`, 'b.guest1.vif0')
  await bench.for(full ? 20 : 4)
  await bench.quiet()
  return fast() - from
}
