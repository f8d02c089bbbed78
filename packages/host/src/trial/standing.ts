import type { Host } from '../build/host.js'

/** Where frames stand at one instant. A switch that meets none of these has shown nothing. */
export const PLACES = ['slow ring', 'driver domain', 'vi descriptors', 'vi events', 'parked'] as const

export type Place = (typeof PLACES)[number]

/** The places of a host in which something stands now. */
export function standing(host: Host): Set<Place> {
  const places = new Set<Place>()
  for (const { vif } of host.vifs) {
    for (const queue of vif.queues) {
      if (queue.slowOutstanding > 0) places.add('slow ring')
      if (queue.fastPath?.hasParked === true) places.add('parked')
    }
  }
  for (const guest of host.guests.values()) {
    for (const { vif } of guest.vifs.values()) {
      if ((guest.plugins.accelerators.control(vif)?.run?.paths.lent ?? 0) > 0) places.add('vi descriptors')
    }
  }
  if (host.netback.vifs.some((vif) => vif.queues.some((queue) => queue.queued > 0)))
    places.add('driver domain')
  for (const nic of host.nics.values()) {
    if (nic.driver.standing > 0 || nic.port.segments > 0) places.add('driver domain')
    for (const { hardware } of nic.driver.vis.handles) {
      if (hardware.eventRoom < hardware.events.capacity) places.add('vi events')
    }
  }
  return places
}
