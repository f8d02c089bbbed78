import type { WorldValue } from '@netaccel/host'

export const MTU = 1500

/** The two guests: where each stands in the world, its TAP device, and its address behind it. */
export const GUESTS = [
  { path: 'a.guest1.vif0', tap: 'netaccel-a', address: '10.77.0.1', mac: '00:16:3e:00:00:01' },
  { path: 'b.guest1.vif0', tap: 'netaccel-b', address: '10.77.0.2', mac: '00:16:3e:00:00:02' },
] as const

/**
 * The kernel fills queues for tens of milliseconds where both hosts, the senders and the receivers share two cores: a
 * flow that changes paths then waits that long for what it sent before.
 */
const DEADLINES = { hold: 200, departure: 200, drain: 1000, handedOver: 1000 }

/** Two hosts joined by a wire, a guest on each, both asking for the accelerator of their host's NIC. */
export function mainWorld(seed: number, clock: 'virtual' | 'real'): WorldValue {
  const [one, two] = GUESTS
  const host = (nicMac: string, vifMac: string) => ({
    nics: { eth0: { mac: nicMac, mtu: MTU } },
    guests: { guest1: { vifs: { vif0: { mac: vifMac, mtu: MTU, accel: 'eth0' } } } },
    links: ['guest1.vif0 -> bridge', 'eth0 -> bridge'],
  })
  return {
    seed,
    clock,
    deadlines: DEADLINES,
    hosts: { a: host('00:0f:53:00:00:0a', one.mac), b: host('00:0f:53:00:00:0b', two.mac) },
    wires: ['a.eth0 -> b.eth0'],
  }
}
