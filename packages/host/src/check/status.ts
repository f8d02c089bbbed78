import type { BackendControl, BackendRun, DropReason, FrontendRun } from '@netaccel/core'
import type { GuestVif } from '../build/guest-vif.js'
import type { Host } from '../build/host.js'
import type { World } from '../build/world.js'
import { accounts, drops } from './ledger.js'
import type { PathCount } from './path-meter.js'

/** One way of a vif, by both paths. TX and RX are the guest's. */
export interface WayStatus {
  readonly slow: Readonly<PathCount>
  readonly fast: Readonly<PathCount>
}

export interface VifStatus {
  readonly path: string
  /** netfront's state: waiting, connecting, connected, broken, closed. */
  readonly state: string
  /** Where it stands with its accelerator (docs: contract §2.2). */
  readonly phase: string
  /** The key `accel`: the port whose accelerator it asks for; null: none. */
  readonly port: string | null
  /** The plugin that has opened that port in the driver domain; null: none is loaded that opens it. */
  readonly accelerator: string | null
  /** Why it does not use that plugin, as far as either end knows; null while it does. */
  readonly refusal: string | null
  readonly tx: WayStatus
  readonly rx: WayStatus
  readonly leases: number
  /** What its accelerator has counted for it since it was attached, by each half: names and sentences are in the manifest. */
  readonly counters: { readonly frontend: CounterValues; readonly backend: CounterValues }
}

/** Counters by name. Empty: not attached. */
export type CounterValues = Readonly<Record<string, number>>

/** What a world is doing now, as plain data. */
export interface WorldStatus {
  readonly atNs: number
  readonly vifs: readonly VifStatus[]
  readonly filters: number
  readonly vis: number
  readonly leases: number
  /** Pages that no domain can use again yet: a plugin has left, and frames in them are still with a stack. */
  readonly pagesOnLoan: number
  /** Wire segments between two counters of the ledger. */
  readonly inFlight: number
  readonly dropped: Readonly<Partial<Record<DropReason, number>>>
}

export function statusOf(world: World): WorldStatus {
  const hosts = [...world.hosts.values()]
  const nics = hosts.flatMap((host) => [...host.nics.values()])
  const plugins = hosts.flatMap((host) => [
    host.plugins,
    ...[...host.guests.values()].map((of) => of.plugins),
  ])
  const vifs = hosts.flatMap((host) => host.vifs.map((vif) => statusOfVif(host, vif)))
  return {
    atNs: world.timeline.now(),
    vifs,
    filters: nics.reduce((sum, nic) => sum + nic.device.filters.used, 0),
    vis: nics.reduce((sum, nic) => sum + nic.driver.vis.handles.length, 0),
    leases: vifs.reduce((sum, vif) => sum + vif.leases, 0),
    pagesOnLoan: plugins.reduce((sum, { accelerators }) => sum + accelerators.kept.pagesOnLoan, 0),
    inFlight: accounts(world).reduce((sum, { inFlight }) => sum + Math.max(0, inFlight), 0),
    dropped: Object.fromEntries(drops(world)),
  }
}

/** One vif of a host. */
export function statusOfVif(host: Host, vif: GuestVif): VifStatus {
  const backend = backControl(host, vif)
  return {
    path: vif.path,
    state: vif.vif.state,
    phase: vif.phase,
    port: portOf(host, vif) ?? null,
    accelerator: backend?.accelerator ?? null,
    refusal: backend?.refusal ?? vif.refusal ?? null,
    tx: copy(vif.meter.tx),
    rx: copy(vif.meter.rx),
    leases: vif.leases,
    counters: { frontend: countersOf(vif.attachment), backend: countersOf(backend?.run) },
  }
}

/** The driver domain's end of the vif. */
function backControl(host: Host, { vif }: GuestVif): BackendControl | undefined {
  const back = host.netback.vif(vif.domain.id, vif.handle)
  return back && host.plugins.accelerators.control(back)
}

function portOf(host: Host, { path }: GuestVif): string | undefined {
  const [, guest = '', name = ''] = path.split('.')
  return host.guests.get(guest)?.value.vifs[name]?.accel
}

type Counting = Pick<FrontendRun | BackendRun, 'counters' | 'stats'>

/** Asks the half for what it has not told yet (`stats`), then reads. */
function countersOf(run: Counting | undefined): CounterValues {
  run?.stats()
  return Object.fromEntries(run?.counters.entries() ?? [])
}

function copy(way: { slow: PathCount; fast: PathCount }): WayStatus {
  return { slow: { ...way.slow }, fast: { ...way.fast } }
}
