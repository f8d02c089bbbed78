import type { Frame } from '@netaccel/packet'
import type { GuestVif } from '../build/guest-vif.js'
import type { Host } from '../build/host.js'
import type { Nic } from '../build/nic.js'
import type { NamedLane } from '../build/world-parts.js'
import type { Path } from './steps.js'
import type { Trace } from './trace.js'

/** What a trace watches: the parts of a world. */
export interface Watched {
  readonly hosts: ReadonlyMap<string, Host>
  readonly lanes: readonly NamedLane[]
}

/**
 * Let `trace` see every stage of the hosts, guests and wires that are there now; the function returned takes all
 * watchers away. A stage has one place for a watcher, so a world has one trace at a time.
 */
export function watch(world: Watched, trace: Trace): () => void {
  const undo = [...world.hosts.values()].flatMap((host) => [
    ...host.vifs.flatMap((vif) => [watchVif(host, vif, trace), watchBack(host, vif, trace)]),
    watchBridge(host, trace),
    ...[...host.nics.values()].flatMap((nic) => [watchPort(host, nic, trace), watchNic(host, nic, trace)]),
  ])
  undo.push(...world.lanes.map((lane) => watchLane(lane, trace)))
  return () => {
    for (const take of undo) take()
  }
}

/** Stages 1, 2, 3s and 3f: the guest's stack and its driver. */
function watchVif({ name }: Host, vif: GuestVif, trace: Trace): () => void {
  const { path: place, meter } = vif
  vif.observer = {
    offered: (frame) => trace.record(name, 'stack sends', place, '', frame),
    delivered: (frame) => trace.record(name, 'stack receives', place, '', frame),
  }
  vif.measure()
  meter.next = {
    sent: (frame, path) => {
      trace.record(name, 'fork', place, path, frame)
      trace.record(name, path === 'slow' ? 'tx ring' : 'plugin sends', place, path, frame)
    },
    received: (frame, path) => {
      trace.record(name, path === 'slow' ? 'rx ring' : 'plugin receives', place, path, frame)
      trace.record(name, 'poll', place, path, frame)
    },
  }
  return () => {
    vif.observer = null
    meter.next = null
  }
}

/** Stage 4s: the vif's other end in the driver domain. */
function watchBack(host: Host, vif: GuestVif, trace: Trace): () => void {
  const back = host.netback.vif(vif.vif.domain.id, vif.vif.handle)
  if (back === undefined) return () => undefined
  const observer = {
    taken: (frame: Frame) => trace.record(host.name, 'from guest', vif.path, 'slow', frame),
    written: (frame: Frame) => trace.record(host.name, 'to guest', vif.path, 'slow', frame),
  }
  for (const queue of back.queues) queue.observer = observer
  return () => {
    for (const queue of back.queues) queue.observer = null
  }
}

/** Stage 5s. A port that leads to a guest is named as the guest's device. */
function watchBridge(host: Host, trace: Trace): () => void {
  const names = new Map<string, string>(host.vifs.map((vif) => [vif.vif.name, vif.path]))
  const place = (port: string): string => names.get(port) ?? `${host.name}.${port}`
  host.bridge.observer = {
    entered: (port, frame) => trace.record(host.name, 'into bridge', place(port.name), 'slow', frame),
    left: (port, frame) => trace.record(host.name, 'out of bridge', place(port.name), 'slow', frame),
  }
  return () => {
    host.bridge.observer = null
  }
}

/** Stage 6s: the NIC's driver. */
function watchPort({ name }: Host, nic: Nic, trace: Trace): () => void {
  const place = `${name}.${nic.name}`
  return nic.driver.observe({
    scatter: true,
    transmitted: (frame) => trace.record(name, 'port sends', place, 'slow', frame),
    received: (frame) => trace.record(name, 'port receives', place, 'slow', frame),
  })
}

/** Stages 4f and 7: the hardware. */
function watchNic({ name }: Host, nic: Nic, trace: Trace): () => void {
  const place = `${name}.${nic.name}`
  const pathOf = (vi: number): Path => (vi < 0 ? 'slow' : 'fast')
  nic.device.observer = {
    sent: (frame, vi) => {
      if (vi >= 0) trace.record(name, 'VI sends', `${place} VI ${vi}`, 'fast', frame)
      trace.record(name, 'NIC sends', place, pathOf(vi), frame)
    },
    received: (frame, vi) => {
      trace.record(name, 'NIC receives', place, pathOf(vi), frame)
      if (vi >= 0) trace.record(name, 'VI receives', `${place} VI ${vi}`, 'fast', frame)
    },
  }
  return () => {
    nic.device.observer = null
  }
}

/** Stage 8. Its name is a sentence, `a.eth0 -> b.eth0`: a frame leaves the one host and arrives at the other. */
function watchLane({ name, lane }: NamedLane, trace: Trace): () => void {
  const [from = '', to = ''] = name.split(' -> ').map((end) => end.split('.', 1)[0])
  lane.observer = {
    sent: (frame) => trace.record(from, 'onto wire', name, '', frame),
    arrived: (frame) => trace.record(to, 'off wire', name, '', frame),
  }
  return () => {
    lane.observer = null
  }
}
