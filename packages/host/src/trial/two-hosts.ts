import type { WireValue, WorldValue } from '../value/world-value.js'

/** Two hosts joined by a wire, a guest on each whose vif asks for the accelerator of its NIC. */
export function twoHosts(accel = 'eth0', wire: Partial<WireValue> = {}): WorldValue {
  const host = (nic: string, guest: string) => ({
    nics: { eth0: { mac: nic } },
    guests: { guest1: { vifs: { vif0: { mac: guest, accel } } } },
    links: ['guest1.vif0 -> bridge', 'eth0 -> bridge'],
  })
  return {
    hosts: {
      a: host('00:0f:53:00:00:0a', '00:16:3e:00:00:01'),
      b: host('00:0f:53:00:00:0b', '00:16:3e:00:00:02'),
    },
    wires: [{ link: 'a.eth0 -> b.eth0', gbps: 10, delayUs: 2, ...wire }],
  }
}
