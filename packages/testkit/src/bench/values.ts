// The worlds of the kit, made from the manifest alone.
import type { GuestValue, HostValue, WorldValue } from '@netaccel/host'
import type { Subject } from '../plugin/subject.js'

/** Frames that a bench's guests send to each other pass the NIC (`pair`), or never leave their host (`local`). */
export type Topology = 'pair' | 'local'

/** A plugin that needs no virtual interface works between the guests of one host. */
export function topologyOf({ capabilities, manifest }: Subject): Topology {
  return capabilities.has('vi') || manifest.hardware !== undefined ? 'pair' : 'local'
}

/** The NIC that the manifest brings, or the one of the host. */
function nicOf({ manifest, source }: Subject, hardware: string | undefined): { kind?: string } {
  if (hardware !== undefined) return { kind: hardware }
  return manifest.hardware === undefined ? {} : { kind: source.folder }
}

const guest = (mac: string, accel: string): GuestValue => ({ vifs: { vif0: { mac, accel } } })

export const GUEST_MACS = ['00:16:3e:00:00:01', '00:16:3e:00:00:02'] as const

/** Two hosts with a guest each, joined by a wire. */
export function pairValue(subject: Subject, seed: number, hardware?: string): WorldValue {
  const host = (nic: string, mac: string): HostValue => ({
    nics: { eth0: { mac: nic, ...nicOf(subject, hardware) } },
    guests: { guest1: guest(mac, 'eth0') },
    links: ['guest1.vif0 -> bridge', 'eth0 -> bridge'],
  })
  return {
    seed,
    hosts: {
      a: host('00:0f:53:00:00:0a', GUEST_MACS[0]),
      b: host('00:0f:53:00:00:0b', GUEST_MACS[1]),
    },
    wires: [{ link: 'a.eth0 -> b.eth0', gbps: 10, delayUs: 2 }],
  }
}

/** One host with two guests, whose vifs ask for the port of kind none that is named as the plugin. */
export function localValue({ manifest }: Subject, seed: number): WorldValue {
  return {
    seed,
    hosts: {
      a: {
        guests: { guest1: guest(GUEST_MACS[0], manifest.name), guest2: guest(GUEST_MACS[1], manifest.name) },
        links: ['guest1.vif0 -> bridge', 'guest2.vif0 -> bridge'],
      },
    },
  }
}
